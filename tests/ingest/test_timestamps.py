"""Record timestamps: ingest accepts every 64-bit number, and the rows hold it."""

import json
import os
from datetime import UTC, datetime

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from ingest import arrow, record_batches
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.oracle import Oracle
from tests.ingest.harness import ingest, table_of

FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
IN_RANGE = [1_517_140_000_000, -1, 0, -2, FIRST, LAST]
# Microseconds, nanoseconds, the minimum, the maximum, and the numbers next to a bound.
OUT_OF_RANGE = [
    *(1_517_140_000_000_000, 1_517_140_000_000_000_000, -(2**63), 2**63 - 1),
    *(FIRST - 1, LAST + 1, 9_223_372_036_854_775, 9_223_372_036_854_776),
]


def test_out_of_range_timestamps_have_their_own_column() -> None:
    block = record_batches.Block(0, 0)
    for number, ms in enumerate(IN_RANGE + OUT_OF_RANGE):
        block.offsets.append(number)
        block.timestamps.append(ms)
        block.keys.append(None)
        block.values.append(b"")
        block.header_lists.append(())
    batch = arrow.record_batch("t", 0, [block])
    batch.validate(full=True)
    null = [None]
    assert batch["out_of_range_timestamp"].to_pylist() == null * len(IN_RANGE) + OUT_OF_RANGE
    stored = batch["timestamp"].cast("int64").to_pylist()
    assert stored == [ms * 1000 for ms in IN_RANGE] + null * len(OUT_OF_RANGE)


@pytest.mark.services
def test_every_command_takes_every_timestamp(any_time: str, spark: SparkSession) -> None:
    topic, kafka = any_time, os.environ["ASSAY_KAFKA"]
    sent = IN_RANGE + OUT_OF_RANGE
    for ms in sent:
        kafka_actions.send(kafka, topic, b"%d" % ms, timestamp_ms=ms)
    in_one_batch = [-(2**62), 2**62 - 1, 0, -1]
    send_in_one_batch(kafka, topic, in_one_batch)
    count = len(sent) + len(in_one_batch)

    def assert_complete() -> None:
        assert oracle.assert_right().rows == count

    oracle = Oracle(kafka, topic)
    assert f"batch 1: {count} messages" in ingest("run", "--topic", topic)
    assert_complete()
    for _ in range(2):
        assert "nothing new" in ingest("run", "--topic", topic)
    assert json.loads(ingest("run", "--topic", topic, "--json").splitlines()[0])["batch"] == 1

    # Fetched with PyHive, which supports the years 1 to 9999 only.
    found = thrift.sql(
        "select timestamp, out_of_range_timestamp, cast(value as string) "
        f"from {table_of(topic)} where partition = 0 order by offset"
    )
    for ms, (stored, out_of_range, _) in zip(sent, found, strict=True):
        assert out_of_range == (None if ms in IN_RANGE else ms)
        assert (stored is None) == (ms in OUT_OF_RANGE)
    assert found[0][0] == datetime(2018, 1, 28, 11, 46, 40)
    logged = thrift.sql(
        "select partition, min_timestamp, max_timestamp from raw.ingest_batches "
        f"where topic = '{topic}' order by partition"
    )
    assert logged == [
        (0, datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_000)),
        (1, datetime(1969, 12, 31, 23, 59, 59, 999_000), datetime(1970, 1, 1)),
    ]

    read = ingest("peek", "--limit", "100", "--topic", topic)
    assert f"{2**63 - 1} ms key" in read and "1969-12-31T23:59:59.999+00:00" in read
    status = json.loads(ingest("status", "--topic", topic, "--json"))
    assert [p["lag"] for p in status["partitions"]] == [0, 0, 0]
    assert "nothing new" in ingest("plan", "--topic", topic)
    for start, end in (("0:0,1:0", f"0:{len(sent)},1:4"), ("0:2", "0:9")):
        assert "replayed" in ingest("replay", "--from", start, "--to", end, "--topic", topic)
        assert_complete()
    ingest("replay", "--from", "0001-01-01T00:00Z", "--to", "9999-12-31", "--topic", topic)
    assert_complete()
    # The deleted rows of the batch log are computed from the table again.
    spark.sql(f"delete from raw.ingest_batches where topic = '{topic}'")
    ingest("maintain", "--keep-hours", "0", "--topic", topic)
    assert "!!" not in ingest("doctor", "--topic", topic)
    assert "nothing new" in ingest("run", "--topic", topic)
    kafka_actions.send(kafka, topic, b"next", timestamp_ms=2**60)
    ingest("run", "--topic", topic, "--until", "9999-12-31T23:59:59Z")
    ingest("run", "--topic", topic)
    count += 1
    assert_complete()


def send_in_one_batch(kafka: str, topic: str, timestamps: list[int]) -> None:
    """Send records with these timestamps in one batch, to partition 1."""
    producer = KafkaProducer(bootstrap_servers=kafka.split(","), linger_ms=500)
    for ms in timestamps:
        producer.send(topic, b"%d" % ms, partition=1, timestamp_ms=ms)
    producer.close()


@pytest.mark.services
def test_a_table_of_an_earlier_version_is_upgraded(any_time: str, spark: SparkSession) -> None:
    """It lacks the column, the property with its topic, and has a row of the year 50046."""
    topic, table = any_time, table_of(any_time)
    kafka_actions.send(os.environ["ASSAY_KAFKA"], topic, b"first", timestamp_ms=1_517_140_000_000)
    ingest("run", "--topic", topic)
    spark.sql(f"update {table} set timestamp = timestamp_millis(1517140000000000)")
    spark.sql(f"alter table {table} drop column out_of_range_timestamp")
    spark.sql(f"alter table {table} unset tblproperties ('assay.topic')")
    spark.sql(f"delete from raw.ingest_batches where topic = '{topic}'")
    ingest("status", "--topic", topic)
    kafka_actions.send(
        os.environ["ASSAY_KAFKA"], topic, b"second", timestamp_ms=1_517_140_000_000_000
    )
    assert "batch 2: 1 messages" in ingest("run", "--topic", topic)
    rows = spark.sql(
        f"select offset, year(timestamp), out_of_range_timestamp from {table} order by offset"
    )
    assert rows.collect() == [(0, 50046, None), (1, None, 1_517_140_000_000_000)]
    logged = spark.sql(
        "select batch_id, rows, min_timestamp from raw.ingest_batches "
        f"where topic = '{topic}' order by batch_id"
    )
    assert logged.collect() == [(1, 1, None), (2, 1, None)]


def test_timestamps_wrap_at_64_bits() -> None:
    assert record_batches._int64(-(2**63) + (2**64 - 1)) == 2**63 - 1
    assert record_batches._int64(2**63) == -(2**63)
    assert datetime.fromtimestamp(record_batches._int64(1_517_140_000), UTC).year == 2018
