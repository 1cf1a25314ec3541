"""The actions of tests on a topic, with plain kafka-python clients."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.record.default_records import DefaultRecordBatchBuilder

from tests.ingest.faults.job import until

# kafka-python's producer sends neither a header without a value, nor a record without key and
# value, though the protocol has both and other clients send them. `send` replaces this by null.
NULL = b"<null of the tests>"
# `send_batch` gives a record with this value a header that cannot be decoded.
POISON = b"poison"


class RawHeaderKey(str):
    """A header key whose bytes are not UTF-8, as other clients can send it."""

    def encode(self, *_: object) -> bytes:
        """Return the bytes that are sent."""
        return b"\xff\xfe"


@contextmanager
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    """Open an admin client."""
    client = KafkaAdminClient(bootstrap_servers=kafka.split(","))
    try:
        yield client
    finally:
        client.close()


def create(kafka: str, topic: str, partitions: int = 3, **configuration: str) -> None:
    """Create a topic, by default without retention; `_` in a configuration key means a dot."""
    configs = {"retention.ms": "-1", **{k.replace("_", "."): v for k, v in configuration.items()}}
    new = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    with admin(kafka) as client:
        client.create_topics({topic: new}, wait_for_metadata=True)


def delete(kafka: str, topic: str) -> None:
    """Delete a topic and wait until it is gone."""
    with admin(kafka) as client:
        client.delete_topics([topic])
        until(lambda: topic not in client.list_topics(), f"{topic} is deleted")


def recreate(kafka: str, topic: str, partitions: int = 3) -> None:
    """Delete a topic and create it again: it has another id then."""
    delete(kafka, topic)
    create(kafka, topic, partitions)


def grow(kafka: str, topic: str, partitions: int) -> None:
    """Give a topic more partitions."""
    with admin(kafka) as client:
        client.create_partitions({topic: partitions})
        until(
            lambda: len(client.describe_topics([topic])[0]["partitions"]) == partitions,
            f"{topic} has {partitions} partitions",
        )


def delete_records(kafka: str, topic: str, offsets: dict[int, int]) -> None:
    """Delete all records below the given offsets."""
    with admin(kafka) as client:
        client.delete_records({TopicPartition(topic, p): o for p, o in offsets.items()})


def begins(kafka: str, topic: str) -> dict[int, int]:
    """Return the first offset of each partition."""
    return _offsets(kafka, topic, KafkaConsumer.beginning_offsets)


def ends(kafka: str, topic: str) -> dict[int, int]:
    """Return the last stable offset of each partition."""
    return _offsets(kafka, topic, KafkaConsumer.end_offsets)


def _offsets(
    kafka: str,
    topic: str,
    ask: Callable[[KafkaConsumer, list[TopicPartition]], dict[TopicPartition, int]],
) -> dict[int, int]:
    consumer = KafkaConsumer(bootstrap_servers=kafka.split(","), isolation_level="read_committed")
    try:
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        return {at.partition: offset for at, offset in sorted(ask(consumer, places).items())}
    finally:
        consumer.close()


def send(
    kafka: str,
    topic: str,
    *values: bytes | None,
    partition: int = 0,
    key: bytes | None = None,
    timestamp_ms: int | None = None,
    headers: list[tuple[str, bytes]] | None = None,
    codec: str | None = None,
    one_by_one: bool = False,
) -> None:
    """Send records to one partition; `one_by_one` puts each into a batch of its own."""
    producer = KafkaProducer(
        bootstrap_servers=kafka.split(","),
        compression_type=codec,
        max_request_size=16 * 1024**2,
        allow_auto_create_topics=False,
    )
    try:
        sent = []
        for value in values:
            with mock.patch.object(DefaultRecordBatchBuilder, "append", _append_nulls):
                future = producer.send(
                    topic, value, key, headers, partition=partition, timestamp_ms=timestamp_ms
                )
            sent.append(future)
            if one_by_one:
                future.get(30)
        for future in sent:
            future.get(30)
    finally:
        producer.close()


_append = DefaultRecordBatchBuilder.append


def _append_nulls(
    builder: DefaultRecordBatchBuilder,
    offset: int,
    timestamp: int | None,
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
) -> object:
    return _append(
        builder,
        offset,
        timestamp,
        key,
        None if value == NULL else value,
        [(name, None if value == NULL else value) for name, value in headers],
    )


def send_batch(kafka: str, topic: str, *values: bytes, partition: int = 0) -> None:
    """Send records in one batch; POISON among them cannot be decoded."""
    producer = KafkaProducer(
        bootstrap_servers=kafka.split(","), linger_ms=500, allow_auto_create_topics=False
    )
    try:
        sent = [
            producer.send(
                topic,
                value,
                partition=partition,
                headers=[(RawHeaderKey("h"), b"1")] if value == POISON else [],
            )
            for value in values
        ]
        producer.flush()
        for future in sent:
            future.get(30)
    finally:
        producer.close()


def fill(
    kafka: str, topic: str, count: int, size: int = 1000, partitions: tuple[int, ...] = (0, 1, 2)
) -> None:
    """Send `count` different records of about `size` bytes to each of the partitions."""
    run = uuid.uuid4().hex
    for partition in partitions:
        values = (f"{run} {partition} {n} ".encode().ljust(size, b"x") for n in range(count))
        send(kafka, topic, *values, partition=partition)


@contextmanager
def transacting(kafka: str, name: str) -> Iterator[KafkaProducer]:
    """Open a producer that can begin, commit and abort transactions."""
    producer = KafkaProducer(
        bootstrap_servers=kafka.split(","), transactional_id=name, allow_auto_create_topics=False
    )
    producer.init_transactions()
    try:
        yield producer
    finally:
        producer.close(timeout=5)


def in_transaction(
    producer: KafkaProducer, topic: str, *values: bytes, partition: int = 0, commit: bool = True
) -> None:
    """Send records in one transaction and end it."""
    producer.begin_transaction()
    for value in values:
        producer.send(topic, value, partition=partition)
    producer.flush()
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
