"""What clients of the Thrift Server read, by the server's own log of their statements."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlglot import exp, parse_one
from sqlglot.optimizer.scope import traverse_scope

from stack.settings import Settings
from tests.end_to_end.project import manifest, published

# A statement can have several lines.
SUBMITTED = re.compile(r"Submitting query '(.*?)' with [0-9a-f]{8}-[0-9a-f-]{27}$", re.M | re.S)
# What describes tables, or sets the session up, but reads no rows.
WITHOUT_ROWS = re.compile(r"\s*(use|set|show|describe|desc)\b", re.I)


def statements(log: str) -> list[str]:
    """The statements in a piece of the server's log."""
    return SUBMITTED.findall(log)


@contextmanager
def recorded(settings: Settings) -> Iterator[list[str]]:
    """Fill a list with the statements that the server gets meanwhile, whoever sends them."""
    path = settings.log("builder" if settings.cluster else "spark")
    found: list[str] = []
    begin = path.stat().st_size
    yield found
    with path.open("rb") as log:
        log.seek(begin)
        found += statements(log.read().decode())


def tables(read: Iterable[str]) -> set[str]:
    """The tables from which statements read rows, as `schema.table`.

    Raises:
        ValueError: a statement does something other than read.
    """
    return {name for sql in read if not WITHOUT_ROWS.match(sql) for name in tables_of(sql)}


def tables_of(sql: str) -> set[str]:
    """The tables of one statement; names of common table expressions are not tables."""
    tree = parse_one(sql, read="spark")
    if not isinstance(tree, exp.Query):
        raise ValueError(f"this statement does not only read: {sql}")
    return {
        f"{source.db}.{source.name}".lower()
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    }


def exposed(name: str) -> set[str]:
    """The tables that an exposure of `models/marts/_exposures.yml` names, as readers find them."""
    [exposure] = [each for each in manifest()["exposures"].values() if each["name"] == name]
    sources = manifest()["sources"]
    return {
        f"{sources[node]['schema']}.{sources[node]['identifier']}"
        if node in sources
        else published(manifest()["nodes"][node])
        for node in exposure["depends_on"]["nodes"]
    }
