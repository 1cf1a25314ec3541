"""The Spark Connect session of a job, and the translation of Spark's errors."""

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import SparkSession
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.shell.progress import StageInfo

from ingest.errors import (
    AuthError,
    CorruptRecord,
    DataLoss,
    IngestError,
    ReadStalled,
    SparkUnavailable,
    TopicIdChanged,
    UnsupportedCodec,
)
from ingest.settings import MAX_PORT, Settings

DEFAULT_CONNECT_PORT = 15002
PROBE_SECONDS = 5.0
# Retries for half a minute; by default the client retries for ten minutes.
RETRY_POLICY = DefaultPolicy(max_retries=7, max_backoff=8_000)
REMEDY = (
    "see `python -m stack status` and `python -m stack logs spark`; if the ports are not the "
    'defaults, `eval "$(python -m stack env)"`; for another server, set ASSAY_SPARK'
)


@contextmanager
def connected(settings: Settings) -> Iterator[SparkSession]:
    """Open a Spark Connect session, and translate Spark's errors into ours.

    Raises:
        SparkUnavailable: the server cannot be reached or failed.
        IngestError: another kind, if a task reports an error of Kafka.
    """
    token = settings.connect_token()
    _probe(settings)
    try:
        spark = _new_session(settings.spark, token)
        spark.client.set_retry_policies([RETRY_POLICY])
        try:
            yield spark
        except KeyboardInterrupt:
            with suppress(Exception):
                spark.interruptAll()  # or else the server continues, and may commit
            raise
        finally:
            with suppress(Exception):
                spark.stop()
    except PySparkException as error:
        raise translate_spark_error(error, settings) from error


def _new_session(address: str, token: str | None) -> Any:
    """Open a session, without proxies and servers of the environment."""
    # gRPC would use the user's HTTP proxy even for this machine; it reads lower-case variables.
    variable = "no_grpc_proxy"
    direct = os.environ.get(variable) or os.environ.get("no_proxy")
    os.environ[variable] = ",".join(filter(None, (direct, "127.0.0.1,localhost,::1")))
    for name in ("SPARK_REMOTE", "MASTER"):  # Spark refuses an address if one of them is set
        os.environ.pop(name, None)
    if token is not None:
        # As a header: for its parameter `token` the client demands TLS, which the server lacks.
        separator = ";" if "/;" in address else "/;"
        address = f"{address.rstrip('/')}{separator}authorization={quote(f'Bearer {token}')}"
    return SparkSession.builder.remote(address).create()


def _probe(settings: Settings) -> None:
    """Fail at once if no server listens: Spark's client would retry first."""
    try:
        address = urlsplit(settings.spark)
        host, port = address.hostname, address.port
        if address.scheme != "sc" or not host or port == 0:
            raise ValueError("it is not of the form sc://host:port")
    except ValueError as error:
        raise SparkUnavailable(
            f"{settings.spark!r} is not a valid address of Spark Connect: {error}",
            f"give sc://host:port in ASSAY_SPARK, with a port from 1 to {MAX_PORT}",
        ) from error
    try:
        socket.create_connection((host, port or DEFAULT_CONNECT_PORT), PROBE_SECONDS).close()
    except UnicodeError as error:  # a label of the host name is empty or too long
        raise SparkUnavailable(f"no server at {settings.spark!r}: {error}", REMEDY) from error
    except OSError as error:
        raise SparkUnavailable(
            f"no server answers at {settings.spark}: {error.strerror or error}", REMEDY
        ) from error


@contextmanager
def watched(spark: SparkSession, report: Callable[[float], None]) -> Iterator[None]:
    """Call `report` with the share of completed tasks, from 0 to 1, while Spark works."""

    def handler(stages: Iterable[StageInfo] | None, **more: object) -> None:
        # The first stage reads and writes; a later one would move the share back.
        known = list(stages or ())[:1]
        if total := sum(stage.num_tasks for stage in known):
            report(sum(stage.num_completed_tasks for stage in known) / total)

    spark.registerProgressHandler(handler)
    try:
        yield
    finally:
        spark.removeProgressHandler(handler)


def translate_spark_error(error: PySparkException, settings: Settings) -> IngestError:
    """Translate an error of Spark; markers in its text identify the errors of the reader."""
    text = str(error)
    if isinstance(error, SparkConnectGrpcException):  # the marker may be in a nested cause
        text += f"\n{error.getStackTrace()}"
    at = r" (\S+) partition (\d+) offset (\d+)"
    if found := re.search("ASSAY_STALLED" + at, text):
        topic, partition, offset = found.groups()
        return ReadStalled(
            f"no progress in {topic} partition {partition} at offset {offset}; nothing was written",
            "if the broker was down or slow, run again",
        )
    if found := re.search("ASSAY_RECORDS_DELETED" + at, text):
        topic, partition, offset = found.groups()
        return DataLoss(
            f"{topic} partition {partition} starts at {offset} now: records were deleted while it "
            "was read; nothing was written",
            "run again; set a retention that is longer than a run takes",
        )
    if found := re.search("ASSAY_TOPIC_ID_CHANGED" + at, text):
        topic, *_ = found.groups()
        return TopicIdChanged(
            f"the topic {topic!r} was recreated while it was read; nothing was written",
            f"to ingest the new one: `python -m ingest accept topic-recreated --topic {topic}`",
        )
    if found := re.search("ASSAY_CORRUPT_RECORD" + at, text):
        topic, partition, offset = found.groups()
        return CorruptRecord(
            f"{topic} partition {partition} offset {offset} cannot be decoded; nothing was written",
            "to skip it and record that decision: "
            f"`python -m ingest accept skip-records {partition}:{offset} --topic {topic}`",
        )
    if found := re.search(r"ASSAY_UNSUPPORTED_CODEC (\w+)", text):
        return UnsupportedCodec(
            f"messages are compressed with {found[1]}, and Spark's workers lack its library",
            "install the requirements for Spark's workers too, then run again",
        )
    if found := re.search(r"ASSAY_AUTH_ERROR ([^\n]+)", text):
        return AuthError(
            f"Kafka at {settings.kafka} refused Spark's workers: {found[1][:200]}",
            "check the user's permissions: reading needs Read and Describe on the topic",
        )
    if "authentication token" in text:
        return AuthError(
            f"Spark Connect at {settings.spark} refuses the token, or asks for one",
            "name a file with its token in ASSAY_SPARK_TOKEN_FILE",
        )
    if "in safe mode" in text or "SafeModeException" in text:
        return SparkUnavailable(
            "HDFS is in safe mode, which is read-only; nothing was written",
            "wait until the blocks are reported to the NameNode; `python -m stack status` and "
            "`python -m stack logs namenode` say more",
        )
    if "minReplication nodes" in text or "QuotaExceeded" in text:
        return SparkUnavailable(
            "HDFS accepts no more data: its disk or quota is full, or no DataNode is up; "
            "nothing was written",
            "free space on the DataNode's disk; `python -m stack status` and "
            "`python -m stack logs datanode` say more; then run again",
        )
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return SparkUnavailable(f"Spark at {settings.spark} failed: {first[:400]}", REMEDY)
