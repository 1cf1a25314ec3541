"""Records at the limits of what Kafka allows, a large one, and every codec."""

import os

import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_unusual_records_are_stored_verbatim(kafka: str, topic: str, oracle: Oracle) -> None:
    configure(kafka, topic, **{"message.timestamp.after.max.ms": str(2**62)})
    odd: list[dict[str, object]] = [
        {"value": None, "key": b"tombstone"},
        {"value": kafka_actions.NULL, "key": None},
        {"value": b"", "key": b""},
        {"value": b"\xff\x00 not UTF-8", "key": b"\x00\xfe"},
        {"value": b"{}", "headers": [("h", b"1"), ("h", b"2"), ("h", b"1")]},
        {
            "value": b"{}",
            "headers": [("", b""), ("null", kafka_actions.NULL), ("\u00e4\u4e16", b"\xff")],
        },
        {"value": b"no time", "timestamp_ms": -1},
        {"value": b"the epoch", "timestamp_ms": 0},
        {"value": b"far away", "timestamp_ms": 4_102_444_799_999},
    ]
    for record in odd:
        value = record.pop("value")
        kafka_actions.send(kafka, topic, value, **record)  # type: ignore[arg-type]
    configure(kafka, topic, **{"message.timestamp.type": "LogAppendTime"})
    kafka_actions.send(kafka, topic, b"the broker's time", partition=1)
    run(topic)
    assert oracle.assert_right().rows == 10
    found = thrift.sql(
        "select offset, value is null, key is null, length(value), unix_millis(timestamp), "
        f"size(headers), get(headers, 1).value is null from {thrift.table_of(topic)} "
        "where partition = 0 order by offset"
    )
    assert found[0][1:3] == (True, False) and found[1][1:3] == (True, True)
    assert found[2][1:4] == (False, False, 0)
    assert found[4][5] == 3 and found[5][6] is True
    assert [row[4] for row in found[6:]] == [-1, 0, 4_102_444_799_999]
    settle(topic)


@pytest.mark.long
def test_many_days_in_one_task(kafka: str, topic: str, oracle: Oracle) -> None:
    """One open file for each day would take more memory than the server has."""
    days = 1_500
    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(2 * days):
        at = number % days * 86_400_000
        producer.send(topic, b"%d" % number, partition=0, timestamp_ms=at)
    producer.close()
    run(topic)
    assert oracle.assert_right().rows == 2 * days
    [(held,)] = thrift.sql(f"select count(*) from {thrift.table_of(topic)}.partitions")
    assert held == days


def test_ten_megabytes_and_every_codec(kafka: str, topic: str, oracle: Oracle) -> None:
    configure(kafka, topic, **{"max.message.bytes": "16777216"})
    kafka_actions.send(kafka, topic, os.urandom(10_000_000))
    kafka_actions.send(kafka, topic, b"after it")
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        kafka_actions.send(
            kafka, topic, *(b"%d " % n * 50 for n in range(50)), partition=1, codec=codec
        )
        # Compressed by the broker, in the form of other producers.
        configure(kafka, topic, **{"compression.type": codec})
        kafka_actions.send(kafka, topic, *(b"%d " % n * 50 for n in range(50)), partition=2)
        configure(kafka, topic, **{"compression.type": "producer"})
    run(topic)
    assert oracle.assert_right().rows == 2 + 4 * 100
    settle(topic)


def configure(kafka: str, topic: str, **configuration: str) -> None:
    """Change a topic's configuration."""
    with kafka_actions.admin(kafka) as client:
        client.alter_configs([ConfigResource("TOPIC", topic, configuration)], incremental=True)
