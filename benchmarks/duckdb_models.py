"""Make the same tables with DuckDB: the models' SQL, translated by sqlglot, on the same messages.

Staging is replaced: it parses the messages and validates nothing. The models about ingest and the
pipeline itself (`operations`) are left out, because their sources do not exist in DuckDB.
"""

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

Json = dict[str, Any]

FIRST = "audit.base_assess__messages"
# Functions of Spark that neither DuckDB nor sqlglot knows.
FUNCTIONS = """
create macro pmod(a, b) as ((a % b) + b) % b;
create macro get(a, i) as a[i + 1];
create macro array_repeat(x, n) as list_transform(range(n), lambda i: x);
create macro format_number(x, d) as
    case d when 0 then format('{:,.0f}', x::double) else format('{:,.3f}', x::double) end;
"""
OPTION = {**dict.fromkeys(("id", "at"), "VARCHAR"), "submitted": "INTEGER"}
OPTION |= dict.fromkeys(("checked", "correct"), "BOOLEAN")
QUESTION: Json = {**dict.fromkeys(("id", "user_result"), "VARCHAR"), "options": [OPTION]}
QUESTION |= dict.fromkeys(("user_incomplete", "user_correct", "user_submitted"), "BOOLEAN")
COUNTS = dict.fromkeys(("incomplete", "submitted", "incorrect"), "INTEGER")
COUNTS |= dict.fromkeys(("correct", "total", "unanswered"), "INTEGER") | {"all_correct": "BOOLEAN"}
MESSAGE: Json = dict.fromkeys(
    (
        *("keen_id", "user_exam_id", "base_exam_id", "exam_name", "started_at", "keen_timestamp"),
        *("keen_created_at", "max_attempts", "certification"),
    ),
    "VARCHAR",
) | {
    "sequences": {"id": "VARCHAR", "attempt": "INTEGER", "counts": COUNTS, "questions": [QUESTION]}
}
STAGING = f"""
create schema audit;
create schema staging;
create table {FIRST} as
with lines as (
    select value, row_number() over () - 1 as "offset"
    from read_ndjson_objects('{{file}}') as lines (value)
)
select
    sha256(concat('made', "offset")) as message_id,
    'assess' as topic,
    'made' as topic_id,
    0 as partition,
    "offset",
    1::bigint as batch_id,
    now() as message_at,
    now() as ingested_at,
    strlen(value::varchar) as value_bytes,
    sha256(value::varchar) as value_hash,
    from_json(value, '{json.dumps(MESSAGE)}') as message,
    null::varchar[] as unknown_keys,
    null::varchar as reason,
    null::varchar as detail,
    null::varchar as value_text
from lines
"""


def make_tables(target: Path, file: Path) -> tuple[float, dict[str, int]]:
    """Make the tables of dbt's last build with DuckDB.

    Args:
        target: dbt's target folder, with the manifest and the results of that build.
        file: the messages, as JSON lines.

    Returns:
        Seconds, and the number of rows by table.
    """
    logging.getLogger("sqlglot").setLevel(
        logging.ERROR
    )  # no warnings about hints, which DuckDB lacks
    models = list(translated(target))
    begun = time.monotonic()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(FUNCTIONS)
        connection.execute(STAGING.replace("{file}", str(file)))
        rows = {}
        for name, kind, sql in models:
            connection.execute(f"create {kind} {name} as {sql}")
            if kind == "table":
                [(rows[name],)] = connection.execute(f"select count(*) from {name}").fetchall()
        return time.monotonic() - begun, rows


def translated(target: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each model's name, `table` or `view`, and its SQL for DuckDB; parents first."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    for result in results:
        if not result["unique_id"].startswith("model."):
            continue
        node = nodes[result["unique_id"]]
        name = f"{node['schema']}.{node['alias']}"
        reads_raw = any(parent.startswith("source.") for parent in node["depends_on"]["nodes"])
        if "operations" in node["fqn"] or reads_raw or name == FIRST:
            continue
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        [sql] = sqlglot.transpile(result["compiled_code"], read="spark", write="duckdb")
        sql = re.sub(r"SELECT INLINE\((.*)\) FROM", r"SELECT UNNEST(\1, max_depth := 2) FROM", sql)
        yield name, kind, sql
