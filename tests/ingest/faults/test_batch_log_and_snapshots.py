"""The batch log lost or damaged, snapshots expired, the table compacted."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest import batch_log as log
from ingest import commit, raw_table
from ingest import run as ingest_run
from ingest.plan import BatchLimits
from ingest.settings import Settings
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

BATCH_LOG = "raw.ingest_batches"


def batch_log(topic: str) -> list[tuple[object, ...]]:
    """Return the rows of the batch log of a topic, without job and times."""
    return thrift.sql(
        "select batch_id, partition, cluster_id, topic_id, start_offset, end_offset, rows, bytes, "
        "min_timestamp, max_timestamp, decision, snapshot_id "
        f"from {BATCH_LOG} where topic = '{topic}' order by batch_id, partition"
    )


def test_the_batch_log_is_repaired_from_the_table(kafka: str, topic: str, oracle: Oracle) -> None:
    for _ in range(2):
        kafka_actions.fill(kafka, topic, 5)
        run(topic)
    right, snapshots = batch_log(topic), thrift.snapshots(topic)
    assert logged(topic) == [
        (batch, partition, (batch - 1) * 5, batch * 5, 5)
        for batch in (1, 2)
        for partition in (0, 1, 2)
    ]
    where = f"where topic = '{topic}'"
    for damage in (
        f"delete from {BATCH_LOG} {where}",
        f"delete from {BATCH_LOG} {where} and batch_id = 1 and partition = 2",
        f"update {BATCH_LOG} set end_offset = 1000, rows = 0 {where} and batch_id = 2",
        f"insert into {BATCH_LOG} select * from {BATCH_LOG} {where}",
    ):
        thrift.sql(damage)
        assert batch_log(topic) != right
        assert "nothing new" in run(topic)
        assert batch_log(topic) == right, damage
    assert thrift.snapshots(topic) == snapshots

    # After a drop of the batch log, the next run writes it again.
    thrift.sql(f"drop table {BATCH_LOG}")
    kafka_actions.fill(kafka, topic, 1)
    run(topic)
    assert batch_log(topic)[:6] == right and len(batch_log(topic)) == 9
    oracle.assert_right()
    settle(topic)


def test_a_job_that_starts_before_another_has_logged_its_batch(
    kafka: str, topic: str, oracle: Oracle
) -> None:
    kafka_actions.fill(kafka, topic, 5)
    once = [(1, p, 0, 5, 5) for p in range(3)]
    with (
        ingest_run.opened(Settings(topic=topic)) as first,
        ingest_run.opened(Settings(topic=topic)) as second,
    ):
        # The first commits, the second repairs the log, the first writes its entry.
        plan = first.plan(BatchLimits())
        batch = ingest_run.next_batch(plan, plan.ranges)
        commit.commit(first.read(plan, plan.ranges), first.table, plan.state, batch)
        before = raw_table.ancestors(second.spark, second.table)
        assert second.prepare().batch_id == 1
        stats, _ = first.log_batch(batch, 1.0, {})
        assert logged(topic) == once and sum(s.rows for s in stats.values()) == 15

        # The second reads the snapshots, the first commits and logs, the second repairs.
        kafka_actions.fill(kafka, topic, 5)
        assert first.run(BatchLimits()) is not None
        twice = once + [(2, p, 5, 10, 5) for p in range(3)]
        assert log.repair(second.spark, topic, second.table, before) == 0
        assert logged(topic) == twice

        # Both repair at once: each deletes wrong rows, and writes the right ones.
        for _ in range(4):
            thrift.sql(f"update {BATCH_LOG} set rows = 0 where topic = '{topic}'")
            with ThreadPoolExecutor() as pool:
                repairs = [pool.submit(job.prepare) for job in (first, second)]
            assert [repair.result().batch_id for repair in repairs] == [2, 2]
            assert logged(topic) == twice
    oracle.assert_right()
    settle(topic)


def test_the_batches_of_a_dropped_table_leave_the_log(
    kafka: str, topic: str, oracle: Oracle
) -> None:
    for _ in range(2):
        kafka_actions.fill(kafka, topic, 5)
        run(topic)
    thrift.sql(f"drop table {thrift.table_of(topic)} purge")
    run(topic)
    assert logged(topic) == [(1, p, 0, 10, 10) for p in range(3)]
    oracle.assert_right()
    settle(topic)


def logged(topic: str) -> list[tuple[object, ...]]:
    """Return batch, partition, offsets and rows of the batch log of a topic."""
    return [
        (batch, partition, start, end, count)
        for batch, partition, _, _, start, end, count, *_ in batch_log(topic)
    ]


def test_offsets_follow_from_rows_without_batch_snapshots(
    kafka: str, topic: str, oracle: Oracle
) -> None:
    for _ in range(2):
        kafka_actions.fill(kafka, topic, 5)
        run(topic)
    thrift.rewrite(topic)
    thrift.expire(topic)
    assert len(thrift.snapshots(topic)) == 1
    assert "nothing new" in run(topic)
    kafka_actions.fill(kafka, topic, 5)
    assert "batch 3: 15 messages" in run(topic)
    oracle.assert_right()
    settle(topic)


@pytest.mark.long
def test_maintenance_beside_a_running_ingest(kafka: str, topic: str, oracle: Oracle) -> None:
    for _ in range(3):
        kafka_actions.fill(kafka, topic, 5)
        run(topic)
    kafka_actions.fill(kafka, topic, 3000)
    with (
        Job(topic, "run", "--max-messages", "3000") as ingest,
        Job(topic, "maintain") as maintenance,
    ):
        ingest.expect(0, 19)
        maintenance.expect(0)
    oracle.assert_right(drained=False)
    run(topic, "maintain")
    assert drain(topic, "--max-messages", "5000") <= 2
    oracle.assert_right()
    settle(topic)
