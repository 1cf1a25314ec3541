"""Why ingest has its own reader: Spark's Kafka source fails on some records or changes them.

If a test here fails, Spark has changed, and the decision "Ingest reads with kafka-python" in
DECISIONS.md may be revised.
"""

import json
import os
from collections.abc import Iterator

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from benchmarks.ingest import LOCK
from stack import jars
from stack.settings import Settings as Stack
from tests.ingest.faults import kafka_actions

pytestmark = [pytest.mark.services, pytest.mark.long]

NANOSECONDS = 1_517_140_000_000_000_000
YEAR_1500 = -14_830_000_000_000


@pytest.fixture(scope="module")
def connector(spark: SparkSession) -> Iterator[SparkSession]:
    """A session with Spark's own Kafka source."""
    jars.ensure(Stack().cache, jars.locked(LOCK))
    for jar in jars.locked(LOCK):
        spark.addArtifacts(str(Stack().cache / "jars" / jar.filename))
    yield spark


def records(spark: SparkSession, topic: str) -> DataFrame:
    return (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", os.environ["ASSAY_KAFKA"])
        .option("assign", json.dumps({topic: [0]}))
        .option("includeHeaders", "true")
        .load()
    )


def test_a_timestamp_in_nanoseconds_fails_the_read(connector: SparkSession, any_time: str) -> None:
    kafka_actions.send(os.environ["ASSAY_KAFKA"], any_time, b"1", timestamp_ms=NANOSECONDS)
    with pytest.raises(PySparkException, match="long overflow"):
        records(connector, any_time).collect()


def test_a_timestamp_before_1582_is_changed(connector: SparkSession, any_time: str) -> None:
    kafka_actions.send(os.environ["ASSAY_KAFKA"], any_time, b"1", timestamp_ms=YEAR_1500)
    [(found,)] = records(connector, any_time).selectExpr("unix_millis(timestamp)").collect()
    assert found != YEAR_1500


def test_a_header_key_that_is_not_utf8_is_changed(connector: SparkSession, topic: str) -> None:
    headers: list[tuple[str, bytes]] = [(kafka_actions.RawHeaderKey("k"), b"v")]
    kafka_actions.send(os.environ["ASSAY_KAFKA"], topic, b"1", headers=headers)
    [(found,)] = records(connector, topic).selectExpr("headers[0].key").collect()
    assert found == "\ufffd\ufffd"
