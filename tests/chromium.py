"""The Chromium of this machine, in which pages are opened as a reader opens them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium(inherited: dict[str, str]) -> Iterator[Browser]:
    """Start it without a window; skip the test where it is not installed, but not in CI."""
    program = shutil.which("chromium")
    if program is None:
        message = "there is no program chromium; remedy: `apt-get install chromium`"
        if inherited.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()
