"""The topic deleted, or recreated with fewer or more messages."""

from collections.abc import Iterator

import pytest
from kafka import TopicPartition

from ingest.errors import BrokerUnavailable, UnknownTopic
from ingest.settings import Settings
from ingest.topic import Source
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import Job, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


def test_a_recreated_topic_is_refused_until_accepted(
    kafka: str, topic: str, oracle: Oracle
) -> None:
    kafka_actions.fill(kafka, topic, 5)
    run(topic)
    before = thrift.snapshots(topic)
    oracle.before_recreation()

    kafka_actions.delete(kafka, topic)
    said = run(topic, expect=12)
    assert topic in said
    kafka_actions.create(kafka, topic)
    for partitions in ((0,), (0, 1, 2, 0, 1, 2)):  # smaller than before, then larger
        kafka_actions.fill(kafka, topic, 3, partitions=partitions)
        said = run(topic, expect=15)
        assert "recreated" in said and "accept topic-recreated" in said
        assert thrift.snapshots(topic) == before

    run(topic, "accept", "topic-recreated")
    run(topic, "accept", "topic-recreated", expect=25)
    assert "21 messages" in run(topic)
    assert oracle.assert_right().rows == 36
    assert len({c.topic_id for c in oracle.seen}) == 2
    settle(topic)


@pytest.mark.parametrize("partitions", [1, 0])
def test_recreated_or_deleted_while_described(partitions: int, kafka: str, topic: str) -> None:
    """Between its description and its offsets, where the chaos test found a traceback."""

    class Slow(Source):
        def _partitions(self, numbers: Iterator[int] | list[int]) -> list[TopicPartition]:
            if partitions:
                kafka_actions.recreate(kafka, topic, partitions)
            else:
                kafka_actions.delete(kafka, topic)
            return super()._partitions(numbers)

    # For a deleted topic, the broker answers that it is unknown, or not at all.
    with Slow(Settings(topic=topic)) as source, pytest.raises((UnknownTopic, BrokerUnavailable)):
        source.describe()


def test_recreated_while_reading(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    """The records after the recreation are not those of the planned topic."""
    kafka_actions.fill(kafka, topic, 10, partitions=(0,))
    run(topic)
    # More than one fetch returns, so that the rest is requested after the recreation.
    kafka_actions.fill(kafka, topic, 3000, size=10_000, partitions=(0,))
    before = thrift.snapshots(topic)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic, ASSAY_STALL_SECONDS="10") as job:
        job.await_line("reading")
        proxy.await_held()
        oracle.before_recreation()
        kafka_actions.recreate(kafka, topic)
        kafka_actions.fill(kafka, topic, 3010, size=100, partitions=(0,))
        proxy.release()
        job.expect(12, 13, 15, 16, 18)
    assert thrift.snapshots(topic) == before
    run(topic, expect=15)
    run(topic, "accept", "topic-recreated")
    run(topic)
    assert oracle.assert_right().rows == 3020
    settle(topic)
