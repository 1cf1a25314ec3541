"""Read planned ranges of a topic inside Spark: one task a range, Arrow batches out.

Spark's workers get this package by value (see `register`), so they need kafka-python, pyarrow and
the codecs, but not this package.
"""

import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from kafka import KafkaConsumer, TopicPartition, errors
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from ingest import blocks, client

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

SCHEMA = (
    "topic string, partition int, offset bigint, timestamp timestamp, timestamp_type string, "
    "key binary, value binary, headers array<struct<key: string, value: binary>>, "
    "out_of_range_timestamp bigint"
)
# As the reader gives them to Spark, which copies a binary value whenever it looks at it, and text
# never. Nothing takes the text for text: bytes that are not UTF-8 pass through as they are.
AS_TEXT = SCHEMA.replace("key binary, value binary", "key string, value string")
# A few batches at a time are decoded, then sent to the JVM: memory does not grow with the backlog,
# and fetching, decoding and writing go on side by side.
FETCH_BYTES = 1024**2
POLL_BATCHES = 8
ARROW_BYTES = 4 * 1024**2
STALL_SECONDS = 60.0
# kafka-python sleeps so long in every task before it knows the partition's leader.
RETRY_MS = 20


class KafkaRange(InputPartition):
    """Offsets `start` (included) to `end` (excluded) of one partition."""

    def __init__(self, partition: int, start: int, end: int) -> None:
        self.partition = partition
        self.start = start
        self.end = end


class KafkaRanges(DataSource):
    """A bounded Spark source.

    Options:
        topic: to read.
        topic_id: which it must be; without, whatever has that name.
        ranges: `[[partition, start, end], …]`, as JSON.
        skips: offsets to pass over, `{partition: [offset, …]}` as JSON; by default none.

    Attributes:
        connection: for `ingest.client.arguments`, and `stall_seconds`. Not an option, because Spark
            shows options in its plans and on its page, and there are secrets among them.
    """

    connection: ClassVar[Mapping[str, object]] = {}

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "kafka_ranges"

    def schema(self) -> str:
        """One row per Kafka record."""
        return AS_TEXT

    def reader(self, schema: object) -> "KafkaRangesReader":
        """The reader of the given ranges."""
        skips = json.loads(self.options.get("skips", "{}"))
        return KafkaRangesReader(
            self.connection,
            self.options["topic"],
            self.options.get("topic_id"),
            json.loads(self.options["ranges"]),
            {int(partition): frozenset(offsets) for partition, offsets in skips.items()},
        )


class KafkaRangesReader(DataSourceReader):
    """Reads each range with a consumer of its own."""

    def __init__(
        self,
        connection: Mapping[str, object],
        topic: str,
        topic_id: str | None,
        ranges: list[tuple[int, int, int]],
        skips: Mapping[int, frozenset[int]],
    ) -> None:
        self.connection = connection
        self.topic = topic
        self.topic_id = topic_id
        self.ranges = ranges
        self.skips = skips

    def partitions(self) -> Sequence[KafkaRange]:
        """One Spark task a range."""
        return [KafkaRange(*r) for r in self.ranges]

    def read(self, partition: InputPartition) -> Iterator["pa.RecordBatch"]:
        """Yield the readable records of a range.

        Raises:
            RuntimeError: with a marker, because Spark passes on nothing but text:
                `ASSAY_STALLED topic partition p offset o`: no progress for a minute.
                `ASSAY_TRIMMED …`: Kafka deleted messages meanwhile, the partition starts at o.
                `ASSAY_RECREATED …`: it is another topic than the one that was planned.
                `ASSAY_UNDECODABLE …`: the record at o is damaged, or the batch that begins there.
                `ASSAY_NO_CODEC codec`: its library is not installed beside Spark.
                `ASSAY_REFUSED reason`: authentication or authorization failed.
        """
        assert isinstance(partition, KafkaRange)
        with _explained(f"{self.topic} partition {partition.partition}"):
            pending: list[blocks.Block] = []
            pending_bytes = 0
            for block in self._blocks(partition):
                pending.append(block)
                pending_bytes += block.size_in_bytes
                if pending_bytes >= ARROW_BYTES:
                    yield blocks.arrow(self.topic, partition.partition, pending)
                    pending, pending_bytes = [], 0
            if pending:
                yield blocks.arrow(self.topic, partition.partition, pending)

    def _blocks(self, wanted: KafkaRange) -> Iterator[blocks.Block]:
        """Yield the readable records of a range, those of a batch together.

        The range is done when the consumer's position reaches its end, not when the record before
        the end was seen: that offset may hold a transaction's mark, or nothing after compaction.
        """
        at = TopicPartition(self.topic, wanted.partition)
        skips = self.skips.get(wanted.partition, frozenset())
        settings = dict(self.connection)
        stall_seconds = float(str(settings.pop("stall_seconds", STALL_SECONDS)))
        consumer = KafkaConsumer(
            **client.arguments(settings),
            **client.READ_ONLY,
            retry_backoff_ms=RETRY_MS,
            max_poll_records=POLL_BATCHES,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            blocks.deliver(consumer, wanted.end, skips)
            consumer.assign([at])
            consumer.seek(at, wanted.start)
            try:
                yield from _polled(consumer, at, wanted, skips, stall_seconds)
            except errors.OffsetOutOfRangeError:
                self._check(consumer, at, wanted, stall_seconds)  # most likely it says why
                raise
            self._check(consumer, at, wanted, stall_seconds)
        finally:
            consumer.close()

    def _check(
        self, consumer: KafkaConsumer, at: TopicPartition, wanted: KafkaRange, stall_seconds: float
    ) -> None:
        """Raise if a range was no longer what it was when it was planned."""
        # Deleted while we read: what we did not see would otherwise be missing silently.
        try:
            first = consumer.beginning_offsets([at], stall_seconds * 1000)[at]
        except errors.KafkaTimeoutError as error:
            raise _marked("ASSAY_STALLED", at, wanted.end) from error
        except KeyError as error:  # kafka-python's, of a partition that is gone
            raise _marked("ASSAY_RECREATED", at, wanted.start) from error
        if first > wanted.start:
            raise _marked("ASSAY_TRIMMED", at, first)
        # Made anew since the plan: these offsets would be those of other messages.
        consumer.topics()  # asks for them all, and so for their ids
        found = consumer._cluster.topic_id(self.topic)
        if self.topic_id is not None and str(found) != self.topic_id:
            raise _marked("ASSAY_RECREATED", at, wanted.start)


def _polled(
    consumer: KafkaConsumer,
    at: TopicPartition,
    wanted: KafkaRange,
    skips: frozenset[int],
    stall_seconds: float,
) -> Iterator[blocks.Block]:
    """Poll until the position is at the range's end, or nothing moves any more."""
    position, progressed_at = wanted.start, time.monotonic()
    while position < wanted.end:
        yield from blocks.of_records(consumer.poll(timeout_ms=1000).get(at, ()), wanted.end, skips)
        if consumer.position(at) > position:
            position, progressed_at = consumer.position(at), time.monotonic()
        elif time.monotonic() - progressed_at > stall_seconds:
            raise _marked("ASSAY_STALLED", at, position)


def _marked(marker: str, at: TopicPartition, offset: int) -> RuntimeError:
    """What ended a range, with a marker that the job looks for, and the place."""
    return RuntimeError(f"{marker} {at.topic} partition {at.partition} offset {offset}")


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn what a range could not be read for into a marker that the job looks for."""
    try:
        yield
    except blocks.Undecodable as error:
        raise RuntimeError(f"ASSAY_UNDECODABLE {place} offset {error.offset}") from error
    except blocks.NoCodec as error:
        raise RuntimeError(f"ASSAY_NO_CODEC {error}") from error
    except (
        errors.AuthorizationError,
        errors.SaslAuthenticationFailedError,
        errors.UnsupportedSaslMechanismError,
        ssl.SSLError,
    ) as error:
        raise RuntimeError(f"ASSAY_REFUSED {type(error).__name__}: {error}") from error


def register(spark: "SparkSession", connection: Mapping[str, object]) -> None:
    """Make the source known to a session, its code and its connection sent along."""
    from pyspark import cloudpickle

    import ingest

    cloudpickle.register_pickle_by_value(ingest)  # type: ignore[no-untyped-call]
    spark.dataSource.register(type("Connected", (KafkaRanges,), {"connection": dict(connection)}))
