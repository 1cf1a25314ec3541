"""One ingest run: plan, read, commit."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingest import commit as raw
from ingest import ledger, read, topic
from ingest.errors import IngestError, NoSpark, ReadStalled, RetentionGap, TopicReplaced
from ingest.plan import Range, plan, split
from ingest.settings import Settings
from ingest.topic import Topic

# Large enough to be worth a task's start, small enough to keep every core busy.
TASK_OFFSETS = 25_000

DEFAULT_CONNECT_PORT = 15002
PROBE_SECONDS = 5.0
REMEDY = (
    "look at `python -m stack status` and `python -m stack logs spark`; where ports were moved, "
    '`eval "$(python -m stack env)"`; another server is named in ASSAY_SPARK'
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Batch:
    """What a run committed.

    Attributes:
        rows: records written; fewer than the offsets where transactions or compaction left holes.
        seconds: from the plan to the commit.
    """

    batch_id: int
    ranges: list[Range]
    rows: int
    seconds: float


@dataclass(frozen=True)
class Lag:
    """How far one partition is.

    Attributes:
        committed: next offset to read, as the table knows it; None before its first batch.
        begin: first offset that Kafka still has.
        end: next offset that Kafka will give.
    """

    partition: int
    committed: int | None
    begin: int
    end: int

    @property
    def lag(self) -> int:
        """Offsets that wait."""
        return self.end - (self.begin if self.committed is None else self.committed)


def run(settings: Settings, max_messages: int | None, progress: Progress) -> Batch | None:
    """Bring what is new from the topic into the raw table, exactly once.

    Args:
        settings: where Kafka and Spark are.
        max_messages: bound on the batch, None for all there is now.
        progress: told what happens, in plain words.

    Returns:
        the committed batch, or None if there was nothing new.

    Raises:
        IngestError: one of its kinds; nothing was written.
    """
    source = topic.describe(settings.kafka, settings.topic)
    table = raw.table_of(settings.topic)
    with connected(settings) as spark:
        progress("planning")
        raw.ensure_table(spark, table)
        ledger.ensure(spark)
        base = raw.committed(spark, table)
        begun = time.monotonic()
        check_identity(base, source, table)
        ranges = plan(base.offsets, source.begin, source.end, max_messages)
        if not ranges:
            return None
        progress(f"reading {sum(r.size for r in ranges):,} offsets of {len(ranges)} partitions")
        read.register(spark)
        records = (
            spark.read.format("kafka_ranges")
            .option("consumer", json.dumps(consumer_settings(settings)))
            .option("topic", source.name)
            .option(
                "ranges",
                json.dumps([[r.partition, r.start, r.end] for r in split(ranges, TASK_OFFSETS)]),
            )
            .load()
        )
        raw.commit(
            records,
            table,
            base,
            {**source.begin, **base.offsets, **{r.partition: r.end for r in ranges}},
            source.topic_id,
            source.cluster_id,
            datetime.now(UTC),
        )
        batch_id = base.batch_id + 1
        rows = raw.rows_of_batch(spark, table, batch_id)
    return Batch(batch_id, ranges, rows, time.monotonic() - begun)


def lags(settings: Settings) -> list[Lag]:
    """How far every partition of the topic is.

    Raises:
        IngestError: Kafka or Spark cannot be reached, or there is no such topic.
    """
    source = topic.describe(settings.kafka, settings.topic)
    table = raw.table_of(settings.topic)
    with connected(settings) as spark:
        known = raw.committed(spark, table).offsets if spark.catalog.tableExists(table) else {}
    return [Lag(p, known.get(p), source.begin[p], source.end[p]) for p in source.end]


def check_identity(base: raw.Committed, source: Topic, table: str) -> None:
    """Refuse a topic that only has the same name as the one that was read.

    Raises:
        TopicReplaced: the cluster or the topic is another one.
    """
    for what, before, now in (
        ("cluster", base.cluster_id, source.cluster_id),
        ("topic", base.topic_id, source.topic_id),
    ):
        if before is not None and before != now:
            raise TopicReplaced(
                f"{table} was filled from the {what} {before}, but {source.name!r} is now of the "
                f"{what} {now}: it was recreated, and its offsets mean other messages",
                "read it into another table (another topic name), or start clean with "
                "`python -m stack reset`",
            )


def consumer_settings(settings: Settings) -> dict[str, object]:
    """What a consumer inside Spark needs."""
    return {"bootstrap_servers": settings.kafka.split(","), **topic.READ_ONLY}


@contextmanager
def connected(settings: Settings) -> Iterator[SparkSession]:
    """A Spark Connect session; Spark's errors become ours.

    Raises:
        NoSpark: the server cannot be reached or failed.
        ReadStalled: a task could not read its range to the end.
        RetentionGap: Kafka deleted messages while they were read.
    """
    _probe(settings)
    try:
        spark = SparkSession.builder.remote(settings.spark).getOrCreate()
        try:
            yield spark
        finally:
            spark.stop()
    except PySparkException as error:
        raise _explained(error, settings) from error


def _probe(settings: Settings) -> None:
    """Fail at once where nobody listens: Spark's client would go on trying for minutes."""
    address = urlsplit(settings.spark)
    if address.scheme != "sc" or not address.hostname:
        raise NoSpark(
            f"{settings.spark!r} is not an address of Spark Connect",
            "give sc://host:port in ASSAY_SPARK",
        )
    try:
        socket.create_connection(
            (address.hostname, address.port or DEFAULT_CONNECT_PORT), PROBE_SECONDS
        ).close()
    except OSError as error:
        raise NoSpark(
            f"nobody answers at {settings.spark}: {error.strerror or error}", REMEDY
        ) from error


def _explained(error: PySparkException, settings: Settings) -> IngestError:
    text = str(error)
    if found := re.search(r"ASSAY_STALLED (\S+) partition (\d+) offset (\d+)", text):
        return ReadStalled(
            "no progress in {} partition {} at offset {}; nothing was written".format(
                *found.groups()
            ),
            "look at that record; if the broker was down, run again",
        )
    if found := re.search(r"ASSAY_TRIMMED (\S+) partition (\d+) offset (\d+)", text):
        return RetentionGap(
            "{} partition {} was cut to start at {} while it was read; nothing was written".format(
                *found.groups()
            ),
            "run again; keep messages longer than a run takes",
        )
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return NoSpark(f"Spark at {settings.spark} failed: {first[:400]}", REMEDY)
