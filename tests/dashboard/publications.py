"""Marts that are published by hand: as a build does it, but as slowly as a test wants it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.end_to_end.conftest import query
from tests.end_to_end.warehouse import session


class Publications:
    """Replaces views of marts, and returns to the published ones."""

    def __init__(self) -> None:
        self._published: dict[str, str] = {}

    def _definition(self, mart: str) -> str:
        """The statement that made a view."""
        if mart not in self._published:
            [[statement]] = query(f"show create table {mart}")
            self._published[mart] = _replacing(statement)
        return self._published[mart]

    def publish(self, mart: str, minutes_ago: int = 0, **columns: str) -> None:
        """Publish a mart with the next batch, and with other values in some columns.

        Args:
            mart: its name with its schema.
            minutes_ago: when the build is said to have done so.
            columns: by name, the expression of the other values.
        """
        at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        definition = re.sub(
            r"'assay\.build' = '(\d+)",
            lambda found: (
                f"'assay.published_at' = '{at.isoformat()}', 'assay.build' = '{int(found[1]) + 1}"
            ),
            re.sub(r"'assay\.published_at' = '[^']*',? ?", "", self._definition(mart)),
        )
        for column, expression in columns.items():
            head, select, body = definition.rpartition("AS select ")
            names = [name.strip() for name in body.partition(" from ")[0].split(",")]
            changed = [f"{expression} as {name}" if name == column else name for name in names]
            definition = head + select + ", ".join(changed) + body[body.index(" from ") :]
        session(definition)

    def withdraw(self, mart: str) -> None:
        """Have a mart not be published."""
        self._definition(mart)
        session(f"drop view {mart}")

    def undo(self) -> None:
        """Publish what was published before."""
        session(*self._published.values())
        self._published = {}


def _replacing(definition: str) -> str:
    """The statement of a build that made a view, from that which describes the view."""
    properties = ", ".join(re.findall(r"'assay\.\w+' = '[^']*'", definition))
    definition = re.sub("^CREATE VIEW", "CREATE OR REPLACE VIEW", definition)
    head, _, rest = definition.partition("TBLPROPERTIES (")
    return f"{head}TBLPROPERTIES ({properties}) {rest[rest.index('AS select ') :]}"


@contextmanager
def by_hand() -> Iterator[Publications]:
    """Publish by hand; in the end all is as it was."""
    publications = Publications()
    try:
        yield publications
    finally:
        publications.undo()
