"""The pages, how one gets from one to another, and what all of them share."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import activity, answers, course, courses, parts, pipeline
from dashboard.errors import DashboardError, ServerDown
from dashboard.formats import moment
from dashboard.publication import Publication
from dashboard.queries import Query
from dashboard.reading import Reader, marts_of
from dashboard.settings import Settings

WATCH_SECONDS = 2.0
# What is published is looked at this often while a page is open.
PUBLICATION_SECONDS = 10.0
# So long takes Streamlit to tell the browser that the page is empty.
CLEARING_SECONDS = 0.05
# The page that the browser shows, in the state of its session.
SHOWN = "shown_page"
STYLE = Path(__file__).with_name("style.css")


@dataclass(frozen=True)
class Page:
    """A page of the dashboard.

    Args:
        title: its name.
        path: its address; empty for the first page.
        queries: what it reads.
        show: reads and writes it, and returns what it read.
    """

    title: str
    path: str
    queries: Sequence[Query]
    show: Callable[[Reader], Publication]


PAGES = (
    Page("Answers", "", answers.QUERIES, answers.show),
    Page("Courses", "courses", courses.QUERIES, courses.show),
    Page("One course", "course", course.QUERIES, course.show),
    Page("Activity", "activity", activity.QUERIES, activity.show),
    Page("Pipeline", "pipeline", pipeline.QUERIES, pipeline.show),
)


@cache
def process_reader() -> Reader:
    """Return the one reader of the process, and let its log be seen."""
    log = logging.getLogger("assay.dashboard")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    # A server that is down is said on the page, not every two seconds in the log.
    logging.getLogger("thrift").setLevel(logging.CRITICAL)
    return Reader(Settings())


def show() -> None:
    """Write the page whose address was called."""
    st.set_page_config(layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)
    pages = [
        st.Page(
            _run(page),
            title=f"{page.title} · assay",
            url_path=page.path or None,
            default=not page.path,
        )
        for page in PAGES
    ]
    chosen = st.navigation(pages, position="hidden")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="menu"):
        st.html('<div class="brand">assay</div>', width="content")
        for page, link in zip(PAGES, pages, strict=True):
            st.page_link(link, label=page.title)
    chosen.run()


def _run(page: Page) -> Callable[[], None]:
    """Return the function that Streamlit runs for a page."""

    def run() -> None:
        reader = process_reader()
        head, body = _places(page)
        try:
            with body:
                publication = page.show(reader)
        except DashboardError as error:
            head.html(
                f"<h1>{page.title}</h1>"
                + parts.state(error.state, f"{error.problem}.", error.remedy)
            )
            shown = error.state
            if not error.passes_by_itself:
                shown = _state(reader, page.queries)
        else:
            head.html(_published(publication, reader.settings))
            shown = publication.key
        _watch(reader, page.queries, shown)

    run.__name__ = page.path or "answers"
    return run


def _places(page: Page) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return where the head and the body of a page belong.

    What a browser shows stays until it is replaced, part by part. That is right when a reader
    sorts a table, but a page of another publication must not be mixed with the one before.
    """
    before = st.session_state.get(SHOWN)
    if before == page.path:
        return st.container(), st.container()
    st.session_state[SHOWN] = page.path
    head, body = st.empty(), st.empty()
    head.html(parts.state("loading", "Reading the published tables …"))
    if before is not None:
        time.sleep(CLEARING_SECONDS)
    return head, body.container()


def _published(publication: Publication, settings: Settings) -> str:
    """Return when the data of a page were published, and whether they are old."""
    at = publication.published_at
    words = (
        f'<p class="published" data-testid="published">Published '
        f'<time datetime="{at.isoformat()}">{moment(at)}</time>, with ingest batch '
        f"{publication.batch}</p>"
    )
    if publication.older:
        words += parts.state(
            "stale",
            f"Of this page, these tables lack the newest batch: {', '.join(publication.older)}.",
            "Their tests have not passed; the page Pipeline shows why.",
        )
    elif datetime.now(UTC) - at > timedelta(hours=settings.dashboard_max_age_hours):
        words += parts.state(
            "stale",
            f"These data are older than {settings.dashboard_max_age_hours:g} hours.",
            "`python -m ingest run` and `dbt build` bring newer ones.",
        )
    return words


@st.fragment(run_every=WATCH_SECONDS)
def _watch(reader: Reader, queries: Sequence[Query], shown: str) -> None:
    """Run the page again when something else should be shown than is."""
    if _state(reader, queries) != shown:
        del st.session_state[SHOWN]
        st.rerun()


def _state(reader: Reader, queries: Sequence[Query]) -> str:
    """Return the key of what is published, or the state that a page shows instead."""
    if not reader.sessions.is_listening():
        return ServerDown.state
    try:
        return reader.published(marts_of(queries), PUBLICATION_SECONDS).key
    except DashboardError as error:
        return error.state
