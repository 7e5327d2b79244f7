"""What the checks of the page of runs have in common: the training that is watched, and ways to ask the page."""
import json
import time
import urllib.request

LOSS = '.chart[data-chart="loss"]'
PLOT = LOSS + " .plot"


def series(run="watched", curve="loss/train"):
    """A curve's points, in the page's own words."""
    return f"store.wholeSeries('{run}').get('{curve}')"


class WatchedPage:
    """A page, and the program of watched.c that serves it; folder is where its runs are."""

    def __init__(self, folder, program, page, checks):
        self.folder, self.program, self.page, self.that = folder, program, page, checks.that

    # ---- the server ----------------------------------------------------------------------------------------------

    def get(self, path):
        with urllib.request.urlopen(self.program.url.rstrip("/") + path) as answer:
            return answer.read().decode()

    def run(self, name="watched"):
        return next(run for run in json.loads(self.get("/api/runs"))["runs"] if run["name"] == name)

    def step(self):
        return self.run()["step"]

    def waits(self, wanted):
        """Whether the loop comes to wait, or goes on."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.run()["waiting"] == wanted:
                return True
            time.sleep(0.05)
        return False

    # ---- the page ------------------------------------------------------------------------------------------------

    def show(self, state=""):
        """Loads the page anew, with this behind the "#"."""
        self.page.open("about:blank")
        self.page.open(self.program.url + "#" + state)
        self.page.wait("the list of runs", "return document.querySelector('#runs .run')")

    def loaded(self, *runs):
        for run in runs:
            self.page.wait("the curves of " + run, f"return {series(run)}?.steps.length > 10")
        self.page.wait("the charts", "return curvesTab.cards().length && curvesTab.cards()[0].chart.scales.x.max > 1")

    def steps(self):
        return self.page.js(f"return [...{series()}.steps]")

    def more(self, count, than):
        """Waits for so many more steps than these."""
        self.page.wait("more points", f"return {series()}.steps.length > arguments[0]", len(than) + count)
        return self.steps()

    def last(self, curve):
        return f"{series('watched', curve)}?.last"

    def chart(self, code, name="loss"):
        """What an expression about a `card` is; x and y are its scales."""
        return self.page.js("const card = curvesTab.cards().find((card) => card.name === arguments[0]); "
                            f"const {{x, y}} = card.chart.scales; return {code}", name)

    def axes(self, what, condition):
        """Waits for this about the loss's scales x and y."""
        return self.page.wait(what, "const card = curvesTab.cards()[0]; if (!card) return false; "
                                    f"const {{x, y}} = card.chart.scales; return {condition}")

    def count(self, css):
        return self.page.js("return document.querySelectorAll(arguments[0]).length", css)

    def counted(self, what, css, timeout=15):
        return self.page.wait(what, "return document.querySelectorAll(arguments[0]).length", css, timeout=timeout)

    def message(self):
        return self.page.wait("a message", "return document.querySelector('.note.bad')?.textContent")

    def colours(self, css):
        """How many colours a canvas has: one means that nothing is drawn."""
        return self.page.js("""
            const canvas = document.querySelector(arguments[0]), found = new Set();
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            for (const pixel of new Uint32Array(data.buffer)) found.add(pixel);
            return found.size;""", css)
