"""Plan a batch: which offsets of which partitions to read. Pure arithmetic, no service."""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.errors import OffsetsWentBack, RetentionGap


@dataclass(frozen=True)
class Range:
    """Offsets `start` (included) to `end` (excluded) of one partition."""

    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many offsets it spans; some may hold no message."""
        return self.end - self.start


def plan(
    committed: dict[int, int],
    begin: dict[int, int],
    end: dict[int, int],
    max_messages: int | None = None,
    topic: str = "assess",
) -> list[Range]:
    """What has not been read yet, at most `max_messages` offsets of it.

    A partition that is new to the table is read from its beginning. With a bound, every partition
    that has something new gets its share, at least one offset if the bound allows it.

    Args:
        committed: next offset to read, by partition, as the table knows it.
        begin: first offset that Kafka still has, by partition.
        end: next offset that Kafka will give, by partition.
        max_messages: bound on the sum of the ranges, None for all.
        topic: named in errors.

    Raises:
        RetentionGap: Kafka deleted what was not read yet.
        OffsetsWentBack: Kafka's end lies before what was read.
    """
    ranges = []
    for partition in sorted(end):
        start = committed.get(partition, begin[partition])
        if start < begin[partition]:
            raise RetentionGap(
                f"{topic} partition {partition}: the messages {start} to {begin[partition] - 1} "
                "were deleted by Kafka before they were ingested",
                "nothing was written; to go on without them: `python -m ingest accept gap "
                f"--topic {topic} --partition {partition}`",
            )
        if start > end[partition]:
            raise OffsetsWentBack(
                f"{topic} partition {partition}: Kafka ends at {end[partition]}, before the "
                f"committed offset {start}",
                "if the topic was not recreated, wait until the broker has recovered, then again",
            )
        if start < end[partition]:
            ranges.append(Range(partition, start, end[partition]))
    return ranges if max_messages is None else _bounded(ranges, max_messages)


def _bounded(ranges: list[Range], max_messages: int) -> list[Range]:
    """One offset for each, the longest first, and of the rest a share pro rata."""
    total = sum(r.size for r in ranges)
    if total <= max_messages:
        return ranges
    served = sorted(ranges, key=lambda r: -r.size)[:max_messages]
    unserved = sum(r.size for r in served) - len(served)
    spare = max_messages - len(served)
    shares = {r: 1 + (r.size - 1) * spare // max(unserved, 1) for r in served}
    for r in served:  # what rounding down left over: less than one offset a range
        if sum(shares.values()) < max_messages and shares[r] < r.size:
            shares[r] += 1
    return [Range(r.partition, r.start, r.start + shares[r]) for r in ranges if r in shares]


def affordable(ranges: list[Range], mean_bytes: dict[int, float], max_bytes: int) -> int:
    """How many offsets of the ranges take about `max_bytes`; at least one, so that it goes on.

    Args:
        ranges: what waits.
        mean_bytes: that an offset takes, by partition.
        max_bytes: bound on the sum.
    """
    waiting = sum(r.size for r in ranges)
    weight = sum(r.size * mean_bytes.get(r.partition, 0) for r in ranges)
    return waiting if weight <= max_bytes else max(1, int(waiting * max_bytes / weight))


def split(ranges: list[Range], max_size: int) -> Iterator[Range]:
    """Cut ranges into pieces of at most `max_size` offsets, one for each Spark task."""
    for r in ranges:
        for start in range(r.start, r.end, max_size):
            yield Range(r.partition, start, min(start + max_size, r.end))
