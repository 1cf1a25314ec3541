"""The dashboard of the tests' services, on the demo's data, and one browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from stack import lifecycle, processes
from stack.services import Dashboard
from stack.settings import Settings
from tests.chromium import chromium


@pytest.fixture(scope="module")
def browser(inherited: dict[str, str]) -> Iterator[Browser]:
    """Chromium; it must be there in continuous integration."""
    with chromium(inherited) as found:
        yield found


@pytest.fixture(scope="module")
def dashboard(stack: Settings, sample_demo: str) -> Iterator[Dashboard]:
    """The dashboard as `make dashboard` starts it."""
    lifecycle.up(stack, print, with_dashboard=True)
    try:
        yield Dashboard(stack)
    finally:
        processes.stop(processes.find(stack.state)[Dashboard.name], grace_seconds=10)
        processes.rotate(stack.log(Dashboard.name))  # it did not die
