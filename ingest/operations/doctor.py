"""Check everything that ingest depends on; each failed check names its remedy."""

import importlib.util
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingest import batch_log, raw_table
from ingest.errors import IngestError
from ingest.plan import BatchLimits
from ingest.run import Job, opened
from ingest.settings import Settings
from ingest.spark import connected
from ingest.topic import Source, Topic

# Optional for kafka-python, which without them cannot decode some messages, or only slowly.
LIBRARIES = {
    "crc32c": "without it checksums make decoding sixty times slower",
    "lz4": "messages compressed with lz4 cannot be decoded",
    "snappy": "messages compressed with snappy cannot be decoded",
    "zstandard": "messages compressed with zstd cannot be decoded",
}
CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: what was checked.
        detail: what was found.
        remedy: how to correct it, None if the check passed.
    """

    name: str
    detail: str
    remedy: str | None = None


def run_checks(settings: Settings) -> Iterator[Check]:
    """Yield each check as soon as it is done."""
    yield from _libraries("here", lambda name: importlib.util.find_spec(name) is not None)
    yield from _kafka(settings)
    try:
        with connected(settings) as spark:
            yield Check("Spark", f"version {spark.version} at {settings.spark}")
            yield from _workers(spark)
            yield _clock(spark)
            yield _storage(spark)
            yield from _table(settings, spark)
    except IngestError as error:
        yield Check("Spark", error.problem, error.remedy)


def _libraries(where: str, has: Callable[[str], bool]) -> Iterator[Check]:
    missing = [name for name in LIBRARIES if not has(name)]
    if not missing:
        yield Check(f"libraries {where}", ", ".join(LIBRARIES))
    for name in missing:
        yield Check(
            f"libraries {where}",
            f"{name} is missing: {LIBRARIES[name]}",
            f"install {name}, pinned in requirements/run.txt",
        )


def _kafka(settings: Settings) -> Iterator[Check]:
    try:
        with Source(settings) as source:
            topic: Topic = source.describe()
    except IngestError as error:
        yield Check("Kafka", error.problem, error.remedy)
        return
    yield Check(
        "Kafka",
        f"topic {topic.name} with {len(topic.end)} partitions and {topic.message_count:,} offsets "
        f"at {settings.kafka}, {settings.kafka_security}",
    )


def _workers(spark: SparkSession) -> Iterator[Check]:
    """Check which libraries Spark's Python workers have."""
    names = list(LIBRARIES)

    def installed(batches: Iterable[Any]) -> Iterable[Any]:
        import importlib.util as util

        import pandas as pd

        for _ in batches:
            yield pd.DataFrame({"name": [name for name in names if util.find_spec(name)]})

    found = {row["name"] for row in spark.range(1).mapInPandas(installed, "name string").collect()}
    yield from _libraries("in Spark's workers", lambda name: name in found)


def _clock(spark: SparkSession) -> Check:
    before = time.time()
    row = spark.sql("select unix_micros(current_timestamp()) / 1e6 as now").collect()[0]
    ahead = float(row.now) - (before + time.time()) / 2
    return Check(
        "clocks",
        f"Spark's clock is {ahead:+.1f} s from this machine's",
        None if abs(ahead) < CLOCK_SECONDS else "synchronize both with NTP",
    )


def _storage(spark: SparkSession) -> Check:
    """Check the metastore and HDFS: create a small table, read it and drop it."""
    table = f"raw.doctor_{uuid.uuid4().hex}"
    try:
        spark.sql("create database if not exists raw")
        try:
            spark.sql(f"create table {table} using iceberg as select 1 as one")
            kept = spark.table(table).collect() == [(1,)]
        finally:
            spark.sql(f"drop table if exists {table} purge")
    except PySparkException as error:
        return Check(
            "metastore and HDFS",
            f"a table cannot be created: {str(error).splitlines()[0][:200]}",
            "see `python -m stack status`; HDFS may be in safe mode, or full",
        )
    return Check(
        "metastore and HDFS",
        "a table was created, read and dropped" if kept else "a table lost its row",
        None if kept else "see `python -m stack logs datanode`",
    )


def _table(settings: Settings, spark: SparkSession) -> Iterator[Check]:
    if not spark.catalog.tableExists(settings.raw_table):
        yield Check(settings.raw_table, "does not exist yet; the first run creates it")
        return
    try:
        with opened(settings, read_only=True) as job:
            plan = job.plan(BatchLimits(), job.state)
    except IngestError as error:
        yield Check(settings.raw_table, error.problem, error.remedy)
        return
    at_risk = plan.at_risk(after=[])
    yield Check(
        settings.raw_table,
        f"batch {plan.state.batch_id} is the last; "
        f"{sum(plan.lag.values()):,} offsets are not read yet",
        f"partitions {at_risk}: Kafka may delete messages before they are read; run ingest, or "
        "keep messages longer"
        if at_risk
        else None,
    )
    yield _snapshots(job, spark)


def _snapshots(job: Job, spark: SparkSession) -> Check:
    count = len(raw_table.ancestors(spark, job.table))
    return Check(
        f"{job.table} and {batch_log.BATCH_LOG}",
        f"{count:,} snapshots",
        None if count < 5000 else "`python -m ingest maintain`",
    )
