"""The Chromium of this machine, in which pages are opened as a reader opens them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def chromium(inherited: dict[str, str]) -> Iterator[Browser]:
    """Start it without a window; skip the test where it is not installed, but not in CI."""
    if not CHROMIUM.exists() and "CI" not in inherited:
        pytest.skip(f"there is no {CHROMIUM}: install the package chromium")
    with sync_playwright() as playwright:
        # Its sandbox does not start as root, and in containers. Only pages of our own are opened.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
