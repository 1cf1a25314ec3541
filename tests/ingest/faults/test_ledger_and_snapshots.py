"""Fault 6: the ledger lost or damaged, snapshots expired, the table compacted."""

import pytest

from tests.ingest.faults import hand, lake
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

LEDGER = "raw.ingest_batches"


def ledger(topic: str) -> list[tuple[object, ...]]:
    """What the ledger says of a topic, but for how long it took."""
    return lake.sql(
        "select batch_id, partition, cluster_id, topic_id, start_offset, end_offset, rows, bytes, "
        "min_timestamp, max_timestamp, decision, snapshot_id "
        f"from {LEDGER} where topic = '{topic}' order by batch_id, partition"
    )


def test_the_ledger_is_repaired_from_the_truth(kafka: str, topic: str, oracle: Oracle) -> None:
    for _ in range(2):
        hand.fill(kafka, topic, 5)
        run(topic)
    right, snapshots = ledger(topic), lake.snapshots(topic)
    assert [(b, p, start, end, count) for b, p, _, _, start, end, count, *_ in right] == [
        (batch, partition, (batch - 1) * 5, batch * 5, 5)
        for batch in (1, 2)
        for partition in (0, 1, 2)
    ]
    where = f"where topic = '{topic}'"
    for damage in (
        f"delete from {LEDGER} {where}",
        f"delete from {LEDGER} {where} and batch_id = 1 and partition = 2",
        f"update {LEDGER} set end_offset = 1000, rows = 0 {where} and batch_id = 2",
        f"insert into {LEDGER} select * from {LEDGER} {where}",
    ):
        lake.sql(damage)
        assert ledger(topic) != right
        assert "nothing new" in run(topic)
        assert ledger(topic) == right, damage
    assert lake.snapshots(topic) == snapshots

    # Gone altogether: the next batch writes it anew, for everybody.
    lake.sql(f"drop table {LEDGER}")
    hand.fill(kafka, topic, 1)
    run(topic)
    assert ledger(topic)[:6] == right and len(ledger(topic)) == 9
    oracle.assert_right()
    settle(topic)


def test_without_our_snapshots_the_rows_say_what_was_read(
    kafka: str, topic: str, oracle: Oracle
) -> None:
    for _ in range(2):
        hand.fill(kafka, topic, 5)
        run(topic)
    lake.rewrite(topic)
    lake.expire(topic)
    assert len(lake.snapshots(topic)) == 1
    assert "nothing new" in run(topic)
    hand.fill(kafka, topic, 5)
    assert "batch 3: 15 messages" in run(topic)
    oracle.assert_right()
    settle(topic)


@pytest.mark.long
def test_maintained_beside_a_running_ingest(kafka: str, topic: str, oracle: Oracle) -> None:
    for _ in range(3):
        hand.fill(kafka, topic, 5)
        run(topic)
    hand.fill(kafka, topic, 3000)
    with Job(topic, "run", "--max-messages", "3000") as ingest, Job(topic, "maintain") as keeper:
        ingest.expect(0, 19)
        keeper.expect(0)
    oracle.assert_right(drained=False)
    run(topic, "maintain")
    assert drain(topic, "--max-messages", "5000") <= 2
    oracle.assert_right()
    settle(topic)
