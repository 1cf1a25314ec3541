"""The warehouse under test: builds, what readers see, and the oracle's figures beside it."""

import base64
import json
import math
import os
from contextlib import closing
from typing import Any

from pyhive import hive

from ingest.settings import default_table
from stack.settings import HOST, Settings
from tests import forked
from tests.dbt import oracle
from tests.dbt.reading import Record
from tests.end_to_end.conftest import query
from tests.end_to_end.project import Node, manifest, published

Row = dict[str, Any]
# A statement costs more than what small tables hold.
QUERIES_IN_ONE = 10
# A session on whose settings no result may depend.
STRANGE = {
    "spark.sql.session.timeZone": "Pacific/Auckland",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "7",
    "spark.sql.adaptive.enabled": "false",
}


def dbt(*arguments: str, expect: int = 0, **environment: str) -> str:
    """Run dbt, with these variables besides, and return what it said."""
    code, said = forked.run("dbt", "--no-use-colors", *arguments, timeout=900, **environment)
    assert code == expect, said[-6000:]
    assert "Traceback" not in said
    return said


def build(*arguments: str, expect: int = 0) -> str:
    """Build, audit and publish; the unit tests are about the code, not about the data."""
    return dbt("build", "--exclude-resource-type", "unit_test", *arguments, expect=expect)


def rows(sql: str, **settings: str) -> list[Row]:
    """Ask the Thrift Server, in a session with these Spark settings."""
    [found] = rows_of_each([sql], **settings)
    return found


def rows_of_each(queries: list[str], **settings: str) -> list[list[Row]]:
    """The rows of each query, asked in one session: to open one takes longer than a small query."""
    found = []
    with closing(
        hive.connect(HOST, port=Settings().thrift_port, configuration=settings)
    ) as connection:
        for sql in queries:
            cursor = connection.cursor()
            cursor.execute(sql)
            names = [column[0].split(".")[-1] for column in cursor.description]
            found.append([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
    return found


def session(*statements: str) -> None:
    """Have the Thrift Server do these one after the other, in one session."""
    with closing(hive.connect(HOST, port=Settings().thrift_port)) as connection:
        for sql in statements:
            connection.cursor().execute(sql)


def seen_by_readers(nodes: list[Node]) -> dict[str, str]:
    """What readers see: each published relation by its name."""
    return {node["alias"]: published(node) for node in nodes if node["alias"] != "audit_failures"}


def content(relations: dict[str, str], **settings: str) -> dict[str, tuple[int, str]]:
    """Rows and a hash of what relations hold, whatever the order of their rows.

    Args:
        relations: by the model's name, its relation or a query.
        settings: of the session that reads.
    """
    columns = {
        node["alias"]: [
            f"unix_micros({column['name']})"
            if column["data_type"] == "timestamp"
            else column["name"]
            for column in node["columns"].values()
        ]
        for node in manifest()["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    queries = [
        f"select '{name}' as name, count(*) as row_count, "
        f"cast(sum(cast(xxhash64({', '.join(columns[name])}) as decimal(38))) as string) as hash "
        f"from {relation}"
        for name, relation in relations.items()
    ]
    together = [
        " union all ".join(queries[first : first + QUERIES_IN_ONE])
        for first in range(0, len(queries), QUERIES_IN_ONE)
    ]
    return {
        row["name"]: (row["row_count"], row["hash"])
        for found in rows_of_each(together, **settings)
        for row in found
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what differs in two contents: by relation, what it was and what it is."""
    return {
        name: (before.get(name), after.get(name))
        for name in before | after
        if before.get(name) != after.get(name)
    }


def records() -> list[Record]:
    """The raw table of the topic that dbt is told of."""
    table = default_table(os.environ.get("ASSAY_TOPIC", "assess"))
    return [
        Record(
            topic_id,
            partition,
            offset,
            at,
            ingested,
            None if value is None else base64.b64decode(value),
        )
        for topic_id, partition, offset, at, ingested, value in query(
            "select topic_id, partition, offset, unix_millis(timestamp), "
            f"unix_millis(ingested_at), base64(value) from {table}"
        )
    ]


def disagreements(models: set[str] | None = None) -> list[object]:
    """Where the published tables and the oracle say different things of the raw table.

    Args:
        models: the names of those that there are; by default all.
    """
    raw = records()
    attempts = oracle.attempts(raw)
    counts = {
        name: count
        for name, count in oracle.core_counts(attempts).items()
        if models is None or name in models
    }
    answered = [
        (f"{schema}.{model.__name__}", model)
        for schema, figures in (("questions", oracle.QUESTIONS), ("items", oracle.ITEMS))
        for model in figures
        if models is None or model.__name__ in models
    ]
    [counted, rejections, *answers] = rows_of_each(
        [
            " union all ".join(
                f"select '{name}' as name, count(*) as row_count from core.{name}"
                for name in counts
            ),
            "select reason, messages from operations.rejections_by_reason where messages != 0",
            *(f"select * from {table}" for table, _ in answered),
        ]
    )
    found: list[object] = [
        (row["name"], row["row_count"], counts[row["name"]])
        for row in counted
        if row["row_count"] != counts[row["name"]]
    ]
    rejected = {row["reason"]: row["messages"] for row in rejections}
    if rejected != oracle.rejections(raw):
        found.append(("rejections_by_reason", rejected, oracle.rejections(raw)))
    for (table, model), answer in zip(answered, answers, strict=True):
        found += [(table, *pair) for pair in unlike(answer, list(model(attempts)))]
    return found


def unlike(actual: list[Row], expected: list[Row]) -> list[tuple[Row | None, Row | None]]:
    """Pairs of rows that are not alike, compared by the columns that are expected."""
    if not expected:
        return [(row, None) for row in actual]
    columns = sorted(expected[0])
    keys = [c for c in columns if not isinstance(expected[0][c], float | None)]

    def order(row: Row) -> str:
        return json.dumps([row.get(c) for c in keys], default=str)

    pairs: list[tuple[Row | None, Row | None]] = []
    if len(actual) != len(expected):
        pairs.append(({"rows": len(actual)}, {"rows": len(expected)}))
    for one, other in zip(sorted(actual, key=order), sorted(expected, key=order), strict=False):
        if not all(alike(one.get(c), other[c]) for c in columns):
            pairs.append(({c: one.get(c) for c in columns}, other))
    return pairs


def alike(one: Any, other: Any) -> bool:
    """Equal, or as near as doubles are."""
    if isinstance(other, float) and one is not None:
        return math.isclose(float(one), other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other) or str(one) == str(other)
