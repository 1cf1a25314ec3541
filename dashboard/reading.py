"""Reading for pages: all rows of a page come from one publication, and are kept until the next.

The marts of a page are read side by side, because Spark takes longer to plan a statement than to
run it. What is published is read before and after; if a build published in between, the page is
read again.
"""

import json
import math
import threading
import time
from collections import ChainMap
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard.errors import ServerDown, StatementFailed, StillPublishing
from dashboard.publication import Publication, View, parse
from dashboard.queries import Query, Row
from dashboard.sessions import Sessions
from dashboard.settings import Settings

SCHEMAS = ("questions", "items", "operations")
# For how long what is published is believed, in seconds.
RECENT_SECONDS = 2.0
# A frozen server is called down after this time.
PUBLICATION_SECONDS = 3.5
STATEMENTS_AT_ONCE = 4
ATTEMPTS = 8
PAUSE_SECONDS = 0.5


class _Changed(Exception):
    """A build published while the page was read."""


@dataclass(frozen=True)
class Data:
    """What a page shows.

    Args:
        rows: by name of the query, its rows.
        publication: the marts that they are from.
    """

    rows: dict[str, list[Row]]
    publication: Publication

    def __getitem__(self, query: Query) -> list[Row]:
        """Return the rows of a query."""
        return self.rows[query.name]

    def one(self, query: Query) -> Row | None:
        """Return the only row of a query; none if there is none."""
        return next(iter(self[query]), None)


def marts_of(queries: Sequence[Query]) -> frozenset[str]:
    """Return the marts that queries read, with their schemas."""
    return frozenset[str]().union(*(query.marts for query in queries))


class Reader:
    """Reads publications and rows, for all threads of the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sessions = Sessions(settings.server())
        self._threads = ThreadPoolExecutor(STATEMENTS_AT_ONCE)
        # What is published is not asked behind the long statements of pages.
        self._askers = ThreadPoolExecutor(len(SCHEMAS))
        self._lock = threading.Lock()
        self._views: dict[str, View] = {}
        self._asked: dict[str, float] = {}
        self._down: tuple[float, ServerDown] | None = None
        self._last: dict[tuple[Any, ...], Data] = {}

    def connect(self) -> None:
        """Open the sessions that the first page will need; nothing if Spark does not answer."""
        with suppress(ServerDown):
            self.sessions.open(STATEMENTS_AT_ONCE)

    def published(self, marts: Collection[str], max_age: float = RECENT_SECONDS) -> Publication:
        """Return what is published of some marts, as of at most `max_age` seconds ago.

        Args:
            marts: names with schema.
            max_age: seconds.

        Raises:
            ServerDown: Spark does not answer.
            NotPublished: one of the marts is not published.
        """
        with self._lock:
            asked = time.monotonic()
            if self._down and asked - self._down[0] < RECENT_SECONDS / 2:
                raise self._down[1]
            old = [m for m in marts if asked - self._asked.get(m, -math.inf) > max_age]
            try:
                found = self._ask(old)
            except ServerDown as error:
                # Those who wait for the lock need not wait for the server as well.
                self._down = time.monotonic(), error
                raise
            for mart in old:
                self._asked[mart] = asked
                self._views.pop(mart, None)
            self._views |= found
            return Publication(
                {mart: self._views[mart] for mart in sorted(marts) if mart in self._views}
            ).with_all(marts)

    def all_published(self) -> dict[str, View]:
        """Return all views of the schemas that the dashboard reads, by name with schema.

        Raises:
            ServerDown: Spark does not answer.
        """
        views: dict[str, View] = {}
        for schema in SCHEMAS:
            sql = f"show table extended in {schema} like '*'"
            views |= parse(schema, self.sessions.fetch(f"published {schema}", sql))
        return views

    def _ask(self, marts: Collection[str]) -> dict[str, View]:
        """Read the views of some marts, the schemas side by side."""

        def views(schema: str) -> dict[str, View]:
            names = "|".join(name for where, name in wanted if where == schema)
            sql = f"show table extended in {schema} like '{names}'"
            try:
                rows = self.sessions.fetch(f"published {schema}", sql, limit=PUBLICATION_SECONDS)
            except StatementFailed as error:
                if "SCHEMA_NOT_FOUND" not in error.problem:
                    raise
                rows = []
            return parse(schema, rows)

        wanted = sorted(mart.split(".") for mart in marts)
        schemas = sorted({schema for schema, _ in wanted})
        return dict(ChainMap(*self._askers.map(views, schemas)))

    def read(self, queries: Sequence[Query], parameters: dict[str, str] | None = None) -> Data:
        """Return the rows of a page, all of one publication.

        While a build publishes, the rows of the publication before it are returned.

        Raises:
            ServerDown: Spark does not answer.
            NotPublished: a mart is not published.
            StatementFailed: Spark refused the statement.
            StillPublishing: a build is publishing, and there are no earlier rows.
        """
        page = (tuple(queries), tuple((parameters or {}).items()))
        marts = marts_of(queries)
        for _ in range(ATTEMPTS):
            publication = self.published(marts)
            if publication.is_settled(datetime.now(UTC)):
                try:
                    data = _rows(publication.key, page, self, publication)
                except _Changed:
                    continue
                self._last[page] = data
                return data
            if page in self._last:
                return self._last[page]
            time.sleep(PAUSE_SECONDS)
        raise StillPublishing(
            "A build is publishing these tables", "The page appears when it has finished."
        )

    def read_now(self, query: Query) -> list[Row]:
        """Return the rows of a mart that changes without being published.

        Raises:
            ServerDown, StatementFailed: as `read`.
        """
        return self.fetch((query,), None)[query.name]

    def fetch(
        self, queries: Sequence[Query], parameters: dict[str, str] | None
    ) -> dict[str, list[Row]]:
        """Run queries side by side, and return their rows by name.

        Raises:
            ServerDown, StatementFailed: as `read`.
        """

        def rows(query: Query) -> list[Row]:
            sql = f"select to_json(struct(*)) as row from ({query.sql})"
            found = self.sessions.fetch(query.name, sql, parameters)
            return [json.loads(row) for (row,) in found]

        names = [query.name for query in queries]
        return dict(zip(names, self._threads.map(rows, queries), strict=True))


@st.cache_data(max_entries=500, show_spinner=False)
def _rows(key: str, page: tuple[Any, ...], _reader: Reader, _publication: Publication) -> Data:
    """Read a page, and check that nothing was published meanwhile; kept by publication."""
    queries, parameters = page
    found = _reader.fetch(queries, dict(parameters) or None)
    if _reader.published(_publication.views, max_age=0).key != key:
        raise _Changed
    return Data(found, _publication)
