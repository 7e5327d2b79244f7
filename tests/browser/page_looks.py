"""How the page of runs looks: widths, light and dark, keys, and without its chart library."""
import re
import time

from browser import Keys
from watched_page import LOSS

TABS = ["curves", "layers", "model", "evaluation", "drawing"]
TWO_RUNS = "run=watched&run=past-1&of=watched&tab="

# Of every text that is seen, how it stands out from what lies behind it, by WCAG's formula; the worst ones. What is
# disabled need not stand out.
CONTRASTS = r"""
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const parse = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
};
const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
const light = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const c = colour[i] / 255;
    return sum + weight * (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
}, 0);
const ground = (element) => {
    const behind = [];
    for (let e = element; e; e = e.parentElement) behind.unshift(parse(getComputedStyle(e).backgroundColor));
    return behind.reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
};
const left_out = "script, style, :disabled, .hidden, svg, [hidden]";
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || element.closest(left_out) || !element.checkVisibility()) continue;
    const back = ground(element), front = over(parse(getComputedStyle(element).color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(text.slice(0, 30) + " " + ratio.toFixed(2));
}
return found.slice(0, 5);
"""


def ground_of(page):
    """The page's ground: red, green, blue."""
    colour = page.js("return getComputedStyle(document.documentElement).backgroundColor")
    return [int(n) for n in re.findall(r"\d+", colour)]


def widths(t):
    page = t.page
    for width, height in ((360, 740), (768, 1024), (1440, 900)):
        page.size(width, height)
        for tab in TABS:
            t.show(TWO_RUNS + tab)
            page.wait("the tab", "return !document.querySelector('#panel-' + arguments[0]).hidden", tab)
            time.sleep(0.4)
            t.that(f"{tab} fits into {width} pixels", page.overflow() <= 0, page.overflow())
    page.size(360, 740)
    t.show()
    t.that("on a phone the runs are in a drawer", not page.find("#side").is_displayed())
    page.click("#open-runs")
    visible = "return getComputedStyle(document.querySelector('#side')).visibility === arguments[0]"
    page.wait("the drawer", visible, "visible")
    focus = page.js("return document.querySelector('#side').matches(':focus-within')")
    t.that("which opens, and takes the focus", focus)
    page.keys(Keys.ESCAPE)
    page.wait("it to close", visible, "hidden")
    small = page.js("const all = [...document.querySelectorAll('button:not(.plain, .name, .text), summary.tool')];"
                    "const low = all.filter((one) => one.checkVisibility() && one.offsetHeight < 34);"
                    "return low.map((one) => one.textContent || one.id)")
    t.that("what is to be touched is large enough", small == [], small)
    page.size(1440, 900)


def themes(t):
    page = t.page
    for dark in (False, True):
        page.media(dark=dark)
        for tab in TABS:
            t.show(TWO_RUNS + tab)
            time.sleep(0.6)
            poor = page.js(CONTRASTS)
            t.that(f"{tab} can be read in the {'dark' if dark else 'light'}", poor == [], poor)
    t.that("the page is dark where the system is", max(ground_of(page)) < 60, ground_of(page))
    page.click("#theme")
    t.that("the button makes it light", min(ground_of(page)) > 200, ground_of(page))
    page.driver.refresh()
    page.wait("the theme", "return document.documentElement.dataset.theme === 'light'")
    t.that("and that lasts", True)
    page.click("#theme")
    page.media(reduced_motion=True)
    duration = page.js("return getComputedStyle(document.querySelector('#side')).transitionDuration")
    t.that("nothing moves where that is not wanted", duration == "0s", duration)
    page.media()


def keys(t):
    page = t.page
    t.show("run=past-1")
    t.loaded("past-1")
    page.js("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached, unseen = [], []
    for _ in range(40):
        page.keys(Keys.TAB)
        name, outline = page.js("const e = document.activeElement, style = getComputedStyle(e);"
                                "return [e.id || e.className || e.tagName, style.outlineStyle]")
        reached.append(name)
        if outline == "none" and name != "BODY":
            unseen.append(name)
    wanted = {"tab-curves", "theme", "x-log", "smooth", "plot"}
    t.that("Tab reaches tabs, runs, tools and charts", wanted <= set(reached), reached[:30])
    t.that("and the focus is always seen", unseen == [], unseen)
    page.keys(Keys.ARROW_RIGHT, into="#tab-curves")
    now = page.js("return [state.now.tab, document.activeElement.id]")
    t.that("arrow keys go through the tabs", now == ["layers", "tab-layers"], now)
    page.js("document.activeElement.blur()")
    page.keys("1")
    t.that("so do their numbers", page.js("return state.now.tab") == "curves")
    page.js("document.activeElement.blur()")
    page.keys("?")
    t.that("? shows the keys", page.js("return document.querySelector('#help').open"))
    page.keys(Keys.ESCAPE)
    t.that("Escape hides them", not page.js("return document.querySelector('#help').open"))
    unnamed = page.js("""
        const all = document.querySelectorAll("button, a, input, select, summary, canvas[tabindex], .plot");
        const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.title || e.labels?.length;
        return [...all].filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML.slice(0, 80));""")
    t.that("all that can be reached has a name", unnamed == [], unnamed)


def does_without_charts(t):
    page = t.page
    script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
        "source": "Object.defineProperty(window, 'Chart', {get: () => undefined, set: () => {}})"})
    try:
        t.show("run=past-1")
        rows = t.counted("the tables", LOSS + " .numbers tbody tr")
        words = page.text(LOSS + " .missing")
        t.that("without Chart.js the page says so, and shows tables", rows > 10 and "without Chart.js" in words, words)
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


ALL = [widths, themes, keys, does_without_charts]
