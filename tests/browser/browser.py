"""A program that serves a page, and a headless Chromium that looks at it: what the tests of pages have in common.

    import browser
    with browser.Program([build + "/examples/playground"]) as program, browser.Page() as page:
        page.open(program.url)
        page.wait("the title", "return document.title")

Importing it ends the test with 77, which CTest counts as skipped, and says why, where there is no browser to test with.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SKIPPED = 77
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)


try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    # Debian's package is for Debian's Python, which need not be the first of PATH.
    system = "/usr/bin/python3"
    if os.path.exists(system) and os.path.realpath(sys.executable) != os.path.realpath(system):
        sys.stdout.flush()
        os.execv(system, [system] + sys.argv)
    skip("there is no selenium for Python; on Debian and Ubuntu: tools/setup ci")
if not CHROMIUM or not DRIVER:
    skip("there is no %s; on Debian and Ubuntu: tools/setup ci" % ("chromedriver" if CHROMIUM else "chromium"))


class Program(contextlib.AbstractContextManager):
    """A program that prints the address that it serves, on standard output or error; url is that address."""

    def __init__(self, command, folder=None, timeout=30):
        self.command = command
        self.lines = []
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")
        self.url = None
        self.found = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.found.wait(timeout) or not self.url:
            self.stop()
            raise RuntimeError("%s printed no address, but:\n%s" % (" ".join(command), "".join(self.lines[-20:])))

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            address = re.search(r"http://[^\s\"'<>]+", line)
            if address and not self.url:
                self.url = address.group(0).rstrip(".,;:)")
                self.found.set()
        self.found.set()

    def running(self):
        return self.process.poll() is None

    def wait(self, timeout):
        """Its exit status, or None when it has not ended by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout)

    def stop(self):
        """Interrupts it as Ctrl-C would, twice when it does not listen, and then kills it. Its exit status."""
        for number, patience in ((signal.SIGINT, 5), (signal.SIGINT, 5), (signal.SIGKILL, 5)):
            if self.running():
                self.process.send_signal(number)
                self.wait(patience)
        self.reader.join(5)
        return self.process.returncode

    def __exit__(self, *error):
        self.stop()


class Page(contextlib.AbstractContextManager):
    """A window of a headless Chromium, with an empty profile of its own."""

    def __init__(self, width=1440, height=900):
        self.folder = tempfile.mkdtemp(prefix="facula-browser-")
        self.downloads = os.path.join(self.folder, "downloads")
        os.mkdir(self.downloads)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        arguments = ["headless=new", "user-data-dir=" + os.path.join(self.folder, "profile"), "no-first-run",
                     "disable-dev-shm-usage", "disable-background-networking", "disable-component-update",
                     "disable-default-apps", "disable-sync", "mute-audio", "lang=en-GB", "force-device-scale-factor=1",
                     "window-size=%d,%d" % (width, height)]
        if os.geteuid() == 0:
            arguments.append("no-sandbox")  # Chromium's sandbox refuses to run as root
        for argument in arguments:
            options.add_argument("--" + argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.driver.set_script_timeout(60)
        self._cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=self.downloads)
        self.size(width, height)

    def _cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def __exit__(self, *error):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what it looks like --------------------------------------------------------------------------------------

    def size(self, width, height, touch=None):
        """Of the page. Below 600 it is a phone's, unless told otherwise: with touch, and without a mouse."""
        phone = width < 600 if touch is None else touch
        self._cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self._cdp("Emulation.setTouchEmulationEnabled", enabled=phone)

    def media(self, dark=False, reduced_motion=False):
        self._cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}])

    def picture(self, path):
        self.driver.save_screenshot(path)

    def overflow(self):
        """By how many pixels the page is wider than its window. (A phone's innerWidth grows with the page.)"""
        return self.js("const page = document.documentElement; return page.scrollWidth - page.clientWidth")

    def errors(self):
        """What was written on the console as an error since it was last asked for, uncaught exceptions too."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    # ---- what it does --------------------------------------------------------------------------------------------

    def open(self, url):
        self.driver.get(url)

    def js(self, code, *arguments):
        """What this body of a function returns; it finds the arguments in arguments[0], …"""
        return self.driver.execute_script(code, *arguments)

    def wait(self, what, code, *arguments, timeout=15):
        """What the code returns, as soon as that is true."""
        end = time.monotonic() + timeout
        while True:
            value = self.js(code, *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError("waited %g s in vain for %s" % (timeout, what))
            time.sleep(0.05)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        """As it lies in the document, seen or not."""
        return self.js("const e = document.querySelector(arguments[0]); return e && e.textContent.trim()", css)

    def click(self, css):
        element = self.find(css)
        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def keys(self, *keys, into=None):
        """Presses keys, where the focus is or in that element. Keys.SPACE and others are in browser.Keys."""
        if into:
            self.js("document.querySelector(arguments[0]).focus()", into)
        ActionChains(self.driver).send_keys(*keys).perform()

    def drag(self, css, *points, steps=8):
        """Presses the mouse in an element, moves it along these points and lets go. A point is a share of the element's
        width and height: (0.5, 0.5) is its middle."""
        element = self.find(css)
        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        width, height = element.size["width"], element.size["height"]
        where = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in points]
        chain = ActionChains(self.driver, duration=10)
        chain.move_to_element_with_offset(element, *where[0]).click_and_hold()
        at = where[0]
        for begin, end in zip(where, where[1:]):
            for i in range(1, steps + 1):
                to = tuple(round(a + (b - a) * i / steps) for a, b in zip(begin, end))
                chain.move_by_offset(to[0] - at[0], to[1] - at[1])
                at = to
        chain.release().perform()

    def downloaded(self, pattern, timeout=15):
        """The path of a file that was downloaded whole and whose name matches."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for name in os.listdir(self.downloads):
                if re.fullmatch(pattern, name):
                    return os.path.join(self.downloads, name)
            time.sleep(0.05)
        raise AssertionError("no download is called %s; there are %s" % (pattern, os.listdir(self.downloads)))


class Checks:
    """Counts what holds and what does not, and goes on, so that one run shows all."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, holds, *details):
        if holds:
            self.passed += 1
            print("ok      " + what, *details, flush=True)
        else:
            self.failed += 1
            print("FAILED: " + what, *details, flush=True)
        return bool(holds)

    @contextlib.contextmanager
    def group(self, what):
        """Checks that belong together: an exception is one that failed, and the next group is tried."""
        try:
            yield
        except Exception as error:  # of the page, of the browser, or a wait that was in vain
            self.that(what, False, type(error).__name__ + ":", str(error).split("\nStacktrace")[0])

    def end(self):
        print("%d passed, %d failed" % (self.passed, self.failed))
        sys.exit(1 if self.failed else 0)
