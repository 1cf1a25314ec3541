"""Fault 9: the topic deleted and recreated, smaller and larger, or missing."""

from collections.abc import Iterator

import pytest
from kafka import TopicPartition

from ingest.errors import NoBroker, NoTopic
from ingest.settings import Settings
from ingest.topic import Source
from tests.ingest.faults import hand, lake
from tests.ingest.faults.job import Job, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


def test_another_topic_of_the_same_name(kafka: str, topic: str, oracle: Oracle) -> None:
    hand.fill(kafka, topic, 5)
    run(topic)
    before = lake.snapshots(topic)
    oracle.before_recreation()

    hand.delete(kafka, topic)
    said = run(topic, expect=12)
    assert topic in said
    hand.create(kafka, topic)
    for partitions in ((0,), (0, 1, 2, 0, 1, 2)):  # smaller than before, then larger
        hand.fill(kafka, topic, 3, partitions=partitions)
        said = run(topic, expect=15)
        assert "recreated" in said and "accept recreated" in said
        assert lake.snapshots(topic) == before

    run(topic, "accept", "recreated")
    run(topic, "accept", "recreated", expect=25)
    assert "21 messages" in run(topic)
    assert oracle.assert_right().rows == 36
    assert len({c.topic_id for c in oracle.seen}) == 2
    settle(topic)


@pytest.mark.parametrize("partitions", [1, 0])
def test_recreated_or_deleted_while_it_is_looked_at(
    partitions: int, kafka: str, topic: str
) -> None:
    """Between its description and its offsets; 30 minutes of chaos found a traceback there."""

    class Slow(Source):
        def _partitions(self, numbers: Iterator[int] | list[int]) -> list[TopicPartition]:
            if partitions:
                hand.recreate(kafka, topic, partitions)
            else:
                hand.delete(kafka, topic)
            return super()._partitions(numbers)

    # A deleted topic may be known to be gone, or nobody answers for it.
    with Slow(Settings(topic=topic)) as source, pytest.raises((NoTopic, NoBroker)):
        source.describe()


def test_recreated_while_reading(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    """What is read after the recreation is of another topic than was planned."""
    hand.fill(kafka, topic, 10, partitions=(0,))
    run(topic)
    # More than one fetch brings, so that the rest is asked for after the recreation.
    hand.fill(kafka, topic, 3000, size=10_000, partitions=(0,))
    before = lake.snapshots(topic)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic, ASSAY_STALL_SECONDS="10") as job:
        job.await_line("reading")
        proxy.await_held()
        oracle.before_recreation()
        hand.recreate(kafka, topic)
        hand.fill(kafka, topic, 3010, size=100, partitions=(0,))
        proxy.release()
        job.expect(12, 13, 15, 16, 18)
    assert lake.snapshots(topic) == before
    run(topic, expect=15)
    run(topic, "accept", "recreated")
    run(topic)
    assert oracle.assert_right().rows == 3020
    settle(topic)
