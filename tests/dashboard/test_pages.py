"""Each page in a real browser: its figures, on wide and narrow screens, for eye and keyboard."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from stack.services import Dashboard
from tests.dashboard import figures
from tests.dashboard.browser import COURSE, DESKTOP, PATHS, PATIENCE_MS, PHONE, Visit, visit
from tests.end_to_end.conftest import query

pytestmark = pytest.mark.services

CONTROLS = (
    'a[href], button, input, select, textarea, summary, [role="button"], [role="link"], '
    '[role="combobox"], [role="tab"], [role="switch"], [tabindex]:not([tabindex="-1"])'
)
# Numbers each control that a reader sees, and returns what each is called.
NUMBER_CONTROLS = """selector => {
    document.activeElement.blur();
    return [...document.querySelectorAll(selector)].filter(one =>
        one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.tabIndex >= 0
        && !one.closest('[aria-hidden="true"], [inert]')
    ).map((one, number) => {
        one.dataset.control = number;
        return `${one.tagName} ${one.getAttribute('aria-label') || one.textContent}`.slice(0, 80);
    });
}"""
# What can be scrolled sideways, and what a narrow screen cuts off.
TOO_WIDE = """() => [...document.querySelectorAll('body, body *')].filter(one => {
    if (!one.checkVisibility({visibilityProperty: true}) || one.closest('.hidden')) return false;
    const scrolls = ['auto', 'scroll'].includes(getComputedStyle(one).overflowX)
        && one.scrollWidth > one.clientWidth + 1;
    const box = one.getBoundingClientRect();
    return scrolls || (box.width > 0 && (box.right > innerWidth + 1 || box.left < -1));
}).map(one => one.outerHTML.slice(0, 200))"""


@dataclass(frozen=True)
class Opened:
    """A page with all its tables open."""

    path: str
    visit: Visit


@pytest.fixture(
    scope="module",
    params=[(path, width) for path in PATHS for width in (DESKTOP, PHONE)],
    ids=lambda param: f"{param[0]} at {param[1]}",
)
def opened(
    request: pytest.FixtureRequest, browser: Browser, dashboard: Dashboard
) -> Iterator[Opened]:
    """Each page, at both widths."""
    path, width = request.param
    with visit(browser, dashboard.url + path, width) as seen:
        seen.open_tables()
        yield Opened(path, seen)


def violations(seen: Visit) -> list[str]:
    """What keeps people from using a page, by the rules of axe."""
    found = Axe().run(seen.page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:5]
    ]


def test_each_figure_is_what_sql_says(opened: Opened) -> None:
    assert figures.shown(opened.visit.page) == figures.expected(figures.PAGES[opened.path])


def test_it_says_when_its_data_were_published(opened: Opened) -> None:
    text = opened.visit.page.get_by_test_id("published").inner_text()
    [at] = re.findall(r"\d+ \w{3} \d{4}, \d\d:\d\d UTC", text)
    published = datetime.strptime(at, "%d %b %Y, %H:%M UTC").replace(tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - published < timedelta(hours=12), at


def test_nothing_is_wider_than_the_screen(opened: Opened) -> None:
    assert opened.visit.page.evaluate(TOO_WIDE) == []


def test_nothing_keeps_people_from_using_it(opened: Opened) -> None:
    assert violations(opened.visit) == []


def test_every_control_is_reached_by_tab(opened: Opened) -> None:
    page = opened.visit.page
    controls = page.evaluate(NUMBER_CONTROLS, CONTROLS)
    assert len(controls) >= len(PATHS), "at least the links to the pages"
    reached = set()
    for _ in range(len(controls) + 10):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.dataset.control"))
    assert [name for number, name in enumerate(controls) if str(number) not in reached] == []


def test_nothing_fails_and_nothing_is_asked_of_other_machines(opened: Opened) -> None:
    """After the page was used by the tests above."""
    assert opened.visit.errors == []
    assert opened.visit.strangers == []


@pytest.mark.parametrize("path", PATHS)
def test_dark_colours_have_contrast_too(browser: Browser, dashboard: Dashboard, path: str) -> None:
    with visit(browser, dashboard.url + path, DESKTOP, scheme="dark") as seen:
        background = seen.page.locator("body").evaluate(
            "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        )
        assert max(map(int, re.findall(r"\d+", background)[:3])) < 64, background
        assert violations(seen) == []


def test_links_lead_from_page_to_page_by_keyboard(browser: Browser, dashboard: Dashboard) -> None:
    with visit(browser, dashboard.url, DESKTOP) as seen:
        for name, path in (("Courses", "/courses"), ("Pipeline", "/pipeline"), ("Answers", "/")):
            seen.page.get_by_role("link", name=name, exact=True).first.focus()
            seen.page.keyboard.press("Enter")
            seen.page.wait_for_url(dashboard.url + path, timeout=PATIENCE_MS)
            seen.settle()
        assert seen.errors == []


def test_courses_are_searched_sorted_and_downloaded_by_keyboard(
    browser: Browser, dashboard: Dashboard, tmp_path: Path
) -> None:
    with visit(browser, dashboard.url + "/courses", DESKTOP) as seen:
        page = seen.page
        page.get_by_label("Search").focus()
        page.keyboard.type("git")
        page.keyboard.press("Enter")
        found = page.get_by_role("table", name=re.compile(r"^\d+ courses?"))
        rows = query("select count(*) from core.dim_courses where lower(exam_name) like '%git%'")
        expect(found.locator("tbody tr")).to_have_count(rows[0][0], timeout=PATIENCE_MS)

        page.get_by_label("Search").focus()
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        page.keyboard.press("Enter")
        page.get_by_role("combobox", name=re.compile("Sort by")).focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        [[first]] = query("select min(exam_name) from questions.course_popularity")
        expect(found.locator("tbody tr").first).to_contain_text(first, timeout=PATIENCE_MS)

        with page.expect_download() as download:
            page.get_by_role("button", name="Download as CSV").focus()
            page.keyboard.press("Enter")
        download.value.save_as(tmp_path / "courses.csv")
        lines = (tmp_path / "courses.csv").read_text().splitlines()
        [[count]] = query("select count(*) from questions.course_popularity")
        assert len(lines) == count + 1
        assert seen.errors == []


def test_a_course_is_chosen_by_keyboard_and_has_its_address(
    browser: Browser, dashboard: Dashboard
) -> None:
    """The address of one that few have taken, which shows no rate."""
    [[rare]] = query(
        "select exam_name from questions.course_popularity where attempts < 10 "
        "order by length(exam_name) desc, exam_name limit 1"
    )
    with visit(browser, dashboard.url + "/course", DESKTOP) as seen:
        seen.page.get_by_role("combobox", name=re.compile("Course")).focus()
        seen.page.keyboard.type(rare)
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("heading", level=1)).to_have_text(rare, timeout=PATIENCE_MS)
        address = seen.page.url
        assert "?exam=" in address
    with visit(browser, address, DESKTOP) as seen:
        seen.open_tables()
        expect(seen.page.get_by_role("heading", level=1)).to_have_text(rare)
        assert figures.shown(seen.page) == figures.expected(figures.of_course(rare))


def test_a_course_that_is_not_there_is_said_in_words(
    browser: Browser, dashboard: Dashboard
) -> None:
    strange = "%3Cscript%3Ealert(1)%3C/script%3E%27%20or%201=1%20--%20%25s%20%7B%7D"
    with visit(browser, f"{dashboard.url}/course?exam={strange}", DESKTOP) as seen:
        assert "<script>alert(1)</script>' or 1=1 -- %s {}" in seen.state("empty")
        assert seen.errors == []
    assert COURSE in dict(query("select exam_name, attempts from questions.course_popularity"))
