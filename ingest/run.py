"""One ingest run: plan, read, commit."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import DataFrame, Observation, SparkSession

from ingest import batch_log, raw_table
from ingest.batch_log import PartitionStats
from ingest.commit import Batch, batch_snapshot, commit
from ingest.plan import BatchLimits, BatchPlan, Range, plan, split
from ingest.raw_table import Decision, TableState
from ingest.read import register
from ingest.settings import Settings
from ingest.spark import connected, watched
from ingest.topic import Source

# Offsets of one Spark task: enough to outweigh its start, few enough to keep every core busy.
TASK_OFFSETS = 50_000
PROGRESS_SECONDS = 2.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BatchResult:
    """A committed batch.

    Attributes:
        stats: rows and bytes by partition; there are fewer rows than offsets if control records,
            aborted transactions or compaction leave holes.
        lag: number of offsets that the batch left unread, as of its plan.
        at_risk: partitions of which Kafka may delete messages before they are read.
        seconds: from the plan to the commit.
        state: state of the table after the batch; None if it must be read again.
    """

    batch_id: int
    ranges: list[Range]
    stats: dict[int, PartitionStats]
    lag: int
    at_risk: list[int]
    seconds: float
    state: TableState | None

    @property
    def rows(self) -> int:
        """Records written."""
        return sum(s.rows for s in self.stats.values())

    @property
    def bytes(self) -> int:
        """Bytes of their keys and values."""
        return sum(s.bytes for s in self.stats.values())


@dataclass
class Job:
    """An ingest job: a topic and its raw table, with open connections. Created by `opened`.

    Attributes:
        state: state of the raw table when the job was opened.
    """

    settings: Settings
    spark: SparkSession
    source: Source
    progress: Progress
    state: TableState = raw_table.EMPTY
    _reported: float = field(default=0.0, init=False)

    @property
    def table(self) -> str:
        """The raw table."""
        return self.settings.raw_table

    def prepare(self) -> TableState:
        """Create the raw table if it does not exist, repair the batch log, and read the state.

        Raises:
            TableNameClash: the table belongs to another topic; nothing was written.
        """
        raw_table.ensure_table(self.spark, self.table, self.source.name)
        snapshots = raw_table.ancestors(self.spark, self.table)
        if repaired := batch_log.repair(self.spark, self.source.name, self.table, snapshots):
            self.progress(f"repaired {repaired} batches of the batch log")
        return raw_table.state_at(self.spark, self.table, snapshots)

    def read_state(self) -> TableState:
        """Read the table's state; it is `EMPTY` if the table does not exist."""
        if not self.spark.catalog.tableExists(self.table):
            return raw_table.EMPTY
        return raw_table.read_state(self.spark, self.table)

    def run(self, limits: BatchLimits, state: TableState | None = None) -> BatchResult | None:
        """Ingest what is new, exactly once; returns None if there is nothing new.

        Args:
            limits: limits of the batch.
            state: state of the table, if the caller knows it; an old one leads to CommitConflict.

        Raises:
            IngestError: one of its kinds; nothing was written.
        """
        started = time.monotonic()
        batch_plan = self.plan(limits, state)
        if not batch_plan.ranges:
            return None
        records = self.read(batch_plan, batch_plan.ranges)
        return self.commit(batch_plan, records, started)

    def plan(self, limits: BatchLimits, state: TableState | None = None) -> BatchPlan:
        """Plan the next batch: see `ingest.plan.plan`."""
        return plan(self.source, state or self.read_state(), limits, self.table)

    def read(self, batch_plan: BatchPlan, ranges: list[Range]) -> DataFrame:
        """Return the records of ranges of the topic. Spark reads them while it writes them."""
        offsets = sum(r.size for r in ranges)
        self.progress(f"reading {offsets:,} offsets of {len(ranges)} partitions")
        pieces = [[r.partition, r.start, r.end] for r in split(ranges, TASK_OFFSETS)]
        return (
            self.spark.read.format("kafka_ranges")
            .option("topic", batch_plan.topic.name)
            .option("topic_id", batch_plan.topic.topic_id)
            .option("ranges", json.dumps(pieces))
            .option("skips", json.dumps(batch_plan.state.skips))
            .load()
        )

    def commit(self, batch_plan: BatchPlan, records: DataFrame, started: float) -> BatchResult:
        """Commit the records of the planned ranges together with their offsets.

        Raises:
            CommitConflict: another job committed since the plan; nothing was written.
            IngestError: another kind; nothing was written.
        """
        ranges, offsets = batch_plan.ranges, batch_plan.offsets
        partitions = [r.partition for r in ranges]
        batch = next_batch(batch_plan, ranges)
        observation = Observation()
        records = records.observe(observation, *batch_log.stats_columns(partitions))
        with watched(self.spark, lambda share: self._report_progress(share, offsets, started)):
            commit(records, self.table, batch_plan.state, batch)
        seconds = time.monotonic() - started
        self.progress(f"committed batch {batch.batch_id}")
        stats = batch_log.observed_stats(observation.get, partitions)
        stats, state = self.log_batch(batch, seconds, stats)
        return BatchResult(
            batch.batch_id,
            ranges,
            stats,
            sum(batch_plan.lag.values()) - offsets,
            batch_plan.at_risk(after=ranges),
            seconds,
            state,
        )

    def log_batch(
        self, batch: Batch, seconds: float, stats: dict[int, PartitionStats]
    ) -> tuple[dict[int, PartitionStats], TableState | None]:
        """Write a committed batch to the batch log, and commit its group offsets for lag monitors.

        Args:
            batch: the committed batch.
            seconds: from the plan to the commit.
            stats: its statistics by partition, as they were observed.

        Returns:
            Its statistics as the table has them, and the table's state if it is known.
        """
        snapshot = batch_snapshot(self.spark, self.table, batch)
        if snapshot is None:  # maintenance has expired it already; the next run repairs the log
            return stats, None
        if sum(s.rows for s in stats.values()) != snapshot.added:
            # Not observed, or a task was run twice, and counted twice.
            by_batch = batch_log.read_stats(self.spark, self.table, [batch.batch_id])
            stats = by_batch.get(batch.batch_id, {})
        self.progress("batch log")
        committed_at = raw_table.from_micros(snapshot.committed_us)
        entries = batch_log.entries(
            self.source.name, batch, stats, snapshot.snapshot_id, committed_at, seconds
        )
        batch_log.write(self.spark, self.source.name, entries)
        self.source.commit_group_offsets(f"assay-{self.table}", batch.offsets)
        if not snapshot.added:  # the id of the last batch with rows is unknown here
            return stats, None
        return stats, TableState(
            snapshot.snapshot_id,
            batch.batch_id,
            batch.batch_id,
            batch.offsets,
            batch.topic_id,
            batch.cluster_id,
            batch.decisions,
            committed_at,
        )

    def _report_progress(self, share: float, offsets: int, started: float) -> None:
        """Report a batch's share, rate and remaining time, at most every PROGRESS_SECONDS."""
        now = time.monotonic()
        if share > 0 and now - max(self._reported, started) >= PROGRESS_SECONDS:
            self._reported = now
            rate = share * offsets / (now - started)
            left = (1 - share) * offsets / rate
            self.progress(f"{share:.0%} read, {rate:,.0f} offsets/s, about {left:.0f} s left")


def next_batch(
    batch_plan: BatchPlan,
    ranges: list[Range],
    decisions: tuple[Decision, ...] = (),
    offsets: dict[int, int] | None = None,
) -> Batch:
    """Return the next batch; its offsets follow from its ranges unless they are given."""
    state, topic = batch_plan.state, batch_plan.topic
    if offsets is None:
        offsets = {**topic.begin, **state.offsets, **{r.partition: r.end for r in ranges}}
    batch_id = state.batch_id + 1
    now = datetime.now(UTC)
    return Batch(
        batch_id,
        offsets,
        [
            [r.partition, r.start, r.end, topic.begin[r.partition], topic.end[r.partition]]
            for r in ranges
        ],
        topic.topic_id,
        topic.cluster_id,
        (
            *state.decisions,
            *({**d, "batch_id": batch_id, "at": now.isoformat()} for d in decisions),
        ),
        ingested_at=now,
    )


@contextmanager
def opened(
    settings: Settings, progress: Progress = lambda message: None, *, read_only: bool = False
) -> Iterator[Job]:
    """Connect to Kafka and Spark, create the raw table and repair the batch log.

    Args:
        settings: settings of the topic.
        progress: called with each progress message.
        read_only: create and repair nothing.

    Raises:
        IngestError: one of them cannot be reached, or there is no such topic.
    """
    with Source(settings) as source:
        source.describe()
        with connected(settings) as spark:
            job = Job(settings, spark, source, progress)
            if not read_only:
                job.state = job.prepare()
            elif spark.catalog.tableExists(job.table):
                raw_table.check_topic(spark, job.table, source.name)
                job.state = raw_table.read_state(spark, job.table)
            register(spark, {**settings.connection(), "stall_seconds": settings.stall_seconds})
            progress("planning")
            yield job
