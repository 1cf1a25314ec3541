"""Look at everything that ingest depends on, and say of each finding what to do about it."""

import importlib.util
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingest import commit as raw
from ingest import ledger
from ingest.errors import IngestError
from ingest.run import Bounds, Job, opened
from ingest.settings import Settings
from ingest.spark import connected
from ingest.topic import Source, Topic

# kafka-python does without them, and then cannot read, or not at a bearable speed.
LIBRARIES = {
    "crc32c": "checksums, without which decoding is sixty times slower",
    "lz4": "messages compressed with lz4",
    "snappy": "messages compressed with snappy",
    "zstandard": "messages compressed with zstd",
}
CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        seen: in words.
        remedy: what to do about it, None where all is well.
    """

    what: str
    seen: str
    remedy: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, thing by thing, as it is found."""
    yield from _libraries("here", lambda name: importlib.util.find_spec(name) is not None)
    yield from _kafka(settings)
    try:
        with connected(settings) as spark:
            yield Finding("Spark", f"version {spark.version} at {settings.spark}")
            yield from _workers(spark)
            yield _clock(spark)
            yield _storage(spark)
            yield from _table(settings, spark)
    except IngestError as error:
        yield Finding("Spark", error.problem, error.remedy)


def _libraries(where: str, has: Callable[[str], bool]) -> Iterator[Finding]:
    missing = [name for name in LIBRARIES if not has(name)]
    if not missing:
        yield Finding(f"libraries {where}", ", ".join(LIBRARIES))
    for name in missing:
        yield Finding(
            f"libraries {where}",
            f"{name} is missing: {LIBRARIES[name]}",
            f"install {name}, pinned in requirements/run.txt",
        )


def _kafka(settings: Settings) -> Iterator[Finding]:
    try:
        with Source(settings) as source:
            topic: Topic = source.describe()
    except IngestError as error:
        yield Finding("Kafka", error.problem, error.remedy)
        return
    yield Finding(
        "Kafka",
        f"topic {topic.name} with {len(topic.end)} partitions and {topic.message_count:,} offsets "
        f"at {settings.kafka}, {settings.kafka_security}",
    )


def _workers(spark: SparkSession) -> Iterator[Finding]:
    """Which libraries Spark's Python workers have, asked there."""
    names = list(LIBRARIES)

    def look(batches: Iterable[Any]) -> Iterable[Any]:
        import importlib.util as util

        import pandas as pd

        for _ in batches:
            yield pd.DataFrame({"name": [name for name in names if util.find_spec(name)]})

    found = {row["name"] for row in spark.range(1).mapInPandas(look, "name string").collect()}
    yield from _libraries("in Spark's workers", lambda name: name in found)


def _clock(spark: SparkSession) -> Finding:
    before = time.time()
    row = spark.sql("select unix_micros(current_timestamp()) / 1e6 as now").collect()[0]
    ahead = float(row.now) - (before + time.time()) / 2
    return Finding(
        "clocks",
        f"Spark's is {ahead:+.1f} s from ours",
        None if abs(ahead) < CLOCK_SECONDS else "let both keep their time by NTP",
    )


def _storage(spark: SparkSession) -> Finding:
    """The metastore and HDFS, by making a small table, reading it and dropping it."""
    table = f"raw.doctor_{uuid.uuid4().hex}"
    try:
        spark.sql("create database if not exists raw")
        try:
            spark.sql(f"create table {table} using iceberg as select 1 as one")
            kept = spark.table(table).collect() == [(1,)]
        finally:
            spark.sql(f"drop table if exists {table} purge")
    except PySparkException as error:
        return Finding(
            "metastore and HDFS",
            f"a table cannot be made: {str(error).splitlines()[0][:200]}",
            "look at `python -m stack status`; is HDFS in safe mode, or full?",
        )
    return Finding(
        "metastore and HDFS",
        "a table was made, read and dropped" if kept else "a table lost its row",
        None if kept else "look at `python -m stack logs datanode`",
    )


def _table(settings: Settings, spark: SparkSession) -> Iterator[Finding]:
    if not spark.catalog.tableExists(settings.raw_table):
        yield Finding(settings.raw_table, "not made yet; the first run makes it")
        return
    try:
        with opened(settings, only_looking=True) as job:
            planned = job.plan(Bounds())
    except IngestError as error:
        yield Finding(settings.raw_table, error.problem, error.remedy)
        return
    endangered = planned.endangered(after=[])
    yield Finding(
        settings.raw_table,
        f"batch {planned.base.batch_id} is the last; "
        f"{sum(planned.waiting.values()):,} offsets wait",
        f"partitions {endangered}: retention is about to overtake ingest; run it, or keep "
        "messages longer"
        if endangered
        else None,
    )
    yield _snapshots(job, spark)


def _snapshots(job: Job, spark: SparkSession) -> Finding:
    count = len(raw.lineage(spark, job.table))
    return Finding(
        f"{job.table} and {ledger.LEDGER}",
        f"{count:,} snapshots",
        None if count < 5000 else "`python -m ingest maintain`",
    )
