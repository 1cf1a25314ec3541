"""A record that cannot be decoded is reported, and skipped only on request."""

import pytest

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_reported_then_skipped_and_recorded_once(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 5, partitions=(0, 1))
    kafka_actions.send(kafka, topic, b"poison", headers=[(kafka_actions.RawHeaderKey("h"), b"1")])
    kafka_actions.fill(kafka, topic, 5, partitions=(0, 1))
    said = run(topic, expect=20, ASSAY_STALL_SECONDS="10")
    assert "partition 0 offset 5" in said and "accept skip-records 0:5" in said
    assert thrift.snapshots(topic) == []

    run(topic, "accept", "skip-records", "0:4", expect=25)  # it can be decoded
    run(topic, "accept", "skip-records", "0:5")
    oracle.skips(0, 5)
    run(topic, "accept", "skip-records", "0:5", expect=25)
    assert "20 messages" in run(topic)
    assert oracle.assert_right().rows == 20
    decided = thrift.sql(
        "select partition, start_offset, end_offset from raw.ingest_batches "
        f"where topic = '{topic}' and decision like '%skip%'"
    )
    assert decided == [(0, 5, 6)]
    settle(topic)


def test_a_corrupt_record_within_a_batch(kafka: str, topic: str) -> None:
    """The other records of the batch are not lost, or the error names the whole batch."""
    kafka_actions.send_batch(kafka, topic, b"before", kafka_actions.POISON, b"after")
    said = run(topic, expect=20, ASSAY_STALL_SECONDS="10")
    named = 1 if "partition 0 offset 1 " in said else 0
    assert f"partition 0 offset {named}" in said and f"accept skip-records 0:{named}" in said
    run(topic, "accept", "skip-records", f"0:{named}")
    run(topic)
    values = thrift.sql(
        f"select cast(value as string) from {thrift.table_of(topic)} order by offset"
    )
    assert values == ([("before",), ("after",)] if named else [])
    settle(topic)
