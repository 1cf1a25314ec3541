"""Runs with limits: every partition progresses, and repeated runs drain the topic without loss."""

from datetime import UTC, datetime

import pytest

from tests.ingest.faults import kafka_actions
from tests.ingest.faults.job import drain, run, settle
from tests.ingest.faults.oracle import Oracle, rows

pytestmark = pytest.mark.services


def test_bounded_runs_drain_fairly(kafka: str, topic: str, oracle: Oracle) -> None:
    sizes = {0: 200, 1: 40, 2: 4}
    for partition, size in sizes.items():
        with kafka_actions.transacting(kafka, f"{topic}-{partition}") as producer:
            for start in range(0, size, 20):
                values = (b"%d" % n for n in range(start, min(start + 20, size)))
                kafka_actions.in_transaction(producer, topic, *values, partition=partition)
    for step in range(1, 3):
        run(topic, "run", "--max-messages", "60")
        held = [c.partition for c in rows(topic)]
        assert all(held.count(p) >= min(step, size) for p, size in sizes.items()), (
            "a partition starves"
        )
        oracle.assert_right(drained=False)
    assert drain(topic, "--max-messages", "60") in (2, 3)
    assert oracle.assert_right().rows == sum(sizes.values())
    settle(topic)


@pytest.mark.long
def test_bounded_by_bytes_and_by_time(kafka: str, topic: str, oracle: Oracle) -> None:
    hours = {
        hour: int(datetime(2020, 1, 1, hour, tzinfo=UTC).timestamp() * 1000) for hour in (1, 2)
    }
    for partition in (0, 1):
        for at in hours.values():
            values = (b"%d" % n * 200 for n in range(100))
            kafka_actions.send(kafka, topic, *values, partition=partition, timestamp_ms=at)
    assert "200 messages" in run(topic, "run", "--until", "2020-01-01T02:00:00Z")
    assert "nothing new" in run(topic, "run", "--until", "2020-01-01T02:00:00Z")
    oracle.assert_right(drained=False)
    assert {c.offset for c in rows(topic)} == set(range(100))
    assert 1 < drain(topic, "--max-bytes", "40000") <= 6
    assert oracle.assert_right().rows == 400
    settle(topic)
