"""The oracle: what the raw table must hold, determined by a plain Kafka consumer without ingest.

The oracle reads the topic itself, stores a digest of every record that it has read, and compares
the table with these, by coordinates and bytes. The test that causes an accepted loss (deleted
records, a recreated topic, a skipped record) reports it to the oracle; ingest never does.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from tests.ingest.faults import thrift

READ_SECONDS = 120.0
TIMESTAMP_TYPES = {0: "CreateTime", 1: "LogAppendTime"}

# The digest of a record, as `digest` computes it, in Spark SQL.
DIGEST = """
    md5(concat_ws('|',
        topic,
        coalesce(hex(key), 'null'),
        coalesce(hex(value), 'null'),
        cast(coalesce(out_of_range_timestamp, unix_millis(timestamp)) as string),
        coalesce(timestamp_type, 'null'),
        coalesce(
            array_join(transform(headers,
                h -> concat(hex(h.key), '=', coalesce(hex(h.value), 'null'))), ','),
            'null')))
"""


@dataclass(frozen=True, order=True)
class Coordinates:
    """The place of a record; a recreated topic has another id."""

    topic_id: str
    partition: int
    offset: int


@dataclass
class Verdict:
    """How the table differs from what it must hold.

    Attributes:
        rows: number of rows of the table.
        lost: records that must be in the table and are not.
        duplicated: records that are in the table more than once.
        changed: records whose bytes differ.
        unexpected: rows without a record.
    """

    rows: int = 0
    lost: list[Coordinates] = field(default_factory=list)
    duplicated: list[Coordinates] = field(default_factory=list)
    changed: list[Coordinates] = field(default_factory=list)
    unexpected: list[Coordinates] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.duplicated or self.changed or self.unexpected)

    def __str__(self) -> str:
        """Format the counts, and the first few of each kind."""
        wrong = {
            name: (len(found), found[:5])
            for name, found in vars(self).items()
            if name != "rows" and found
        }
        return f"{self.rows:,} rows: " + (json.dumps(wrong, default=vars) if wrong else "right")


class Oracle:
    """Knows every record of a topic that was ever readable, also before recreations.

    Args:
        kafka: bootstrap servers.
        topic: name of the topic.
    """

    def __init__(self, kafka: str, topic: str) -> None:
        self.kafka = kafka
        self.topic = topic
        self.seen: dict[Coordinates, str] = {}
        self.excused: set[Coordinates] = set()
        self.skipped: set[Coordinates] = set()
        self._read_to: dict[tuple[str, int], int] = {}

    def observe(self) -> None:
        """Read the new records of the topic."""
        topic_id = self._topic_id()
        consumer = KafkaConsumer(
            bootstrap_servers=self.kafka.split(","),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=16 * 1024**2,
            max_poll_records=10_000,
        )
        try:
            partitions = [
                TopicPartition(self.topic, p)
                for p in sorted(consumer.partitions_for_topic(self.topic) or ())
            ]
            begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
            for at in partitions:
                start = max(self._read_to.get((topic_id, at.partition), 0), begins[at])
                for first, last in self._between_skips(topic_id, at.partition, start, ends[at]):
                    for record in _read(consumer, at, first, last):
                        coordinates = Coordinates(topic_id, at.partition, record.offset)
                        self.seen[coordinates] = digest(record)
                self._read_to[topic_id, at.partition] = ends[at]
        finally:
            consumer.close()

    def skips(self, partition: int, offset: int) -> None:
        """Register a decision to skip a record that cannot be decoded."""
        self.skipped.add(Coordinates(self._topic_id(), partition, offset))

    def before_deletion(self, offsets: dict[int, int]) -> None:
        """Call before records below these offsets are deleted.

        Records that the table has must stay; it may miss the others.
        """
        self.observe()
        topic_id, held = self._topic_id(), set(rows(self.topic))
        self.excused |= {
            c
            for c in self.seen
            if c.topic_id == topic_id and c.offset < offsets.get(c.partition, 0) and c not in held
        }

    def before_recreation(self) -> None:
        """Call before the topic is deleted: the table may miss the records that it lacks now."""
        self.observe()
        self.excused |= self.seen.keys() - set(rows(self.topic))

    def after_compaction(self) -> None:
        """Call after the broker has compacted the log: the table may miss the removed records."""
        before, self.seen = self.seen, {}
        self._read_to.clear()
        self.observe()
        self.excused |= before.keys() - self.seen.keys()
        self.seen = {**before, **self.seen}

    def judge(self, *, drained: bool = True) -> Verdict:
        """Compare the table with what it must hold.

        Args:
            drained: whether it must hold all records; else those up to the last row of each
                partition, and up to the committed offsets.
        """
        # In this order, a concurrent commit is neither lost nor unexpected.
        committed = thrift.committed_offsets(thrift.table_of(self.topic))
        found = rows(self.topic)
        self.observe()
        required = self.seen.keys() - self.excused
        if not drained:
            reached = _reached(found, committed)
            required = {c for c in required if c.offset < reached.get((c.topic_id, c.partition), 0)}
        verdict = Verdict(rows=sum(map(len, found.values())))
        verdict.lost = sorted(required - found.keys())
        for coordinates, digests in sorted(found.items()):
            if len(digests) > 1:
                verdict.duplicated.append(coordinates)
            if coordinates not in self.seen:
                verdict.unexpected.append(coordinates)
            elif any(one != self.seen[coordinates] for one in digests):
                verdict.changed.append(coordinates)
        return verdict

    def assert_right(self, *, drained: bool = True) -> Verdict:
        """Judge, and fail if anything is wrong."""
        verdict = self.judge(drained=drained)
        assert verdict.is_right, str(verdict)
        return verdict

    def _between_skips(
        self, topic_id: str, partition: int, start: int, end: int
    ) -> Iterable[tuple[int, int]]:
        for skip in sorted(self.skipped):
            if (skip.topic_id, skip.partition) == (topic_id, partition) and start <= skip.offset:
                yield start, min(skip.offset, end)
                start = skip.offset + 1
        yield start, end

    def _topic_id(self) -> str:
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.split(","))
        try:
            return str(admin.describe_topics([self.topic])[0]["topic_id"])
        finally:
            admin.close()


def digest(record: ConsumerRecord) -> str:
    """Return a digest of all fields of a record that the table stores."""
    headers = ",".join(f"{_hex(key.encode())}={_hex(value)}" for key, value in record.headers)
    text = "|".join(
        (
            record.topic,
            _hex(record.key),
            _hex(record.value),
            str(record.timestamp),
            TIMESTAMP_TYPES.get(record.timestamp_type, "null"),
            headers,
        )
    )
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def rows(topic: str) -> dict[Coordinates, list[str]]:
    """Return the digests of a raw table's rows."""
    found: dict[Coordinates, list[str]] = {}
    table = thrift.table_of(topic)
    if not thrift.exists(table):
        return found
    for topic_id, partition, offset, text in thrift.sql(
        f"select topic_id, partition, offset, {DIGEST} from {table}"
    ):
        found.setdefault(Coordinates(topic_id, partition, offset), []).append(text)
    return found


def _reached(
    found: Iterable[Coordinates], committed: list[tuple[str, dict[int, int]]]
) -> dict[tuple[str, int], int]:
    """Return the end of what was read of each partition, by rows and by snapshot properties."""
    reached: Counter[tuple[str, int]] = Counter()
    for c in found:
        place = (c.topic_id, c.partition)
        reached[place] = max(reached[place], c.offset + 1)
    for topic_id, offsets in committed:
        for partition, offset in offsets.items():
            reached[topic_id, partition] = max(reached[topic_id, partition], offset)
    return dict(reached)


def _read(
    consumer: KafkaConsumer, at: TopicPartition, start: int, end: int
) -> Iterable[ConsumerRecord]:
    """Yield the readable records from `start` to before `end`; holes are allowed."""
    if start >= end:
        return
    consumer.assign([at])
    consumer.seek(at, start)
    deadline = time.monotonic() + READ_SECONDS
    while (position := consumer.position(at)) < end:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the oracle cannot read {at} past {position} to {end}")
        try:
            records = consumer.poll(1000).get(at, ())
        except (KafkaError, UnicodeDecodeError):
            # A record after the end, which was fetched too, may be corrupt.
            if consumer.position(at) >= end:
                return
            raise
        yield from (r for r in records if r.offset < end)


def _hex(value: bytes | None) -> str:
    return "null" if value is None else value.hex().upper()
