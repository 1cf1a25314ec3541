"""Queries through the Thrift Server, as an analyst runs them; ingest uses Spark Connect."""

import json
import os
from typing import Any

from pyhive import hive

from stack.settings import HOST


def table_of(topic: str) -> str:
    """Return the raw table of a topic."""
    return "raw." + topic.replace("-", "_").replace(".", "_")


def sql(statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    connection = hive.connect(HOST, port=int(os.environ["ASSAY_THRIFT_PORT"]))
    try:
        cursor = connection.cursor()
        cursor.arraysize = 50_000
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def exists(table: str) -> bool:
    """Return whether the table exists."""
    database, name = table.split(".")
    return bool(sql(f"show databases like '{database}'")) and bool(
        sql(f"show tables in {database} like '{name}'")
    )


def snapshots(topic: str) -> list[int]:
    """Return the snapshot ids of a topic's raw table, oldest first; none without a table."""
    table = table_of(topic)
    if not exists(table):
        return []
    found = sql(f"select snapshot_id from {table}.snapshots order by committed_at, snapshot_id")
    return [snapshot for (snapshot,) in found]


def committed_offsets(table: str) -> list[tuple[str, dict[int, int]]]:
    """Return the topic id and the next offsets of each snapshot's properties."""
    if not exists(table):
        return []
    found = sql(
        "select summary['assay.topic-id'], summary['assay.offsets'] "
        f"from {table}.snapshots where summary['assay.offsets'] is not null"
    )
    return [(t, {int(p): o for p, o in json.loads(text).items()}) for t, text in found]


def metadata_of(topic: str) -> str:
    """Return all metadata of a raw table as one text."""
    table = table_of(topic)
    found = sql(f"describe extended {table}") + sql(f"show tblproperties {table}")
    return str(found + sql(f"select cast(summary as string) from {table}.snapshots"))


def rewrite(topic: str) -> None:
    """Compact all files of a topic's raw table."""
    sql(
        f"call spark_catalog.system.rewrite_data_files(table => '{table_of(topic)}', "
        "options => map('rewrite-all', 'true'))"
    )


def expire(topic: str) -> None:
    """Expire all snapshots of a topic's raw table but the newest."""
    sql(
        f"call spark_catalog.system.expire_snapshots(table => '{table_of(topic)}', "
        "older_than => timestamp '2100-01-01', retain_last => 1)"
    )


def last_batch(topic: str) -> int:
    """Return the id of the last batch in the snapshots of a raw table."""
    [(batch,)] = sql(
        f"select max(cast(summary['assay.batch-id'] as bigint)) from {table_of(topic)}.snapshots"
    )
    return int(batch or 0)
