"""A replay replaces rows and is idempotent."""

import pytest

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import Job, run, settle
from tests.ingest.faults.oracle import Oracle, rows
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


@pytest.mark.long
def test_a_replay_is_idempotent_and_repairs_rows(kafka: str, topic: str, oracle: Oracle) -> None:
    for _ in range(2):
        kafka_actions.fill(kafka, topic, 10)
        run(topic)
    table = thrift.table_of(topic)
    # The replay repairs a damaged and a missing row in the range.
    thrift.sql(f"update {table} set value = X'00' where partition = 0 and offset = 7")
    thrift.sql(f"delete from {table} where partition = 1 and offset = 12")
    assert not oracle.judge().is_right
    thrift.rewrite(topic)  # rows of the range lie in one file with others
    for _ in range(2):
        assert "replayed 15 messages" in run(
            topic, "replay", "--from", "0:5,1:10", "--to", "0:15,1:15"
        )
        assert oracle.assert_right().rows == 60
    assert "nothing new" in run(topic)
    kafka_actions.fill(kafka, topic, 1)
    assert "3 messages" in run(topic)

    # By time: all of it.
    assert "replayed 63 messages" in run(
        topic, "replay", "--from", "2000-01-01", "--to", "2100-01-01"
    )
    oracle.assert_right()
    settle(topic)


def test_a_replay_that_would_lose_rows_is_refused(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 10, partitions=(0,))
    run(topic)
    oracle.before_deletion({0: 4})
    kafka_actions.delete_records(kafka, topic, {0: 4})
    before = thrift.snapshots(topic)
    run(topic, "replay", "--from", "0:0", "--to", "0:10", expect=16)
    run(topic, "replay", "--from", "0:5", "--to", "0:11", expect=1)
    assert thrift.snapshots(topic) == before
    run(topic, "replay", "--from", "0:4", "--to", "0:10")
    assert oracle.assert_right().rows == 10
    settle(topic)


def test_a_replay_that_is_killed_or_conflicts_with_a_run(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 1000, partitions=(0,))
    run(topic)
    replay = ("replay", "--from", "0:0", "--to", "0:1000")

    proxy.hold(after_bytes=300_000)
    with Job(topic, *replay) as killed:
        killed.await_line("reading")
        proxy.await_held()
    proxy.release()
    oracle.assert_right()

    kafka_actions.fill(kafka, topic, 10, partitions=(0,))
    proxy.hold(after_bytes=300_000)
    with Job(topic, *replay) as slow:
        slow.await_line("reading")
        proxy.await_held()
        run(topic, ASSAY_KAFKA=kafka)
        proxy.release()
        slow.expect(19)
    assert oracle.assert_right().rows == 1010
    assert len(rows(topic)) == 1010
    settle(topic)
