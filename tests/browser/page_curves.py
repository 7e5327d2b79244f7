"""What the page of runs shows in its charts, and what can be done with them."""
import csv
import re
import struct
import time
import xml.etree.ElementTree as ElementTree

from browser import ActionChains, Keys
from watched_page import LOSS, PLOT, series


def loads(t):
    page = t.page
    t.show()
    t.loaded("watched")
    page.wait("the events", "return document.querySelector('#connection.connected')")
    title = page.js("return document.title")
    t.that("the page has its title", title == "watched · facula", title)
    names = page.js("return [...document.querySelectorAll('#runs .run')].map((row) => row.dataset.run)")
    t.that("all runs are listed, the newest first", names == ["watched", "past-3", "past-2", "past-1"], names)
    dots = [page.find(f'[data-run="{name}"] .live').is_displayed() for name in ("watched", "past-1")]
    t.that("a live run has a dot, one that has ended has none", dots == [True, False])
    last = page.wait("the last loss", "return document.querySelector('[data-run=\"past-1\"] .last').textContent")
    t.that("a run that has ended shows its last loss", re.fullmatch(r"\d\.\d+", last), last)
    t.that("its notes are shown", "SGD" in page.text('[data-run="watched"] .more'))
    page.wait("all charts", "return document.querySelectorAll('.chart').length >= 3")
    charts = page.js("return [...document.querySelectorAll('.chart')].map((card) => card.dataset.chart)")
    t.that("there is a chart for each name before a /", charts[:3] == ["loss", "accuracy", "learning rate"], charts)
    drawn = [t.colours(f'.chart[data-chart="{name}"] canvas') for name in charts[:2]]
    t.that("something is drawn on them", min(drawn) > 20, drawn)
    others = page.js("return performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
                     ".filter((path) => !/^.(api|events)/.test(path))")
    t.that("the page is one document", others == [], others)


def grows(t):
    page = t.page
    before = t.steps()
    after = t.more(50, before)
    t.that("the curve grows while it trains", len(after) > len(before) + 50, len(before), len(after))
    t.that("without a gap", after == list(range(1, len(after) + 1)))
    page.js("window.heard = bus.listeners.get('event:points'); bus.listeners.set('event:points', [])")
    time.sleep(0.7)
    page.js("bus.listeners.set('event:points', window.heard)")
    after = t.more(100, after)
    t.that("what was missed is asked for", after == list(range(1, len(after) + 1)))
    page.wait("a redrawn axis", "return curvesTab.cards()[0].chart.scales.x.max > arguments[0]", before[-1])
    page.wait("the validation", f"return {series('watched', 'loss/validation')}?.steps.length", timeout=60)
    key = page.wait("both", "const key = document.querySelector(arguments[0]).textContent;"
                            "return key.includes('validation') && key", LOSS + " .key")
    t.that("train and validation are told apart", key == "trainvalidation", key)


def zooms(t):
    page = t.page
    t.show("run=past-1")
    t.loaded("past-1")
    whole = t.chart("[x.min, x.max]")
    coarse = page.js(f"return {series('past-1')}.steps.length")
    page.drag(PLOT, (0.4, 0.5), (0.6, 0.5))
    narrow = t.axes("the zoom", f"x.max < {whole[1]} && [x.min, x.max]")
    share = (narrow[1] - narrow[0]) / (whole[1] - whole[0])
    t.that("a drag zooms to what it covers", 0.15 < share < 0.3 and narrow[0] > whole[0], narrow)
    page.wait("the zoom's own points", f"return store.series('past-1').get('loss/train') !== {series('past-1')}")
    seen = page.js("return store.series('past-1').get('loss/train').steps"
                   ".filter((step) => step >= arguments[0] && step <= arguments[1]).length", *narrow)
    t.that("it shows points that the whole has no room for", seen > coarse * share * 1.5, seen, coarse * share)
    t.that("the other charts follow", abs(t.chart("x.max", "accuracy") - narrow[1]) < 1e-6)

    page.js("document.querySelector(arguments[0]).focus()", PLOT)
    page.js("const plot = document.querySelector(arguments[0]), box = plot.getBoundingClientRect();"
            "plot.dispatchEvent(new WheelEvent('wheel', {deltaY: -120, bubbles: true, cancelable: true,"
            "    clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}))", PLOT)
    page.wait("the wheel", "return state.now.to - state.now.from < arguments[0]", (narrow[1] - narrow[0]) * 0.95)
    t.that("the wheel zooms", True)
    before = page.js("return state.now.from")
    ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    t.that("Shift with an arrow moves", page.js("return state.now.from") > before)
    ActionChains(page.driver).double_click(page.find(PLOT)).perform()
    t.axes("all to be shown", f"x.min === {whole[0]} && x.max === {whole[1]}")
    t.that("a double click shows all", True)


def reads(t):
    page = t.page
    t.show("run=past-1&run=past-2")
    t.loaded("past-1", "past-2")
    ActionChains(page.driver).move_to_element(page.find(PLOT)).perform()
    words = page.wait("the read-out", "const readout = document.querySelector(arguments[0]);"
                                      "return !readout.hidden && readout.textContent", LOSS + " .readout")
    t.that("hovering reads all curves off", re.match("step.*past-1.*past-2|step.*past-2.*past-1", words), words)
    page.keys(Keys.ARROW_RIGHT, into=PLOT)
    first = page.wait("what is read out", "return document.querySelector('#spoken').textContent")
    page.keys(Keys.ARROW_RIGHT)
    page.wait("the next", "return document.querySelector('#spoken').textContent !== arguments[0]", first)
    t.that("arrow keys read them out", "past-1 train" in first, first)
    label = page.js("return document.querySelector(arguments[0]).getAttribute('aria-label')", PLOT)
    t.that("a chart says what it shows", "Chart of loss" in label and "past-2" in label, label[:80])
    page.click(LOSS + " .numbers summary")
    t.that("its numbers are a table, too", t.counted("the table", LOSS + " .numbers tbody tr") > 10)


def scales(t):
    page = t.page
    t.show("run=past-1")
    t.loaded("past-1")
    page.click(LOSS + " .tool.text")
    t.axes("a logarithmic axis", "y.type === 'logarithmic' && y.min > 0")
    t.that("the values' axis can be logarithmic", True)
    page.click("#x-log")
    t.axes("a logarithmic axis", "x.type === 'logarithmic'")
    page.wait("the points of each decade", f"return {series('past-1')}?.geometric")
    first = page.js(f"return {series('past-1')}.steps.slice(0, 10)")
    t.that("the steps' axis, too, with each of the first steps", first == list(range(1, 11)), first)
    page.js("const s = document.querySelector('#smooth'); s.value = 100; s.dispatchEvent(new Event('input'))")
    page.wait("the address", "return ['smooth=0.9', 'logy=loss', 'logx=1'].every((one) => location.hash.includes(one))")
    t.that("what is shown stands in the address", True)
    page.driver.refresh()
    t.loaded("past-1")
    t.axes("the axes", "x.type === 'logarithmic' && y.type === 'logarithmic'")
    now = page.js("return [state.now.smooth, state.now.run[0]]")
    t.that("and is there again after a reload", now == [0.9, "past-1"], now)
    page.click("#x-log")
    page.click("#x-time")
    t.axes("an axis of time", "x.type === 'linear' && x.max < 5 && / m?s$/.test(x.ticks.at(-1).label)")
    t.that("the x axis can be time", True)


def smooths(t):
    """What the page does with points, on points that are known."""
    page = t.page
    values = [1 / (1 + i / 500) + ((i * 7919) % 1000 - 500) / 1500 for i in range(10000)]
    values[4321], values[8765] = 9, -9
    total = weight = 0
    expected = []
    for value in values:
        total, weight = 0.99 * total + 0.01 * value, 0.99 * weight + 0.01
        expected.append(total / weight)
    few = page.js("const values = arguments[0], s = new Series('few');"
                  "s.add({steps: values.map((_, i) => i), values}); return s.smooth(0.99)", values[:1000])
    t.that("smoothing is the average without the bias of its beginning",
           all(abs(a - b) < 1e-9 for a, b in zip(expected, few)), few[:2])
    many = page.js("""const s = new Series("many");
        for (let i = 0; i < 10000; i += 100) {
            const values = arguments[0].slice(i, i + 100);
            s.add({steps: values.map((_, k) => i + k), values});
            s.smooth(0.99);
        }
        return {steps: s.steps, values: s.values, smooth: s.smooth(0.99), count: s.count};""", values)
    steps = many["steps"]
    t.that("points that come one after the other are thinned out",
           1000 < len(steps) <= 4000 and many["count"] == 10000 and steps == sorted(set(steps)), len(steps))
    t.that("without losing an extreme", max(many["values"]) == 9 and min(many["values"]) == -9)
    off = max(abs(value - expected[step]) for step, value in zip(steps, many["smooth"]) if step > 100)
    t.that("or what they were on average", off < 0.05, round(off, 4))


def exports(t):
    page = t.page
    t.show("run=past-1&run=past-2")
    t.loaded("past-1", "past-2")
    page.wait("both curves", "return curvesTab.cards()[0].chart.data.datasets[0].curves.length === 2")
    for number in (3, 2, 1):  # CSV, SVG, PNG
        page.click(LOSS + " .menu summary")
        page.click(f"{LOSS} .items button:nth-child({number})")

    with open(page.downloaded(r"loss\.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    logged = list(csv.DictReader(t.get("/api/csv?run=past-2&curve=loss%2Ftrain").splitlines()))
    mine = [(row["step"], row["value"]) for row in rows if row["run"] == "past-2"]
    t.that("the CSV has every value of each run", mine == [(row["step"], row["value"]) for row in logged] and
           len(mine) == 10000 and len(rows) == 20000, len(rows))

    root = ElementTree.parse(page.downloaded(r"loss\.svg")).getroot()
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    lines = [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path") if len(path.get("d")) > 500]
    t.that("the SVG has a title, both curves, axes and a legend", words[0] == "loss" and len(lines) == 2 and
           {"past-1 · train", "past-2 · train", "step", "0"} <= set(words), words)
    low, high = t.chart("[y.min, y.max]")
    place = float(re.match(r"M[\d.]+ ([\d.]+)", lines[1]).group(1))
    expected = 400 - 352 * (float(mine[0][1]) - low) / (high - low)
    t.that("its curve is where its values are", abs(expected - place) < 1, place, expected)

    with open(page.downloaded(r"loss\.png"), "rb") as file:
        png = file.read()
    size = struct.unpack(">II", png[16:24])
    good = png[:8] == b"\x89PNG\r\n\x1a\n" and size[0] == 1800 and len(png) > 10000
    t.that("the PNG is a picture", good, size, len(png))


def compares(t):
    page = t.page
    t.show("run=past-1")
    t.loaded("past-1")
    page.click('[data-run="watched"] input')
    t.loaded("watched")
    runs = "new Set(curvesTab.cards()[0].curves.map((curve) => curve.run))"
    page.wait("both", f"return {runs}.size === 2")
    colours = set(t.chart("card.curves.map((curve) => curve.colour)"))
    t.that("runs are laid over each other in colours of their own", len(colours) == 2, colours)
    page.click('[data-run="past-1"] input')
    page.wait("one", f"return {runs}.size === 1")
    t.that("and taken away again", t.chart("card.curves[0].run") == "watched")


ALL = [loads, grows, zooms, reads, scales, smooths, exports, compares]
