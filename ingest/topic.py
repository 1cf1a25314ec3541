"""The Kafka topic: creation, description, first messages and offsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import (
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaError,
    TopicAlreadyExistsError,
)
from kafka.structs import OffsetAndMetadata

from ingest import kafka_client
from ingest.errors import IngestError, UnknownTopic
from ingest.kafka_errors import auth_error, translate_kafka_errors, unknown_topic
from ingest.settings import Settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMEOUT_MS = 10_000
UNKNOWN_TOPIC = 3
NOT_AUTHORIZED = 29
RETENTION = ("retention.ms", "retention.bytes")


@dataclass(frozen=True)
class Topic:
    """The identity of a topic, and its offsets at one time.

    Attributes:
        begin: first offset that can be read, by partition.
        end: last stable offset, by partition: the next offset, or the first of an open transaction.
        has_retention: whether Kafka deletes messages by age or size.
    """

    name: str
    cluster_id: str
    topic_id: str
    begin: dict[int, int]
    end: dict[int, int]
    has_retention: bool = False

    @property
    def message_count(self) -> int:
        """Number of readable offsets, of messages and of control records."""
        return sum(self.end[p] - self.begin[p] for p in self.end)


@dataclass
class Source:
    """A topic and its connections, which open on first use; a context manager.

    Every method raises the errors of `translate_kafka_errors`, and UnknownTopic if the topic does
    not exist.
    """

    settings: Settings

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.settings.topic

    def __enter__(self) -> Self:
        """Return the source; it opens its connections on first use."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the open connections."""
        for connection in ("_admin", "_consumer"):
            if connection in self.__dict__:
                self.__dict__.pop(connection).close()

    @cached_property
    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(
            **kafka_client.arguments(self.settings.connection()), bootstrap_timeout_ms=TIMEOUT_MS
        )

    @cached_property
    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            **kafka_client.arguments(self.settings.connection()),
            **kafka_client.READ_ONLY,
            bootstrap_timeout_ms=TIMEOUT_MS,
        )

    def describe(self) -> Topic:
        """Return the topic's identity and its current offsets."""
        with translate_kafka_errors(self.settings):
            cluster_id = self._admin.describe_cluster()["cluster_id"]
            found = self._admin.describe_topics([self.name])
            code = found[0]["error_code"] if found else UNKNOWN_TOPIC
            if code == NOT_AUTHORIZED:
                raise auth_error(
                    self.settings, f"no permission to describe the topic {self.name!r}"
                )
            if code:
                raise unknown_topic(self.settings, self.name)
            partitions = self._partitions(p["partition_index"] for p in found[0]["partitions"])
            try:
                begin = self._consumer.beginning_offsets(partitions, TIMEOUT_MS)
                end = self._consumer.end_offsets(partitions, TIMEOUT_MS)
            except KeyError as error:  # from kafka-python, if a partition no longer exists
                raise UnknownTopic(
                    f"the topic {self.name!r} was deleted or recreated while it was described",
                    "run again",
                ) from error
            return Topic(
                self.name,
                cluster_id,
                str(found[0]["topic_id"]),
                {p.partition: offset for p, offset in sorted(begin.items())},
                {p.partition: offset for p, offset in sorted(end.items())},
                self._has_retention,
            )

    @cached_property
    def _has_retention(self) -> bool:
        try:
            found = self._admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, self.name, list(RETENTION))],
                config_filter="all",
            )
        except KafkaError:
            return False  # no permission to describe the configuration
        limits = found["topic"][self.name]
        return any(limits[name]["value"] != "-1" for name in RETENTION if name in limits)

    def offsets_at(self, moment: datetime, partitions: list[int]) -> dict[int, int]:
        """Return the first offset at that time or later, for each partition that has one.

        For a time before 1970, which Kafka cannot look up, these are the beginning offsets.
        """
        milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
        with translate_kafka_errors(self.settings):
            if milliseconds < 0:
                found = self._consumer.beginning_offsets(self._partitions(partitions), TIMEOUT_MS)
                return {p.partition: offset for p, offset in found.items()}
            found = self._consumer.offsets_for_times(
                dict.fromkeys(self._partitions(partitions), milliseconds), TIMEOUT_MS
            )
        return {p.partition: at.offset for p, at in found.items() if at is not None}

    def mean_bytes(self, topic: Topic) -> dict[int, float]:
        """Return the mean size of an offset on the broker's disk in bytes, by partition."""
        with translate_kafka_errors(self.settings):
            brokers = self._admin.describe_log_dirs([self.name])
        sizes: dict[int, int] = {}
        for broker in brokers:
            for folder in broker["log_dirs"]:
                for logged in folder["topics"]:
                    if logged["name"] == self.name:
                        for p in logged["partitions"]:
                            index = p["partition_index"]
                            sizes[index] = max(sizes.get(index, 0), p["partition_size"])
        return {
            p: sizes.get(p, 0) / max(topic.end[p] - topic.begin[p], 1) for p in sorted(topic.end)
        }

    def commit_group_offsets(self, group: str, offsets: dict[int, int]) -> None:
        """Commit the offsets of a consumer group, for lag monitors only; a failure is ignored."""
        try:
            self._admin.alter_group_offsets(
                group,
                {
                    TopicPartition(self.name, p): OffsetAndMetadata(offset, "", -1)
                    for p, offset in offsets.items()
                },
            )
        except KafkaError:
            return  # no permission, or a temporary failure

    def peek(self, limit: int) -> Iterator[ConsumerRecord]:
        """Yield the first messages, at most `limit`, partition by partition."""
        topic = self.describe()
        with translate_kafka_errors(self.settings):
            for partition, end in topic.end.items():
                [at] = self._partitions([partition])
                self._consumer.assign([at])
                self._consumer.seek(at, topic.begin[partition])
                while limit and self._consumer.position(at) < end:
                    found = self._consumer.poll(TIMEOUT_MS, max_records=limit)
                    for record in found.get(at, []):
                        limit -= 1
                        yield record

    def create(self, partitions: int, replication: int) -> bool:
        """Create the topic without retention, and return whether it is new.

        Raises:
            UnknownTopic: the cluster refuses the name or the numbers.
            IngestError: the topic exists with another number of partitions.
        """
        options = {
            "num_partitions": partitions,
            "replication_factor": replication,
            # The raw table is filled from the topic, so its messages must not expire.
            "configs": {"retention.ms": "-1"},
        }
        with translate_kafka_errors(self.settings):
            try:
                self._admin.create_topics({self.name: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                existing = len(self._admin.describe_topics([self.name])[0]["partitions"])
                if existing != partitions:
                    raise IngestError(
                        f"the topic {self.name!r} exists with {existing} partitions, "
                        f"not {partitions}",
                        f"use it as it is (--partitions {existing}), or choose another name",
                    ) from None
                return False
            except (
                InvalidTopicError,
                InvalidPartitionsError,
                InvalidReplicationFactorError,
            ) as error:
                raise UnknownTopic(
                    f"the cluster refuses the topic {self.name!r}: {error}",
                    "names have letters, digits, . _ and -; replication needs as many brokers",
                ) from error
        return True

    def _partitions(self, numbers: Iterator[int] | list[int]) -> list[TopicPartition]:
        return [TopicPartition(self.name, number) for number in numbers]
