"""Benchmark of the dashboard: `python -m benchmarks.dashboard --help`. Needs `make up`.

Measures the time from the call of a page in Chromium until its first figure is visible. With the
cache cleared, the browser has a new profile, and the server has no rows. With it, both have what
the loads before left: the browser has a profile on disk, as that of a person has, where it keeps
compiled scripts. The server is one of its own, beside that of the stack.
"""

import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import streamlit as st
import typer
from playwright.sync_api import Browser, BrowserContext, ViewportSize, sync_playwright
from rich.console import Console
from rich.table import Table
from streamlit.web import cli as streamlit_cli

from stack import services
from stack.services import Dashboard
from stack.settings import ROOT, Settings

PATHS = ("/", "/courses", "/course?exam=Learning%20Git", "/activity", "/pipeline")
FIGURE = '[data-testid^="figure-"]'
SLOW = re.compile(r"WARNING ([\w. ]+): (\d+\.\d+) s, (\d+) rows: (.*)")
TIMEOUT_SECONDS = 60
PROGRAM = "chromium"
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
# Chromium keeps a compiled script when it has loaded it repeatedly.
WARMING = 3

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def loads(
    number: Annotated[int, typer.Option(min=1, help="loads of each page, with and without")] = 10,
) -> None:
    """Print the time to the first figure of each page, and the statements that take long.

    Example: `python -m benchmarks.dashboard loads --number 10`
    """
    table = Table(title=f"Seconds until the first figure is visible, of {number} loads")
    for name in ("page", "cleared: p50", "p90", "cached: p50", "p90"):
        table.add_column(name, justify="left" if name == "page" else "right")
    with server() as (url, clear, log), browser() as chromium:
        for path in PATHS:
            cleared = [_load_cleared(chromium, url + path, clear) for _ in range(number)]
            with kept_profile(chromium) as profile:
                for _ in range(WARMING):
                    _load(profile, url + path)
                cached = [_load(profile, url + path) for _ in range(number)]
            table.add_row(path, *(f"{x:.2f}" for times in (cleared, cached) for x in _p(times)))
        slow = SLOW.findall(log.read_text())
    console.print(table)
    _print_slow(slow)


@app.command()
def serve(arguments: list[str]) -> None:
    """Run Streamlit with these arguments, and clear its cache at each line of the input."""

    def clear() -> None:
        for _ in sys.stdin:
            st.cache_data.clear()
            sys.stdout.write("cleared\n")
            sys.stdout.flush()

    threading.Thread(target=clear, daemon=True).start()
    streamlit_cli.main(arguments)


class Clear:
    """Clears the cache of a server that `serve` runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self) -> None:
        """Clear it, and wait until it is."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "cleared":
            pass


@contextmanager
def server() -> Iterator[tuple[str, Clear, Path]]:
    """Run a dashboard beside that of the stack.

    Yields:
        Its address, how to clear its cache, and its log.
    """
    stack = Settings()
    with TemporaryDirectory() as folder:
        settings = stack.model_copy(
            update={"dashboard_port": stack.dashboard_port + 1, "state": Path(folder)}
        )
        dashboard = Dashboard(settings)
        environment = services.environment(stack) | dashboard.variables
        dashboard.prepare(environment)
        arguments = dashboard.command()[dashboard.command().index("run") :]
        log = Path(folder) / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.dashboard", "serve", "--", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                deadline = time.monotonic() + TIMEOUT_SECONDS
                while not dashboard.is_ready() and time.monotonic() < deadline:
                    time.sleep(0.1)
                yield dashboard.url, Clear(process), log
            finally:
                process.terminate()


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    if shutil.which(PROGRAM) is None:
        sys.exit(f"error: there is no program {PROGRAM}\nremedy: `apt-get install {PROGRAM}`")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which(PROGRAM))
        yield found
        found.close()


@contextmanager
def new_profile(chromium: Browser) -> Iterator[BrowserContext]:
    """Open a profile without any cached file."""
    profile = chromium.new_context(viewport=VIEWPORT)
    yield profile
    profile.close()


@contextmanager
def kept_profile(chromium: Browser) -> Iterator[BrowserContext]:
    """Run a browser with a profile on disk, which is empty at first."""
    with TemporaryDirectory() as folder:
        profile = chromium.browser_type.launch_persistent_context(
            folder, executable_path=shutil.which(PROGRAM), viewport=VIEWPORT
        )
        yield profile
        profile.close()


def _load_cleared(chromium: Browser, url: str, clear: Clear) -> float:
    with new_profile(chromium) as profile:
        clear()
        return _load(profile, url)


def _load(profile: BrowserContext, url: str) -> float:
    """Return the seconds until the first figure of a page is visible."""
    page = profile.new_page()
    begun = time.monotonic()
    page.goto(url, wait_until="commit")
    page.locator(FIGURE).locator("visible=true").first.wait_for(timeout=TIMEOUT_SECONDS * 1000)
    seconds = time.monotonic() - begun
    page.close()
    return seconds


def _p(seconds: list[float]) -> tuple[float, float]:
    """Return the median, and the smallest time that nine of ten loads do not exceed."""
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[-(-len(ordered) * 9 // 10) - 1]


def _print_slow(found: list[tuple[str, str, str, str]]) -> None:
    """Print each statement that took longer than half a second, with its longest time."""
    longest: dict[tuple[str, str], float] = {}
    for name, seconds, _, sql in found:
        longest[name, sql] = max(float(seconds), longest.get((name, sql), 0.0))
    console.print(f"statements slower than 0.5 s: {len(found)}")
    for (name, sql), most in sorted(longest.items(), key=lambda item: -item[1]):
        console.print(f"  {most:.2f} s  {name}: {sql[:160]}", markup=False)


if __name__ == "__main__":
    app()
