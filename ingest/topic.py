"""The Kafka topic: creating, describing and looking at it, and its offsets."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import (
    AuthorizationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnsupportedCodecError,
)
from kafka.structs import OffsetAndMetadata

from ingest import client
from ingest.errors import IngestError, NoBroker, NoCodec, NoTopic, Refused
from ingest.settings import Settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMEOUT_MS = 10_000
UNKNOWN_TOPIC = 3
NOT_AUTHORIZED = 29
RETENTION = ("retention.ms", "retention.bytes")


@dataclass(frozen=True)
class Topic:
    """What identifies a topic, and what it holds now.

    Attributes:
        begin: first offset that can be read, by partition.
        end: offset of the next message, by partition; never past an open transaction.
        forgets: whether Kafka deletes old messages by itself.
    """

    name: str
    cluster_id: str
    topic_id: str
    begin: dict[int, int]
    end: dict[int, int]
    forgets: bool = False

    @property
    def message_count(self) -> int:
        """How many offsets can be read: messages, and the marks of transactions among them."""
        return sum(self.end[p] - self.begin[p] for p in self.end)


@dataclass
class Source:
    """A topic seen through connections that stay open; a context manager.

    Every method raises the errors of `reaching`, and NoTopic where there is no such topic.
    """

    settings: Settings

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.settings.topic

    def __enter__(self) -> Self:
        """Nothing is connected before it is asked for."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close what was connected."""
        for connection in ("_admin", "_consumer"):
            if connection in self.__dict__:
                self.__dict__.pop(connection).close()

    @cached_property
    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(
            **client.arguments(self.settings.connection()), bootstrap_timeout_ms=TIMEOUT_MS
        )

    @cached_property
    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            **client.arguments(self.settings.connection()),
            **client.READ_ONLY,
            bootstrap_timeout_ms=TIMEOUT_MS,
        )

    def describe(self) -> Topic:
        """What the topic is, and what it holds now."""
        with reaching(self.settings):
            cluster_id = self._admin.describe_cluster()["cluster_id"]
            found = self._admin.describe_topics([self.name])
            code = found[0]["error_code"] if found else UNKNOWN_TOPIC
            if code == NOT_AUTHORIZED:
                raise _refused(self.settings, f"no permission to describe the topic {self.name!r}")
            if code:
                raise no_topic(self.settings, self.name)
            partitions = self._partitions(p["partition_index"] for p in found[0]["partitions"])
            try:
                begin = self._consumer.beginning_offsets(partitions, TIMEOUT_MS)
                end = self._consumer.end_offsets(partitions, TIMEOUT_MS)
            except KeyError as error:  # kafka-python's, of a partition that is gone
                raise NoTopic(
                    f"the topic {self.name!r} was deleted, or made anew, while it was looked at",
                    "run again",
                ) from error
            return Topic(
                self.name,
                cluster_id,
                str(found[0]["topic_id"]),
                {p.partition: offset for p, offset in sorted(begin.items())},
                {p.partition: offset for p, offset in sorted(end.items())},
                self._forgets,
            )

    @cached_property
    def _forgets(self) -> bool:
        try:
            found = self._admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, self.name, list(RETENTION))],
                config_filter="all",
            )
        except KafkaError:
            return False  # we are not allowed to know
        limits = found["topic"][self.name]
        return any(limits[name]["value"] != "-1" for name in RETENTION if name in limits)

    def offsets_at(self, moment: datetime, partitions: list[int]) -> dict[int, int]:
        """The first offset at that time or later, for each partition that has one.

        A time before 1970, which Kafka cannot be asked for, is the beginning of the topic.
        """
        milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
        with reaching(self.settings):
            if milliseconds < 0:
                found = self._consumer.beginning_offsets(self._partitions(partitions), TIMEOUT_MS)
                return {p.partition: offset for p, offset in found.items()}
            found = self._consumer.offsets_for_times(
                dict.fromkeys(self._partitions(partitions), milliseconds), TIMEOUT_MS
            )
        return {p.partition: at.offset for p, at in found.items() if at is not None}

    def mean_bytes(self, topic: Topic) -> dict[int, float]:
        """Bytes that an offset takes on the broker's disk, compressed, on average by partition."""
        with reaching(self.settings):
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

    def tell_lag_tools(self, group: str, offsets: dict[int, int]) -> None:
        """Store offsets where other people's tools look for them. Nothing here reads them back."""
        try:
            self._admin.alter_group_offsets(
                group,
                {
                    TopicPartition(self.name, p): OffsetAndMetadata(offset, "", -1)
                    for p, offset in offsets.items()
                },
            )
        except KafkaError:
            return  # not allowed, or not now

    def look(self, limit: int) -> Iterator[ConsumerRecord]:
        """Yield the first messages, at most `limit`, partition by partition."""
        topic = self.describe()
        with reaching(self.settings):
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
        """Create it as one that never forgets, and return whether it was not there before.

        Raises:
            NoTopic: the cluster refuses such a topic.
            IngestError: it exists with another number of partitions.
        """
        options = {
            "num_partitions": partitions,
            "replication_factor": replication,
            # The raw table is filled from here, so nothing may expire by itself.
            "configs": {"retention.ms": "-1"},
        }
        with reaching(self.settings):
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
                raise NoTopic(
                    f"the cluster refuses the topic {self.name!r}: {error}",
                    "names have letters, digits, . _ and -; replication needs as many brokers",
                ) from error
        return True

    def _partitions(self, numbers: Iterator[int] | list[int]) -> list[TopicPartition]:
        return [TopicPartition(self.name, number) for number in numbers]


def no_topic(settings: Settings, name: str) -> NoTopic:
    """The error for a topic that does not exist."""
    return NoTopic(
        f"there is no topic {name!r} at {settings.kafka}",
        f"check the spelling, or create it: `python -m ingest topic create --topic {name}`",
    )


@contextmanager
def reaching(settings: Settings) -> Iterator[None]:
    """Turn kafka-python's errors into ours.

    Raises:
        NoBroker: nobody answers at the address, or not as Kafka does.
        Refused: a wrong password, a certificate that is not trusted, or no permission.
        NoCodec: messages are compressed in a way that needs a library that is not here.
    """
    refusals = _Refusals()
    try:
        with refusals:
            yield
    except (SaslAuthenticationFailedError, AuthorizationError, ssl.SSLError) as error:
        raise _refused(settings, f"{type(error).__name__}: {error}") from error
    except UnsupportedCodecError as error:
        raise NoCodec(str(error), "install the requirements again: `make setup`") from error
    except KafkaError as error:
        if reason := error if _is_refusal(error) else refusals.last:
            raise _refused(settings, f"{type(reason).__name__}: {reason}") from error
        raise NoBroker(
            f"Kafka at {settings.kafka} does not answer as it should: "
            f"{type(error).__name__}: {error}",
            "start the services (`python -m stack up`); where their ports were moved, "
            '`eval "$(python -m stack env)"`; any other cluster is named in ASSAY_KAFKA',
        ) from error
    except UnicodeError as error:  # a part of a host's name is empty or too long
        raise NoBroker(
            f"{settings.kafka!r} is not an address of Kafka: {error}",
            "give host:port in ASSAY_KAFKA",
        ) from error


class _Refusals(logging.Handler):
    """Remembers why a broker did not let us in: kafka-python says so in its log and nowhere else.

    What it raises in the end is a timeout, because it tries again until then.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Exception | None = None

    def __enter__(self) -> Self:
        logging.getLogger("kafka.net.manager").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kafka.net.manager").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error that a message is about, if it is a refusal."""
        for said in record.args if isinstance(record.args, tuple) else ():
            if isinstance(said, Exception) and _is_refusal(said):
                self.last = said


def _is_refusal(error: BaseException | None) -> bool:
    """Whether an error has a refusal among its causes."""
    while error is not None:
        if isinstance(error, SaslAuthenticationFailedError | AuthorizationError | ssl.SSLError):
            return True
        if isinstance(error, KafkaConnectionError) and "[SSL" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _refused(settings: Settings, reason: str) -> Refused:
    return Refused(
        f"Kafka at {settings.kafka} refused: {reason}",
        "check ASSAY_KAFKA_SECURITY, ASSAY_KAFKA_SASL, the user, its password and permissions "
        "(reading needs Read and Describe on the topic), and ASSAY_KAFKA_CA_FILE",
    )
