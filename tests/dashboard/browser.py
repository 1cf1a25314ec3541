"""Chromium as a reader uses it: pages, and what goes wrong while they are open."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocket

from stack.settings import HOST

COURSE = "Learning Git"
PATHS = ("/", "/courses", "/course?exam=Learning%20Git", "/activity", "/pipeline")
DESKTOP, PHONE = 1280, 390
HEIGHT = 900
# Busy machines take long; each time limit of a test is its own.
PATIENCE_MS = 60_000

IS_SETTLED = """() => {
    const found = id => document.querySelectorAll(`[data-testid="${id}"]`);
    return document.querySelector('[data-test-script-state="notRunning"]')
        && found('state-loading').length === 0
        && (found('published').length || document.querySelector('[data-testid^="state-"]'))
        && [...found('stVegaLiteChart')].every(chart => chart.querySelector('svg'));
}"""


@dataclass
class Visit:
    """An open page.

    Attributes:
        errors: what its console said of errors, and its exceptions.
        strangers: addresses that it asked for on other machines; none is let through.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until the page shows what it has to show."""
        self.page.wait_for_function(IS_SETTLED, timeout=PATIENCE_MS)

    def open_tables(self) -> None:
        """Open all tables that are folded away."""
        closed = self.page.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        self.settle()

    def state(self, name: str) -> str:
        """The words of a state, once the page shows it."""
        words = self.page.get_by_test_id(f"state-{name}").first
        words.wait_for(timeout=PATIENCE_MS)
        return words.inner_text()


@contextmanager
def visit(browser: Browser, url: str, width: int, scheme: str = "light") -> Iterator[Visit]:
    """Open an address in a new profile, so with nothing cached.

    Args:
        width: of the window, in pixels.
        scheme: the reader's colours, `light` or `dark`.
    """
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        accept_downloads=True,
    )
    try:
        seen = Visit(context.new_page())
        seen.page.on("console", lambda message: _note_error(seen, message))
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on("websocket", lambda socket: _note_stranger(seen, socket))
        seen.page.on("request", lambda request: _note_stranger(seen, request))
        context.route(
            lambda address: not _is_here(address), lambda route: route.abort("accessdenied")
        )
        seen.page.goto(url)
        seen.settle()
        yield seen
    finally:
        context.close()


def _note_error(seen: Visit, message: ConsoleMessage) -> None:
    if message.type == "error":
        seen.errors.append(f"{message.text} ({message.location['url']})")


def _note_stranger(seen: Visit, asked: Request | WebSocket) -> None:
    if not _is_here(asked.url):
        seen.strangers.append(asked.url)


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("data", "blob") or parts.hostname == HOST
