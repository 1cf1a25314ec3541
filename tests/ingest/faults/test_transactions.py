"""Transactions that are committed, aborted, or open at the plan; a control record at the end."""

import pytest

from tests.ingest.faults import kafka_actions
from tests.ingest.faults.job import run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_committed_aborted_and_open(kafka: str, topic: str, oracle: Oracle) -> None:
    with (
        kafka_actions.transacting(kafka, f"{topic}-a") as one,
        kafka_actions.transacting(kafka, f"{topic}-b") as two,
    ):
        # Committed; the last offset is its control record.
        kafka_actions.in_transaction(one, topic, b"1", b"2", b"3")
        assert "batch 1: 3 messages" in run(topic)
        settle(topic)

        # Aborted; the last offset is its control record. No rows, but the offsets are read.
        kafka_actions.in_transaction(one, topic, b"never", commit=False)
        assert "batch 2: 0 messages" in run(topic)
        settle(topic)

        # Open at the plan: it hides itself and what follows in its partition, nothing else.
        one.begin_transaction()
        one.send(topic, b"open", partition=1)
        one.flush()
        kafka_actions.send(kafka, topic, b"behind the open one", partition=1)
        kafka_actions.in_transaction(two, topic, b"beside", b"it", partition=1)
        kafka_actions.send(kafka, topic, b"in another partition", partition=2)
        assert "batch 3: 1 messages" in run(topic)
        settle(topic)
        one.commit_transaction()
        assert "batch 4: 4 messages" in run(topic)

        # Two transactions that interleave, one of them aborted.
        one.begin_transaction()
        two.begin_transaction()
        for n in range(6):
            producer = (one, two)[n % 2]
            producer.send(topic, b"%d" % n, partition=0)
            producer.flush()
        two.abort_transaction()
        one.commit_transaction()
        assert "batch 5: 3 messages" in run(topic)
    assert oracle.assert_right().rows == 11
    settle(topic)
