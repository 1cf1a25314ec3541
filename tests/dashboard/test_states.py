"""What the pages say during a publication, of old data, and of what is missing."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from stack import lifecycle, processes, services
from stack.services import Dashboard
from stack.settings import Settings
from tests.dashboard import figures
from tests.dashboard.browser import DESKTOP, PATHS, PATIENCE_MS, Visit, visit
from tests.dashboard.publications import by_hand
from tests.end_to_end.raw_batches import emptied
from tests.end_to_end.small_project import drop_schemas
from tests.end_to_end.statements import exposed, recorded, tables
from tests.end_to_end.warehouse import build
from tests.ingest.faults.job import until

pytestmark = pytest.mark.services

ANSWER = "figure-answers.answer_attempts-courses_assessed"
BIN = "figure-score_distribution.attempts-5"
# Both figures, if the page is not just being written.
BOTH_FIGURES = """names => document.querySelector('[data-test-script-state="notRunning"]')
    && names.map(name => document.querySelector(`[data-testid="${name}"]`)?.textContent)"""
NOT_FOR_READERS = re.compile(r"\b(raw|staging|flattened|audit)\.|\b(stg|flat|fct)_\w+")


@contextmanager
def second_dashboard(stack: Settings, **settings: Any) -> Iterator[Dashboard]:
    """Another dashboard beside that of the stack, with nothing cached."""
    port = {"dashboard_port": stack.dashboard_port + 1}
    other = Dashboard(stack.model_copy(update=port | settings))
    environment = services.environment(stack) | other.variables
    name = "second-dashboard"
    other.prepare(environment)
    try:
        processes.start(stack.state, name, other.command(), environment, stack.log(name))
        until(other.is_ready, "the second dashboard answers")
        yield other
    finally:
        processes.stop(processes.find(stack.state)[name], grace_seconds=10)


def both_figures(seen: Visit) -> tuple[str, str] | None:
    found = seen.page.evaluate(BOTH_FIGURES, [ANSWER, BIN])
    return (found[0], found[1]) if found else None


def watch(pages: list[Visit], seconds: float) -> set[tuple[str, str]]:
    """What the pages show during some seconds."""
    found = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found |= {figures for seen in pages if (figures := both_figures(seen))}
        pages[0].page.wait_for_timeout(100)
    return found


def test_a_page_never_shows_two_publications(browser: Browser, dashboard: Dashboard) -> None:
    marts = ("below_pass_mark", "time_to_finish")
    with by_hand() as publications, visit(browser, dashboard.url, DESKTOP) as early:
        before = both_figures(early)
        assert before and None not in before
        publications.publish("questions.answers", answer_attempts="'98,765'")
        with visit(browser, dashboard.url, DESKTOP) as late:
            assert watch([early, late], seconds=3) == {before}
            for mart in marts:
                publications.publish(f"questions.{mart}")
            publications.publish("questions.score_distribution", attempts="attempts + 54321")
            after = ("98,765", f"{int(before[1].replace(',', '')) + 54321:,}")
            expect(early.page.get_by_test_id(ANSWER)).to_have_text(after[0], timeout=PATIENCE_MS)
            seen = watch([early, late], seconds=5)
            assert seen <= {before, after} and after in seen
            assert early.errors == late.errors == []


def test_a_mart_that_lacks_the_newest_batch_is_called_old(
    browser: Browser, dashboard: Dashboard
) -> None:
    with by_hand() as publications:
        publications.publish("questions.attempts_by_date", minutes_ago=60)
        with visit(browser, dashboard.url + "/activity", DESKTOP) as seen:
            assert "attempts_by_hour" in seen.state("stale")
            assert figures.shown(seen.page), "figures are shown nevertheless"
            publications.undo()
            expect(seen.page.get_by_test_id("state-stale")).to_have_count(0, timeout=PATIENCE_MS)
            assert seen.errors == []


def test_data_that_nobody_renewed_are_called_old(
    stack: Settings, browser: Browser, dashboard: Dashboard
) -> None:
    with (
        second_dashboard(stack, dashboard_max_age_hours=0.0001) as strict,
        visit(browser, strict.url, DESKTOP) as seen,
    ):
        assert "`" not in seen.state("stale") and "dbt build" in seen.state("stale")
        assert figures.shown(seen.page) == figures.expected(figures.PAGES["/"])


def test_a_mart_that_is_not_published_is_named_until_it_is(
    browser: Browser, dashboard: Dashboard
) -> None:
    with by_hand() as publications, visit(browser, dashboard.url + "/activity", DESKTOP) as seen:
        publications.withdraw("questions.attempts_by_hour")
        words = seen.state("empty")
        assert "attempts_by_hour" in words and "dbt build" in words
        with visit(browser, dashboard.url + "/pipeline", DESKTOP) as other:
            assert figures.shown(other.page), "other pages do not need it"
        publications.undo()
        seen.page.get_by_test_id("published").wait_for(timeout=PATIENCE_MS)
        expect(seen.page.get_by_test_id("state-empty")).to_have_count(0)
        assert seen.errors == []


def test_statements_read_the_marts_that_the_exposure_names(
    stack: Settings, browser: Browser, dashboard: Dashboard
) -> None:
    with recorded(stack) as statements, second_dashboard(stack) as fresh:
        for path in PATHS:
            with visit(browser, fresh.url + path, DESKTOP):
                pass
    assert tables(statements) == exposed("dashboard")
    assert [s for s in statements if NOT_FOR_READERS.search(s)] == []


@pytest.mark.long
@pytest.mark.parametrize("path", ["/", "/courses"])
def test_a_spark_that_is_killed_is_said_in_words_until_it_is_back(
    stack: Settings, browser: Browser, dashboard: Dashboard, path: str
) -> None:
    with visit(browser, dashboard.url + path, DESKTOP) as seen:
        [spark] = [p for p in processes.find(stack.state)["spark"] if "java" in p.name()]
        spark.kill()
        killed = time.monotonic()
        words = seen.state("down")
        assert time.monotonic() - killed <= 5
        assert "Spark" in words and "answer" in words and "python -m stack" in words
        for other in PATHS:
            with visit(browser, dashboard.url + other, DESKTOP) as late:
                assert "Spark does not answer" in late.state("down")
                assert late.errors == []
        lifecycle.up(stack, print)
        seen.page.get_by_test_id("published").wait_for(timeout=PATIENCE_MS)
        seen.settle()
        expect(seen.page.get_by_test_id("state-down")).to_have_count(0)
        assert figures.shown(seen.page) == figures.expected(figures.PAGES[path])
        assert seen.errors == []


@pytest.mark.long
def test_pages_go_on_working_while_a_build_publishes(
    browser: Browser, dashboard: Dashboard
) -> None:
    """All tables are made again from the same messages, so no figure changes."""
    with visit(browser, dashboard.url, DESKTOP) as seen:
        before = figures.shown(seen.page)
        building = threading.Thread(target=build, args=("--full-refresh",))
        building.start()
        while building.is_alive():
            for path in PATHS:
                with visit(browser, dashboard.url + path, DESKTOP) as other:
                    assert figures.shown(other.page), f"{path}: {other.page.inner_text('body')}"
                    assert other.errors == []
            assert figures.shown(seen.page) == before
        building.join()
        seen.settle()
        assert figures.shown(seen.page) == before
        assert seen.errors == []


@pytest.mark.long
def test_an_empty_warehouse_is_said_in_words(
    stack: Settings, browser: Browser, dashboard: Dashboard
) -> None:
    """First without any table, then with tables that have no row. Runs as the last one."""
    drop_schemas()
    for path in PATHS:
        with visit(browser, dashboard.url + path, DESKTOP) as seen:
            assert "make demo" in seen.state("empty")
            assert seen.errors == []
    with emptied(stack), visit(browser, dashboard.url + "/courses", DESKTOP) as seen:
        build()
        # An open page looks every ten seconds at what is published.
        empty = seen.page.get_by_test_id("state-empty")
        expect(empty).to_contain_text("No course", timeout=PATIENCE_MS)
        for path in PATHS:
            with visit(browser, dashboard.url + path, DESKTOP) as other:
                assert "NaN" not in other.page.inner_text("body")
                assert other.errors == []
