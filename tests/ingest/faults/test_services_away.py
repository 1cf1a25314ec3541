"""Fault 5: HDFS or Spark go away while a batch is read or written."""

import pytest

from stack.settings import Settings
from tests.ingest.faults import hand, lake, services
from tests.ingest.faults.job import Job, drain, run, settle, until
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services

# A held reader keeps one of Spark's slots; another must be free for everybody else.
ONE = (0,)


@pytest.fixture(autouse=True)
def _healed(stack: Settings) -> object:
    yield
    services.heal(stack)


@pytest.mark.long
@pytest.mark.parametrize("name", ["namenode", "datanode", "spark"])
def test_killed_before_the_commit(
    stack: Settings, kafka: str, topic: str, oracle: Oracle, proxy: Proxy, name: str
) -> None:
    hand.fill(kafka, topic, 500, partitions=ONE)
    run(topic)
    # Row groups so small that blocks are being written while the read is held.
    table = lake.table_of(topic)
    lake.sql(
        f"alter table {table} set tblproperties ('write.parquet.row-group-size-bytes'='50000')"
    )
    hand.fill(kafka, topic, 1500, partitions=ONE)
    before = lake.snapshots(topic)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        services.kill(stack, name)
        proxy.release()
        if name == "namenode":
            # Clients of HDFS wait for it: the batch may end well.
            services.heal(stack)
            job.expect(0, 13)
        else:
            said = job.expect(13)
            assert name != "datanode" or "no DataNode is up" in said
            services.heal(stack)
            assert lake.snapshots(topic) == before
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()
    settle(topic)


@pytest.mark.long
def test_a_frozen_namenode_delays_the_commit(
    stack: Settings, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 300, partitions=ONE)
    run(topic)
    hand.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as job, Job(topic) as victim:
        for one in (job, victim):
            one.await_line("reading")
        proxy.await_held()
        with services.frozen(stack, "namenode"):
            proxy.release()
            # One of the two is killed while its commit waits.
            with pytest.raises(TimeoutError):
                victim.wait(4)
            victim.kill()
        # The dead one's batch may have won.
        job.expect(0, 19)
    oracle.assert_right()
    settle(topic)


def test_in_safe_mode_nothing_is_committed(
    stack: Settings, kafka: str, topic: str, oracle: Oracle
) -> None:
    hand.fill(kafka, topic, 10)
    run(topic)
    hand.fill(kafka, topic, 10)
    before = lake.snapshots(topic)
    with services.safe_mode(stack):
        said = run(topic, expect=13)
        assert "safe mode" in said
        assert lake.snapshots(topic) == before
    drain(topic)
    oracle.assert_right()


@pytest.mark.long
def test_following_rides_out_whatever_is_away(
    stack: Settings, kafka: str, topic: str, oracle: Oracle
) -> None:
    hand.fill(kafka, topic, 10)
    with Job(topic, "run", "--follow", "--latency", "1") as job:
        job.await_line("batch 1")
        for name in ("spark", "namenode"):
            services.kill(stack, name)
            hand.fill(kafka, topic, 10)
            services.heal(stack)
            hand.fill(kafka, topic, 10)
            assert job.is_running, job.said
            until(lambda: oracle.judge().is_right, "the follower has caught up", 120)
        job.ask_to_end()
        job.expect(0)
    oracle.assert_right()
    settle(topic)
