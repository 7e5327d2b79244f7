"""What the page of runs does with a run: steering it, looking into it, renaming and deleting it."""
import json
import os
import time

from browser import Keys
from watched_page import series

FIELD = '[data-knob="learning rate"] input[type="text"]'
SLIDER = '[data-knob="learning rate"] input[type="range"]'


def pauses(t):
    page = t.page
    t.show("of=watched")
    t.loaded("watched")
    page.click("#pause")
    t.that("pause stops the loop", t.waits(True))
    at = t.step()
    time.sleep(0.5)
    t.that("it stays there", t.step() == at, at, t.step())
    page.wait("the button to say so", "return document.querySelector('#pause').textContent === 'Resume'")
    page.click("#step")
    page.wait("its point", f"return {series()}.steps.at(-1) === arguments[0]", at)
    time.sleep(0.3)
    t.that("a single step is one step, and one point", t.step() == at + 1, at, t.step())
    page.js("document.activeElement.blur()")
    page.keys(".")
    time.sleep(0.5)
    t.that("the full stop makes a step, too", t.step() == at + 2, at, t.step())
    page.keys(Keys.SPACE)
    t.that("the space bar lets it go on", t.waits(False))
    page.keys(Keys.SPACE)
    t.that("and pauses it", t.waits(True))
    page.click("#pause")
    t.that("the button lets it go on", t.waits(False))


def type_rate(t, text):
    # clear() would leave the field, which then shows the loop's value again.
    t.page.find(FIELD).send_keys(Keys.CONTROL + "a", Keys.NULL, text)


def steers(t):
    page, rate = t.page, t.last("learning rate")
    shown = page.find(FIELD).get_attribute("value")
    t.that("the learning rate of the loop is shown", shown == "0.02", shown)
    type_rate(t, "0.0125" + Keys.ENTER)
    page.wait("the learning rate in the loop", f"return {rate} === 0.0125")
    t.that("a learning rate that is typed takes effect in the loop", True)
    page.keys(Keys.ARROW_LEFT * 20, into=SLIDER)
    lower = page.wait("a lower one", f"return {rate} < 0.0125 && {rate}")
    t.that("the slider takes effect, on a logarithmic scale", 0.005 < lower < 0.0125, lower)
    type_rate(t, "999" + Keys.ENTER)
    t.that("a number beyond the range is refused", "goes from 0 to" in t.message())
    type_rate(t, "0.02" + Keys.ENTER)
    page.wait("the old one", f"return {rate} === 0.02")
    type_rate(t, " .n")
    time.sleep(0.4)
    t.that("keys do not steer while something is typed", not t.run()["paused"])
    type_rate(t, "0.02" + Keys.ENTER)
    page.click('button[data-knob="reset"]')
    page.wait("the loop to heed it", f"return {t.last('resets')} === 1")
    t.that("a button is heeded by the loop", True)


def manages(t):
    page = t.page
    t.show("run=past-3")
    t.loaded("past-3")

    def rename(to):
        page.click('[data-run="past-3"] [data-do="rename"]')
        field = page.find("dialog input")
        field.clear()
        field.send_keys(to + Keys.ENTER)

    rename("no/slash")
    wrong = page.text("dialog .wrong")
    t.that("a name that leaves the folder is refused at once", "letters" in wrong, wrong)
    page.keys(Keys.ESCAPE)
    rename("past-1")
    t.that("a name that is taken is refused", "already" in t.message(), t.message())
    rename("renamed")
    page.wait("the new name", "return store.run('renamed') && !store.run('past-3')")
    t.loaded("renamed")
    names = os.listdir(t.folder)
    t.that("a run is renamed, in its folder and on the page", "renamed" in names and "past-3" not in names, names)

    page.click('[data-run="renamed"] [data-do="delete"]')
    page.wait("a question", "return document.querySelector('dialog[open]')")
    focus = page.js("return document.activeElement.textContent")
    t.that("what cannot be undone has not the focus", focus == "Cancel", focus)
    page.keys(Keys.ENTER)
    time.sleep(0.3)
    t.that("Cancel does nothing", os.path.isdir(t.folder + "/renamed"))
    page.click('[data-run="renamed"] [data-do="delete"]')
    page.click("dialog .danger")
    page.wait("it to go", "return !document.querySelector('[data-run=renamed]')")
    t.that("a run is deleted", not os.path.exists(t.folder + "/renamed"))
    page.click('[data-run="watched"] .name')
    live = '[data-run="watched"] [data-do]:disabled'
    t.that("a live run can be neither renamed nor deleted", t.counted("its buttons", live) == 2)


def looks(t):
    page = t.page
    t.show("of=watched&tab=layers")
    t.counted("the layers", "#layers-table tbody tr", timeout=30)
    rows = page.js("return [...document.querySelectorAll('#layers-table tbody tr')].map((row) => row.dataset.layer)")
    t.that("each layer has its rows", {"weight 1.weight", "gradient 1.weight", "output 1"} <= set(rows), rows)
    page.wait("a second look", "return / looks$/.test(document.querySelector('#layers-step').textContent)", timeout=30)
    for way in ("map", "hills"):
        page.click(f'#histogram-ways [data-way="{way}"]')
        time.sleep(0.2)
        t.that(f"the histogram over time is drawn as {way}", t.colours("#histogram canvas") > 10)
    page.click('[data-layer="gradient 1.weight"]')
    page.wait("the other layer", "return document.querySelector('#histogram h3').textContent === '1.weight, gradient'")
    words = page.text("#histogram-words")
    t.that("a layer can be chosen, and is described", "most between" in words, words)

    page.keys("3")
    t.counted("the model", "#model-tree tbody tr")
    t.that("the model's tree has shapes", "32 × 784" in page.text("#model-tree"))
    words = page.text("#model-words")
    t.that("and parameters", words == "Sequential · 25,219 parameters", words)
    page.wait("the calls", "return document.querySelectorAll('#model-graph rect').length === 4")
    words = page.text("#model-graph svg")
    t.that("its calls are drawn with their shapes", "32 × 784" in words and "output 32 × 3" in words, words)

    page.keys("4")
    t.counted("the matrix", ".matrix tbody tr", timeout=60)
    counts = page.js("const cells = [...document.querySelectorAll('.matrix tbody td:not(.edge)')];"
                     "return cells.map((cell) => Number(cell.textContent))")
    t.that("the matrix of confusions counts all samples", len(counts) == 9 and sum(counts) == 96, counts)
    t.that("by their names", "slanting" in page.text(".matrix thead"))
    t.that("samples are shown as pictures", t.count("#samples figure") == 24 and t.colours("#samples canvas") > 10)


def guess(t, words):
    """Waits until the drawing is taken for this."""
    return t.page.wait("the answer " + words, "const guess = document.querySelector('#guess').textContent;"
                                              "return guess.startsWith(arguments[0]) && guess", words)


def cleared(t):
    t.page.wait("an empty canvas", "return !document.querySelector('#probabilities li')")


def draws(t):
    page = t.page
    t.show("of=watched&tab=drawing")
    page.wait("the canvas", "return document.querySelector('#drawing').width === 224")
    page.drag("#drawing", (0.5, 0.2), (0.5, 0.8))
    words = guess(t, "upright")
    shares = page.js("const values = [...document.querySelectorAll('#probabilities .value')];"
                     "return values.map((value) => parseFloat(value.textContent))")
    t.that("an upright bar is classified", len(shares) == 3 and abs(sum(shares) - 100) < 0.3, words, shares)
    page.click("#clear-drawing")
    cleared(t)
    page.keys(Keys.ENTER, Keys.ARROW_LEFT * 9, Keys.ARROW_RIGHT * 18, Keys.ENTER, into="#drawing")
    t.that("a level one that is drawn with keys, too", guess(t, "level"))
    t.that("these keys steer nothing", not t.run()["paused"])
    page.keys(Keys.DELETE)
    cleared(t)

    page.size(360, 740)
    page.wait("the drawer to go", "return getComputedStyle(document.querySelector('#side')).visibility === 'hidden'")
    page.js("document.querySelector('#drawing').scrollIntoView({block: 'center'})")
    x, y, side = page.js("const box = document.querySelector('#drawing').getBoundingClientRect();"
                         "return [box.x, box.y, box.width]")
    shares = [0.2 + i * 0.05 for i in range(13)]
    for share in shares:
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {
            "type": "touchStart" if share == shares[0] else "touchMove",
            "touchPoints": [{"x": x + side / 2, "y": y + side * share}]})
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    t.that("one that is drawn with a finger, too", guess(t, "upright"))
    page.size(1440, 900)


def warns(t):
    page = t.page
    t.show("of=watched")
    t.loaded("watched")
    t.that("there is no warning while all is well", not page.find("#banner").is_displayed())
    page.click('button[data-knob="spoil"]')
    words = page.wait("the warning", "const banner = document.querySelector('#banner');"
                                     "return !banner.hidden && banner.textContent", timeout=40)
    t.that("NaN is warned of", "NaN" in words, words)
    t.counted("where it is", "#banner button", timeout=40)
    page.click("#banner button")
    t.counted("the layers", ".badge.bad", timeout=20)
    t.that("and the layer is shown", "NaN" in page.text(".badge.bad"), page.text(".badge.bad"))


def stops(t):
    page = t.page
    page.click("#stop")
    page.click("dialog .danger")
    t.that("stop ends the loop, and the program", t.program.wait(15) == 0, t.program.process.returncode)
    t.counted("the page to notice", "#connection.lost")
    t.that("the page says that nobody answers any more", "no connection" in page.text("#connection"))
    with open(t.folder + "/watched/run.json") as file:
        t.that("the run is there, as stopped", json.load(file)["outcome"] == "stopped")


ALL = [pauses, steers, manages, looks, draws]
