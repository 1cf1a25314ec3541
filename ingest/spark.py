"""The Spark Connect session of a job, and Spark's errors in our words."""

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.shell.progress import StageInfo

from ingest.errors import (
    IngestError,
    NoCodec,
    NoSpark,
    ReadStalled,
    Refused,
    RetentionGap,
    TopicReplaced,
    Undecodable,
)
from ingest.settings import MAX_PORT, Settings

DEFAULT_CONNECT_PORT = 15002
PROBE_SECONDS = 5.0
# Half a minute: Spark's own client would wait ten for a server that is gone.
PATIENCE = DefaultPolicy(max_retries=7, max_backoff=8_000)
REMEDY = (
    "look at `python -m stack status` and `python -m stack logs spark`; where ports were moved, "
    '`eval "$(python -m stack env)"`; another server is named in ASSAY_SPARK'
)


@contextmanager
def connected(settings: Settings) -> Iterator[SparkSession]:
    """A Spark Connect session; Spark's errors become ours.

    Raises:
        NoSpark: the server cannot be reached or failed.
        IngestError: another kind, where a task found out what is wrong with Kafka.
    """
    _probe(settings)
    try:
        spark = _new_session(settings.spark)
        spark.client.set_retry_policies([PATIENCE])
        try:
            yield spark
        except KeyboardInterrupt:
            with suppress(Exception):
                spark.interruptAll()  # else the server would go on, and may commit, without us
            raise
        finally:
            with suppress(Exception):
                spark.stop()
    except PySparkException as error:
        raise explained(error, settings) from error


def _new_session(address: str) -> Any:
    """A session at this address, whatever the environment says of proxies and other servers."""
    # gRPC would ask the user's HTTP proxy even for this machine. It reads the names in lower case.
    variable = "no_grpc_proxy"
    direct = os.environ.get(variable) or os.environ.get("no_proxy")
    os.environ[variable] = ",".join(filter(None, (direct, "127.0.0.1,localhost,::1")))
    for name in ("SPARK_REMOTE", "MASTER"):  # Spark refuses an address beside them
        os.environ.pop(name, None)
    return SparkSession.builder.remote(address).create()


def _probe(settings: Settings) -> None:
    """Fail at once where nobody listens: Spark's client would go on trying for minutes."""
    try:
        address = urlsplit(settings.spark)
        host, port = address.hostname, address.port
        if address.scheme != "sc" or not host or port == 0:
            raise ValueError("it has another form")
    except ValueError as error:
        raise NoSpark(
            f"{settings.spark!r} is not an address of Spark Connect: {error}",
            f"give sc://host:port in ASSAY_SPARK, with a port from 1 to {MAX_PORT}",
        ) from error
    try:
        socket.create_connection((host, port or DEFAULT_CONNECT_PORT), PROBE_SECONDS).close()
    except UnicodeError as error:  # a part of a host's name is empty or too long
        raise NoSpark(f"nobody answers at {settings.spark!r}: {error}", REMEDY) from error
    except OSError as error:
        raise NoSpark(
            f"nobody answers at {settings.spark}: {error.strerror or error}", REMEDY
        ) from error


@contextmanager
def watched(spark: SparkSession, tell: Callable[[float], None]) -> Iterator[None]:
    """Tell, while Spark works, which share of its tasks is done: from 0 to 1."""

    def handler(stages: Iterable[StageInfo] | None, **more: object) -> None:
        # The first stage reads and writes; a later one would move the share back.
        known = list(stages or ())[:1]
        if total := sum(stage.num_tasks for stage in known):
            tell(sum(stage.num_completed_tasks for stage in known) / total)

    spark.registerProgressHandler(handler)
    try:
        yield
    finally:
        spark.removeProgressHandler(handler)


def explained(error: PySparkException, settings: Settings) -> IngestError:
    """What a failure in Spark means, by the marks that the reader's errors carry."""
    text = str(error)
    if isinstance(error, SparkConnectGrpcException):  # the reason may be the cause of a cause
        text += f"\n{error.getStackTrace()}"
    at = r" (\S+) partition (\d+) offset (\d+)"
    if found := re.search("ASSAY_STALLED" + at, text):
        topic, partition, offset = found.groups()
        return ReadStalled(
            f"no progress in {topic} partition {partition} at offset {offset}; nothing was written",
            "if the broker was down or slow, run again",
        )
    if found := re.search("ASSAY_TRIMMED" + at, text):
        topic, partition, offset = found.groups()
        return RetentionGap(
            f"{topic} partition {partition} was cut to start at {offset} while it was read; "
            "nothing was written",
            "run again; keep messages longer than a run takes",
        )
    if found := re.search("ASSAY_RECREATED" + at, text):
        topic, *_ = found.groups()
        return TopicReplaced(
            f"the topic {topic!r} was deleted and made anew while it was read; nothing was written",
            f"to go on with the new one: `python -m ingest accept recreated --topic {topic}`",
        )
    if found := re.search("ASSAY_UNDECODABLE" + at, text):
        topic, partition, offset = found.groups()
        return Undecodable(
            f"{topic} partition {partition} offset {offset} cannot be decoded; nothing was written",
            "to pass over it, and have that recorded: "
            f"`python -m ingest accept skip {partition}:{offset} --topic {topic}`",
        )
    if found := re.search(r"ASSAY_NO_CODEC (\w+)", text):
        return NoCodec(
            f"messages are compressed with {found[1]}, and Spark's workers lack its library",
            "install the requirements there too, then run again",
        )
    if found := re.search(r"ASSAY_REFUSED ([^\n]+)", text):
        return Refused(
            f"Kafka at {settings.kafka} refused Spark's workers: {found[1][:200]}",
            "check the user's permissions: reading needs Read and Describe on the topic",
        )
    if "in safe mode" in text or "SafeModeException" in text:
        return NoSpark(
            "HDFS is in safe mode, where it can be read only; nothing was written",
            "wait until the NameNode has its blocks; `python -m stack status` and "
            "`python -m stack logs namenode` say more",
        )
    if "minReplication nodes" in text or "QuotaExceeded" in text:
        return NoSpark(
            "HDFS took no more data: its disk or quota is full, or no DataNode is up; "
            "nothing was written",
            "free room where the DataNode keeps its blocks; `python -m stack status` and "
            "`python -m stack logs datanode` say more; then run again",
        )
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return NoSpark(f"Spark at {settings.spark} failed: {first[:400]}", REMEDY)
