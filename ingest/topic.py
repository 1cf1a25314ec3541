"""The Kafka topic: creating, describing and looking at it, and its offsets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import (
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaError,
    TopicAlreadyExistsError,
)

from ingest.consumer import connect
from ingest.errors import IngestError, NoBroker, NoTopic

TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class Topic:
    """What identifies a topic, and what it holds now.

    Attributes:
        begin: first offset that can be read, by partition.
        end: offset of the next message, by partition; never past an open transaction.
    """

    name: str
    cluster_id: str
    topic_id: str
    begin: dict[int, int]
    end: dict[int, int]

    @property
    def message_count(self) -> int:
        """How many offsets can be read: messages, and the marks of transactions among them."""
        return sum(self.end[p] - self.begin[p] for p in self.end)


def describe(kafka: str, name: str) -> Topic:
    """Ask the cluster for a topic.

    Args:
        kafka: bootstrap servers.
        name: of the topic.

    Raises:
        NoBroker: nobody answers.
        NoTopic: there is no such topic.
    """
    with _admin(kafka) as admin:
        cluster_id = admin.describe_cluster()["cluster_id"]
        topics = admin.describe_topics([name])
        if not topics or topics[0]["error_code"]:
            raise no_topic(kafka, name)
    with consumer(kafka) as reader:
        partitions = [TopicPartition(name, p["partition_index"]) for p in topics[0]["partitions"]]
        begin = reader.beginning_offsets(partitions)
        end = reader.end_offsets(partitions)
    return Topic(
        name,
        cluster_id,
        str(topics[0]["topic_id"]),
        {p.partition: offset for p, offset in sorted(begin.items())},
        {p.partition: offset for p, offset in sorted(end.items())},
    )


def create(kafka: str, name: str, partitions: int, replication: int) -> bool:
    """Create a topic that never forgets, and return whether it was not there before.

    Raises:
        NoBroker: nobody answers.
        NoTopic: the cluster refuses such a topic.
        IngestError: it exists with another number of partitions.
    """
    options = {
        "num_partitions": partitions,
        "replication_factor": replication,
        # The raw table is filled from here, so nothing may expire by itself.
        "configs": {"retention.ms": "-1"},
    }
    with _admin(kafka) as admin:
        try:
            admin.create_topics({name: options}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            existing = len(admin.describe_topics([name])[0]["partitions"])
            if existing != partitions:
                raise IngestError(
                    f"the topic {name!r} exists with {existing} partitions, not {partitions}",
                    f"use it as it is (--partitions {existing}), or choose another name",
                ) from None
            return False
        except (
            InvalidTopicError,
            InvalidPartitionsError,
            InvalidReplicationFactorError,
        ) as error:
            raise NoTopic(
                f"the cluster refuses the topic {name!r}: {error}",
                "names have letters, digits, . _ and -; replication needs as many brokers",
            ) from error
    return True


def look(kafka: str, name: str, limit: int) -> Iterator[ConsumerRecord]:
    """Yield the first messages of a topic, partition by partition.

    Args:
        kafka: bootstrap servers.
        name: of the topic.
        limit: how many at most.

    Raises:
        NoBroker: nobody answers.
        NoTopic: there is no such topic.
    """
    topic = describe(kafka, name)
    with consumer(kafka) as reader:
        for partition, end in topic.end.items():
            at = TopicPartition(name, partition)
            reader.assign([at])
            reader.seek(at, topic.begin[partition])
            while limit and reader.position(at) < end:
                for record in reader.poll(TIMEOUT_MS, max_records=limit).get(at, []):
                    limit -= 1
                    yield record


def no_topic(kafka: str, name: str) -> NoTopic:
    """The error for a topic that does not exist."""
    return NoTopic(
        f"there is no topic {name!r} at {kafka}",
        f"check the spelling, or create it: `python -m ingest topic create --topic {name}`",
    )


@contextmanager
def reaching(kafka: str) -> Iterator[None]:
    """Turn kafka-python's errors into ours."""
    try:
        yield
    except KafkaError as error:
        raise NoBroker(
            f"Kafka at {kafka} does not answer as it should: {type(error).__name__}: {error}",
            "start the services (`python -m stack up`); where their ports were moved, "
            '`eval "$(python -m stack env)"`; any other cluster is named in ASSAY_KAFKA',
        ) from error
    except ValueError as error:
        raise NoBroker(
            f"{kafka!r} is not an address of Kafka: {error}", "give host:port in ASSAY_KAFKA"
        ) from error


@contextmanager
def consumer(kafka: str) -> Iterator[KafkaConsumer]:
    """A consumer that changes nothing, belongs to no group and skips nothing."""
    with reaching(kafka):
        reader = connect(
            {"bootstrap_servers": kafka.split(","), "bootstrap_timeout_ms": TIMEOUT_MS}
        )
        try:
            yield reader
        finally:
            reader.close()


@contextmanager
def _admin(kafka: str) -> Iterator[KafkaAdminClient]:
    with reaching(kafka):
        admin = KafkaAdminClient(
            bootstrap_servers=kafka.split(","), bootstrap_timeout_ms=TIMEOUT_MS
        )
        try:
            yield admin
        finally:
            admin.close()
