"""Plan a batch: which offsets of which partitions to read next.

Here ingest notices that retention has deleted messages before they were read; while it reads,
`ingest/read.py` does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ingest.errors import DataLoss, EndOffsetRegressed, TopicIdChanged

if TYPE_CHECKING:
    from ingest.raw_table import TableState
    from ingest.topic import Source, Topic

# While a broker recovers, an end offset can regress for a moment.
RECOVERY_SECONDS = 10


@dataclass(frozen=True)
class Range:
    """Offsets `start` (included) to `end` (excluded) of one partition."""

    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of offsets; some may hold no record."""
        return self.end - self.start


@dataclass(frozen=True)
class BatchLimits:
    """The limits of one batch; None is no limit.

    Attributes:
        max_messages: maximum number of offsets.
        max_bytes: approximate maximum of bytes, as the broker stores them.
        until: the batch stops before the first message of this time or later.
    """

    max_messages: int | None = None
    max_bytes: int | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class BatchPlan:
    """The ranges that a batch reads, and the state of table and topic when it was planned."""

    state: "TableState"
    topic: "Topic"
    ranges: list[Range]

    @property
    def offsets(self) -> int:
        """Number of offsets in the ranges."""
        return sum(r.size for r in self.ranges)

    @property
    def lag(self) -> dict[int, int]:
        """Offsets that are not in the table yet, by partition."""
        offsets = {**self.topic.begin, **self.state.offsets}
        return {p: max(end - offsets[p], 0) for p, end in self.topic.end.items()}

    @property
    def headroom(self) -> dict[int, int]:
        """Number of offsets that Kafka can delete before it deletes unread ones, by partition."""
        return {p: self.state.offsets.get(p, b) - b for p, b in self.topic.begin.items()}

    def at_risk(self, after: list[Range]) -> list[int]:
        """Return the partitions with retention whose lag is larger than their headroom.

        Args:
            after: ranges that count as read.
        """
        read = {r.partition: r.size for r in after}
        return [
            p
            for p, lag in self.lag.items()
            if p in self.state.offsets
            and (self.topic.has_retention or self.topic.begin[p] > 0)
            and lag - read.get(p, 0) > self.headroom[p] + read.get(p, 0)
        ]


def plan(source: "Source", state: "TableState", limits: BatchLimits, table: str) -> BatchPlan:
    """Plan the next batch.

    Args:
        source: the topic.
        state: state of the raw table, from which the batch continues.
        limits: limits of the batch.
        table: name of the raw table, for error messages.

    Raises:
        TopicIdChanged, DataLoss, EndOffsetRegressed: a person has to decide first.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(EndOffsetRegressed),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(RECOVERY_SECONDS),
        reraise=True,
    ):
        with attempt:
            topic = source.describe()
            check_identity(state, topic, table)
            everything = new_ranges(state.offsets, topic.begin, topic.end, topic=topic.name)
    if not everything:
        return BatchPlan(state, topic, [])
    ends = dict(topic.end)
    if limits.until is not None:
        for p, offset in source.offsets_at(limits.until, list(topic.end)).items():
            # Not below the committed offset: the limit applies to this batch only.
            ends[p] = max(min(ends[p], offset), state.offsets.get(p, topic.begin[p]))
    maxima = [limits.max_messages] if limits.max_messages else []
    if limits.max_bytes is not None:
        lag = new_ranges(state.offsets, topic.begin, ends)
        maxima.append(affordable(lag, source.mean_bytes(topic), limits.max_bytes))
    ranges = new_ranges(state.offsets, topic.begin, ends, min(maxima, default=None))
    return BatchPlan(state, topic, ranges)


def check_identity(state: "TableState", topic: "Topic", table: str) -> None:
    """Check that cluster and topic are those of the last commit, not only of the same name.

    Raises:
        TopicIdChanged: the cluster or the topic is another one.
    """
    for what, before, now in (
        ("cluster", state.cluster_id, topic.cluster_id),
        ("topic", state.topic_id, topic.topic_id),
    ):
        if before is not None and before != now:
            raise TopicIdChanged(
                f"{table} was ingested from the {what} id {before}, but {topic.name!r} now has the "
                f"{what} id {now}: it was recreated, and its offsets are those of other messages",
                "to ingest the new one from its beginning: "
                f"`python -m ingest accept topic-recreated --topic {topic.name}`",
            )


def new_ranges(
    committed: dict[int, int],
    begin: dict[int, int],
    end: dict[int, int],
    max_messages: int | None = None,
    topic: str = "assess",
) -> list[Range]:
    """Return the ranges that are not read yet, with at most `max_messages` offsets in total.

    This is pure arithmetic and calls no service. A partition that is new to the table is read from
    its beginning. With a limit, every partition with new offsets gets its share, at least one
    offset if the limit allows it.

    Args:
        committed: next offset to read, by partition, as committed in the table.
        begin: first offset that Kafka still has, by partition.
        end: offset of the next message, by partition.
        max_messages: limit on the sum of the ranges, None for no limit.
        topic: name of the topic, for error messages.

    Raises:
        DataLoss: Kafka deleted messages that were not read yet.
        EndOffsetRegressed: Kafka's end offset is lower than the committed offset.
    """
    ranges = []
    for partition in sorted(end):
        start = committed.get(partition, begin[partition])
        if start < begin[partition]:
            raise DataLoss(
                f"{topic} partition {partition}: the messages {start} to {begin[partition] - 1} "
                "were deleted by Kafka before they were ingested",
                "nothing was written; to continue without them: `python -m ingest accept data-loss "
                f"--topic {topic} --partition {partition}`",
            )
        if start > end[partition]:
            raise EndOffsetRegressed(
                f"{topic} partition {partition}: Kafka ends at {end[partition]}, before the "
                f"committed offset {start}",
                "if the topic was not recreated, wait until the broker has recovered and run again",
            )
        if start < end[partition]:
            ranges.append(Range(partition, start, end[partition]))
    return ranges if max_messages is None else _limited(ranges, max_messages)


def _limited(ranges: list[Range], max_messages: int) -> list[Range]:
    """Distribute the limit: one offset for each range, longest first, the rest in proportion."""
    total = sum(r.size for r in ranges)
    if total <= max_messages:
        return ranges
    served = sorted(ranges, key=lambda r: -r.size)[:max_messages]
    unserved = sum(r.size for r in served) - len(served)
    spare = max_messages - len(served)
    shares = {r: 1 + (r.size - 1) * spare // max(unserved, 1) for r in served}
    for r in served:  # the remainder of rounding down: less than one offset for each range
        if sum(shares.values()) < max_messages and shares[r] < r.size:
            shares[r] += 1
    return [Range(r.partition, r.start, r.start + shares[r]) for r in ranges if r in shares]


def affordable(ranges: list[Range], mean_bytes: dict[int, float], max_bytes: int) -> int:
    """Return how many offsets of the ranges amount to about `max_bytes`; at least one.

    Args:
        ranges: ranges that are not read yet.
        mean_bytes: mean size of an offset in bytes, by partition.
        max_bytes: limit on the total size.
    """
    lag = sum(r.size for r in ranges)
    weight = sum(r.size * mean_bytes.get(r.partition, 0) for r in ranges)
    return lag if weight <= max_bytes else max(1, int(lag * max_bytes / weight))


def split(ranges: list[Range], max_size: int) -> Iterator[Range]:
    """Cut ranges into pieces of at most `max_size` offsets, one for each Spark task."""
    for r in ranges:
        for start in range(r.start, r.end, max_size):
            yield Range(r.partition, start, min(start + max_size, r.end))
