"""A real browser for tests: headless Chromium, with WebGL in software.

Chromium and its driver are the system's (Debian: chromium and chromium-driver); tests that need
them skip where there are none.
"""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_DRIVER = shutil.which("chromedriver")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    # WebGL without a graphics card, computed by the processor.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
_SCRIPT_SECONDS = 240


@contextlib.contextmanager
def chromium(*arguments: str, width: int = 1280, height: int = 900) -> Iterator[WebDriver]:
    """Start a browser for as long as the context lasts.

    Args:
        arguments: Further ones of Chromium's command line, e.g. "--force-dark-mode".
        width: Of the window, in CSS pixels.
        height: The same.
    """
    if not (_CHROMIUM and _DRIVER):
        pytest.skip("there is no chromium and chromedriver on this machine")
    options = Options()
    options.binary_location = _CHROMIUM
    for argument in (*_ARGUMENTS, f"--window-size={width},{height}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    try:
        driver.set_script_timeout(_SCRIPT_SECONDS)
        driver.set_page_load_timeout(_SCRIPT_SECONDS)
        yield driver
    finally:
        driver.quit()


def run_module(driver: WebDriver, body: str, *arguments: Any) -> Any:
    """Run the body of an async function in the page, and return what it returns.

    Args:
        driver: The browser.
        body: JavaScript; `await import(…)` works, `args` are the arguments.
        arguments: Passed to it.

    Raises:
        AssertionError: It throws; the message has its name, code and message.
    """
    script = f"""
      const done = arguments[arguments.length - 1];
      const args = [...arguments].slice(0, -1);
      (async () => {{ {body} }})().then(
        (value) => done({{value: value === undefined ? null : value}}),
        (error) => done({{error: `${{error.name}} ${{error.code || ''}}: ${{error.message}}`}}));
    """
    answer: dict[str, Any] = driver.execute_async_script(script, *arguments)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["value"]


def console_errors(driver: WebDriver) -> list[str]:
    """Return what the console said that is severe, since the last time it was asked."""
    entries: list[dict[str, str]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
