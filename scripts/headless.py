"""A headless Chromium for scripts and tests that open a report: Debian's `chromium` and `chromium-driver`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def available() -> bool:
    """Whether browser and driver are installed."""
    return bool(BROWSER and DRIVER)


@contextmanager
def chromium() -> Iterator[Any]:
    """A selenium WebDriver, open until the block ends, which keeps the logs of console and network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield window
    finally:
        window.quit()


def set_view(window: Any, width: int, height: int, dark: bool = False) -> None:
    """Sets the page's size in pixels and the reader's theme; a width below 500 pixels is a phone's."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


class BrowserPage:
    """A file that is open in the browser, whose logs begin with it.

    Args:
        browser: of `chromium`.
        path: the file.
        width: of the page, in pixels.
        dark: the reader's theme.
    """

    def __init__(self, browser: Any, path: Path, width: int = 1200, dark: bool = False) -> None:
        self.browser, self.path = browser, path
        set_view(browser, width, 900, dark)
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(path.as_uri())

    def js(self, code: str, *arguments: Any) -> Any:
        """The value of an expression in the page."""
        return self.browser.execute_script(f"return {code}", *arguments)

    def all(self, selector: str) -> list[Any]:
        """The elements that a CSS selector finds."""
        found: list[Any] = self.browser.find_elements("css selector", selector)
        return found
