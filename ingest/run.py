"""One ingest run: plan, read, commit."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import DataFrame, Observation, SparkSession
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ingest import commit as raw
from ingest import ledger, read
from ingest.errors import OffsetsWentBack, TopicReplaced
from ingest.plan import Range, affordable, plan, split
from ingest.settings import Settings
from ingest.spark import connected, watched
from ingest.topic import Source, Topic

# Large enough to be worth a task's start, small enough to keep every core busy.
TASK_OFFSETS = 50_000
# An end offset can move back for a moment while a broker recovers.
RECOVERY_SECONDS = 10
TELL_SECONDS = 2.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bounds:
    """How much one batch takes at most; None is no bound.

    Attributes:
        max_messages: offsets.
        max_bytes: about as many bytes, as the broker stores them.
        until: only what is older than the first message of that time or later.
    """

    max_messages: int | None = None
    max_bytes: int | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Planned:
    """What a batch would read, and what was known when it was planned."""

    base: raw.Committed
    topic: Topic
    ranges: list[Range]

    @property
    def waiting(self) -> dict[int, int]:
        """Offsets that are not in the table yet, by partition."""
        offsets = {**self.topic.begin, **self.base.offsets}
        return {p: max(end - offsets[p], 0) for p, end in self.topic.end.items()}

    @property
    def headroom(self) -> dict[int, int]:
        """How many offsets Kafka can delete before it deletes what was not read, by partition."""
        return {p: self.base.offsets.get(p, b) - b for p, b in self.topic.begin.items()}

    def endangered(self, after: list[Range]) -> list[int]:
        """Partitions in which Kafka deletes, and more waits than it has left to delete first.

        Args:
            after: what will have been read by then.
        """
        read = {r.partition: r.size for r in after}
        return [
            p
            for p, lag in self.waiting.items()
            if p in self.base.offsets
            and (self.topic.forgets or self.topic.begin[p] > 0)
            and lag - read.get(p, 0) > self.headroom[p] + read.get(p, 0)
        ]


@dataclass(frozen=True)
class Done:
    """What a run committed.

    Attributes:
        counted: rows and bytes of each partition; fewer rows than offsets where transactions or
            compaction left holes.
        lag: offsets that still wait, as of the plan.
        seconds: from the plan to the commit.
    """

    batch_id: int
    ranges: list[Range]
    counted: dict[int, ledger.Counted]
    lag: int
    endangered: list[int]
    seconds: float

    @property
    def rows(self) -> int:
        """Records written."""
        return sum(c.rows for c in self.counted.values())

    @property
    def bytes(self) -> int:
        """Bytes of their keys and values."""
        return sum(c.bytes for c in self.counted.values())


@dataclass
class Job:
    """A topic and its raw table, connected. Make one with `opened`."""

    settings: Settings
    spark: SparkSession
    source: Source
    progress: Progress
    _base: raw.Committed | None = field(default=None, init=False)
    _told: float = field(default=0.0, init=False)

    @property
    def table(self) -> str:
        """The raw table."""
        return self.settings.raw_table

    def prepare(self) -> None:
        """Make the raw table if it is not there, and repair the ledger.

        Raises:
            TableNameClash: the table is another topic's; nothing was written.
        """
        raw.ensure_table(self.spark, self.table, self.source.name)
        line = raw.lineage(self.spark, self.table)
        if mended := ledger.repair(self.spark, self.source.name, self.table, line):
            self.progress(f"mended {mended} batches of the ledger")
        self._base = raw.committed(self.spark, self.table, line)

    def run(self, bounds: Bounds) -> Done | None:
        """Bring what is new into the raw table, exactly once; None if there is nothing new.

        Raises:
            IngestError: one of its kinds; nothing was written.
        """
        begun = time.monotonic()
        planned = self.plan(bounds)
        return self.commit(planned, begun) if planned.ranges else None

    def commit(self, planned: Planned, begun: float) -> Done:
        """Read what was planned, and commit it.

        Raises:
            CommitLost: somebody else committed since it was planned; nothing was written.
            IngestError: another kind; nothing was written.
        """
        offsets = sum(r.size for r in planned.ranges)
        self.progress(f"reading {offsets:,} offsets of {len(planned.ranges)} partitions")
        batch = self.next_batch(planned, planned.ranges)
        observation = Observation()
        partitions = [r.partition for r in planned.ranges]
        records = self.records(planned, planned.ranges).observe(
            observation, *ledger.counts(partitions)
        )
        self.forget()  # whatever happens now, look again
        with watched(self.spark, lambda share: self._tell(share, offsets, begun)):
            raw.commit(records, self.table, planned.base, batch)
        seconds = time.monotonic() - begun
        self.progress(f"committed batch {batch.batch_id}")
        counted = self.keep_books(batch, ledger.counted(observation.get, partitions), seconds)
        return Done(
            batch.batch_id,
            planned.ranges,
            counted,
            sum(planned.waiting.values()) - offsets,
            planned.endangered(after=planned.ranges),
            seconds,
        )

    def _tell(self, share: float, offsets: int, begun: float) -> None:
        """Say how far a batch is, how fast, and how long it will take; not too often."""
        now = time.monotonic()
        if share > 0 and now - max(self._told, begun) >= TELL_SECONDS:
            self._told = now
            rate = share * offsets / (now - begun)
            left = (1 - share) * offsets / rate
            self.progress(f"{share:.0%} read, {rate:,.0f} offsets/s, about {left:.0f} s left")

    def plan(self, bounds: Bounds) -> Planned:
        """What the next batch would read.

        Raises:
            TopicReplaced, RetentionGap, OffsetsWentBack: something to decide first.
        """
        base = self.committed()
        for attempt in Retrying(
            retry=retry_if_exception_type(OffsetsWentBack),
            wait=wait_fixed(0.5),
            stop=stop_after_delay(RECOVERY_SECONDS),
            reraise=True,
        ):
            with attempt:
                topic = self.source.describe()
                check_identity(base, topic, self.table)
                everything = plan(base.offsets, topic.begin, topic.end, topic=topic.name)
        ends = dict(topic.end)
        if bounds.until is not None and everything:
            reached = self.source.offsets_at(bounds.until, list(topic.end))
            for p, offset in reached.items():
                # Not before what is there: the bound is on what this batch takes.
                ends[p] = max(min(ends[p], offset), base.offsets.get(p, topic.begin[p]))
        limits = [bounds.max_messages] if bounds.max_messages else []
        if bounds.max_bytes is not None and everything:
            waiting = plan(base.offsets, topic.begin, ends)
            limits.append(affordable(waiting, self.source.mean_bytes(topic), bounds.max_bytes))
        return Planned(
            base, topic, plan(base.offsets, topic.begin, ends, min(limits, default=None))
        )

    def committed(self) -> raw.Committed:
        """What the table has; after a batch of ours that is known. The commit's fence checks it."""
        if self._base is None:
            there = self.spark.catalog.tableExists(self.table)
            self._base = raw.committed(self.spark, self.table) if there else raw.NOTHING
        return self._base

    def forget(self) -> None:
        """Look at the table again before the next batch."""
        self._base = None

    def records(self, planned: Planned, ranges: list[Range]) -> DataFrame:
        """The records of some ranges of the planned topic, to be read by Spark's workers."""
        pieces = [[r.partition, r.start, r.end] for r in split(ranges, TASK_OFFSETS)]
        return (
            self.spark.read.format("kafka_ranges")
            .option("topic", planned.topic.name)
            .option("topic_id", planned.topic.topic_id)
            .option("ranges", json.dumps(pieces))
            .option("skips", json.dumps(planned.base.skips))
            .load()
        )

    def next_batch(
        self,
        planned: Planned,
        ranges: list[Range],
        decisions: tuple[raw.Decision, ...] = (),
        offsets: dict[int, int] | None = None,
    ) -> raw.Batch:
        """The batch after the last: its offsets follow from its ranges unless they are given."""
        base, topic = planned.base, planned.topic
        if offsets is None:
            offsets = {**topic.begin, **base.offsets, **{r.partition: r.end for r in ranges}}
        batch_id = base.batch_id + 1
        now = datetime.now(UTC)
        return raw.Batch(
            batch_id,
            offsets,
            [
                [r.partition, r.start, r.end, topic.begin[r.partition], topic.end[r.partition]]
                for r in ranges
            ],
            topic.topic_id,
            topic.cluster_id,
            (
                *base.decisions,
                *({**d, "batch_id": batch_id, "at": now.isoformat()} for d in decisions),
            ),
            ingested_at=now,
        )

    def keep_books(
        self, batch: raw.Batch, counted: dict[int, ledger.Counted], seconds: float
    ) -> dict[int, ledger.Counted]:
        """After a commit: the ledger, and offsets for other people's tools. Returns the counts."""
        snapshot = raw.committed_batch(self.spark, self.table, batch)
        if (
            snapshot is None
        ):  # another job has already tidied it away; the next run mends the ledger
            return counted
        if sum(c.rows for c in counted.values()) != snapshot.added:
            # A task that Spark ran twice was counted twice.
            counted = ledger.count_again(self.spark, self.table, batch.batch_id)
        self.progress("ledger")
        committed_at = raw.moment(snapshot.committed_us)
        ledger.write(
            self.spark,
            self.source.name,
            batch,
            counted,
            snapshot.snapshot_id,
            committed_at,
            seconds,
        )
        self.source.tell_lag_tools(f"assay-{self.table}", batch.offsets)
        if snapshot.added:  # else look again: which batch was the last with rows?
            self._base = raw.Committed(
                snapshot.snapshot_id,
                batch.batch_id,
                batch.batch_id,
                batch.offsets,
                batch.topic_id,
                batch.cluster_id,
                batch.decisions,
                committed_at,
            )
        return counted


@contextmanager
def opened(
    settings: Settings, progress: Progress = lambda message: None, *, only_looking: bool = False
) -> Iterator[Job]:
    """Connect to Kafka and Spark, with the raw table and the ledger as they should be.

    Args:
        settings: of the topic.
        progress: told what happens.
        only_looking: make no table and mend nothing.

    Raises:
        IngestError: one of them cannot be reached, or there is no such topic.
    """
    with Source(settings) as source:
        source.describe()
        with connected(settings) as spark:
            job = Job(settings, spark, source, progress)
            if not only_looking:
                job.prepare()
            elif spark.catalog.tableExists(job.table):
                raw.check_topic(spark, job.table, source.name)
            read.register(spark, {**settings.connection(), "stall_seconds": settings.stall_seconds})
            progress("planning")
            yield job


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
                "to go on with the new one from its beginning: "
                f"`python -m ingest accept recreated --topic {source.name}`",
            )
