"""Kafka deletes messages that are not read yet, before a run or during it."""

import pytest

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import Job, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


def test_data_loss_is_an_error_until_accepted(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 10)
    run(topic)
    kafka_actions.fill(kafka, topic, 10)
    before = thrift.snapshots(topic)
    begins = {0: 14, 1: 12}
    oracle.before_deletion(begins)
    kafka_actions.delete_records(kafka, topic, begins)
    said = run(topic, expect=16)
    assert "partition 0" in said and "10" in said and "13" in said
    assert "accept data-loss" in said
    assert thrift.snapshots(topic) == before

    # The accepted loss of one partition is not that of the other.
    run(topic, "accept", "data-loss", "--partition", "0")
    assert "partition 1" in run(topic, expect=16)
    run(topic, "accept", "data-loss")
    assert "batch 4: 24 messages" in run(topic)
    run(topic, "accept", "data-loss", expect=25)
    verdict = oracle.assert_right()
    assert verdict.rows == 54 and len(oracle.excused) == 6
    decided = thrift.sql(
        "select partition, start_offset, end_offset from raw.ingest_batches "
        f"where topic = '{topic}' and decision like 'data loss%' and end_offset > start_offset "
        "order by partition"
    )
    assert decided == [(0, 10, 14), (1, 10, 12)]
    settle(topic)


def test_records_deleted_while_reading(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 10, partitions=(0,))
    run(topic)
    kafka_actions.fill(kafka, topic, 2000, partitions=(0,))
    before = thrift.snapshots(topic)
    proxy.hold(after_bytes=500_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        oracle.before_deletion({0: 1910})
        kafka_actions.delete_records(kafka, topic, {0: 1910})
        proxy.release()
        # It fails even if all records were fetched already: Kafka no longer has them.
        assert "1910" in job.expect(16)
    assert thrift.snapshots(topic) == before
    run(topic, expect=16)
    run(topic, "accept", "data-loss")
    run(topic)
    assert oracle.assert_right().rows == 110
    settle(topic)
