"""What the raw table must hold, found out without ingest: by a plain reader of Kafka.

The oracle reads the topic itself, remembers a digest of every record it ever saw, and compares the
table with that, by coordinates and bytes. Of losses that somebody decided on (a trim, a recreated
topic, a skipped record) it is told by the hand that did it, never by ingest.
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

from tests.ingest.faults import lake

READ_SECONDS = 120.0
TIMESTAMP_TYPES = {0: "CreateTime", 1: "LogAppendTime"}

# The same text of a record as `digest` makes, by Spark.
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
    """Where a record is: in which life of the topic, which partition, at which offset."""

    topic_id: str
    partition: int
    offset: int


@dataclass
class Verdict:
    """How the table differs from what it must hold.

    Attributes:
        rows: how many rows the table has.
        lost: records that must be in the table and are not.
        duplicated: records that are in the table more than once.
        changed: records whose bytes differ.
        unexpected: rows that were never a record.
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
        """The counts, and the first few of each kind."""
        wrong = {
            name: (len(found), found[:5])
            for name, found in vars(self).items()
            if name != "rows" and found
        }
        return f"{self.rows:,} rows: " + (json.dumps(wrong, default=vars) if wrong else "right")


class Oracle:
    """Knows every record of a topic that was ever readable, through all its lives.

    Args:
        kafka: bootstrap servers.
        topic: its name.
    """

    def __init__(self, kafka: str, topic: str) -> None:
        self.kafka = kafka
        self.topic = topic
        self.seen: dict[Coordinates, str] = {}
        self.excused: set[Coordinates] = set()
        self.skipped: set[Coordinates] = set()
        self._read_to: dict[tuple[str, int], int] = {}

    def observe(self) -> None:
        """Read what is new in the topic."""
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
        """Somebody decided to pass over a record that cannot be decoded."""
        self.skipped.add(Coordinates(self._topic_id(), partition, offset))

    def before_trim(self, offsets: dict[int, int]) -> None:
        """Call before records below these offsets are deleted.

        What the table has by then must stay; what it has not yet, it may miss.
        """
        self.observe()
        topic_id, held = self._topic_id(), set(rows(self.topic))
        self.excused |= {
            c
            for c in self.seen
            if c.topic_id == topic_id and c.offset < offsets.get(c.partition, 0) and c not in held
        }

    def before_recreation(self) -> None:
        """Call before the topic is deleted: what the table has not yet, it may miss."""
        self.observe()
        self.excused |= self.seen.keys() - set(rows(self.topic))

    def after_compaction(self) -> None:
        """Call when the broker has compacted the log: what it took, the table may miss."""
        before, self.seen = self.seen, {}
        self._read_to.clear()
        self.observe()
        self.excused |= before.keys() - self.seen.keys()
        self.seen = {**before, **self.seen}

    def judge(self, *, drained: bool = True) -> Verdict:
        """Compare the table with what it must hold.

        Args:
            drained: whether it must hold everything; else everything up to the last row of each
                partition and up to the offsets that the table claims.
        """
        # In this order, so that what a job commits meanwhile is neither lost nor unexpected.
        claims = lake.claims(lake.table_of(self.topic))
        found = rows(self.topic)
        self.observe()
        required = self.seen.keys() - self.excused
        if not drained:
            reached = _reached(found, claims)
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
    """One short text for all that is kept of a record."""
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
    """The digests of a raw table's rows."""
    found: dict[Coordinates, list[str]] = {}
    table = lake.table_of(topic)
    if not lake.exists(table):
        return found
    for topic_id, partition, offset, text in lake.sql(
        f"select topic_id, partition, offset, {DIGEST} from {table}"
    ):
        found.setdefault(Coordinates(topic_id, partition, offset), []).append(text)
    return found


def _reached(
    found: Iterable[Coordinates], claims: list[tuple[str, dict[int, int]]]
) -> dict[tuple[str, int], int]:
    """Up to where each partition was read, by its rows and by what its snapshots claim."""
    reached: Counter[tuple[str, int]] = Counter()
    for c in found:
        place = (c.topic_id, c.partition)
        reached[place] = max(reached[place], c.offset + 1)
    for topic_id, offsets in claims:
        for partition, offset in offsets.items():
            reached[topic_id, partition] = max(reached[topic_id, partition], offset)
    return dict(reached)


def _read(
    consumer: KafkaConsumer, at: TopicPartition, start: int, end: int
) -> Iterable[ConsumerRecord]:
    """The readable records from `start` to before `end`; holes are allowed."""
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
            # What follows the end may be undecodable, and was fetched along.
            if consumer.position(at) >= end:
                return
            raise
        yield from (r for r in records if r.offset < end)


def _hex(value: bytes | None) -> str:
    return "null" if value is None else value.hex().upper()
