"""New partitions, empty partitions, an empty topic; one new message, and none."""

import pytest

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_from_an_empty_topic_to_six_partitions(kafka: str, topic: str, oracle: Oracle) -> None:
    assert "nothing new" in run(topic, fresh=True)
    assert thrift.snapshots(topic) == []
    oracle.assert_right()

    kafka_actions.send(kafka, topic, b"the first")
    assert "batch 1: 1 messages" in run(topic)
    kafka_actions.send(kafka, topic, b"the second", partition=2)
    assert "batch 2: 1 messages" in run(topic)
    assert "nothing new" in run(topic)
    oracle.assert_right()

    kafka_actions.grow(kafka, topic, 6)
    assert "nothing new" in run(topic)
    kafka_actions.fill(kafka, topic, 3, partitions=(0, 4, 5))
    assert "batch 3: 9 messages" in run(topic)
    kafka_actions.send(kafka, topic, b"into the last empty one", partition=3)
    assert "batch 4: 1 messages" in run(topic)
    assert oracle.assert_right().rows == 12
    assert len(thrift.snapshots(topic)) == 4
    settle(topic)
