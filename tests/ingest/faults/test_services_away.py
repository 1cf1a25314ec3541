"""HDFS or Spark become unavailable while a batch is read or written."""

import pytest

from stack.settings import Settings
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.job import Job, drain, run, settle, until
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services

# Only one partition: a held reader occupies a task slot of Spark, and another must stay free.
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
    kafka_actions.fill(kafka, topic, 500, partitions=ONE)
    run(topic)
    # Row groups so small that blocks are being written while the read is held.
    table = thrift.table_of(topic)
    thrift.sql(
        f"alter table {table} set tblproperties ('write.parquet.row-group-size-bytes'='50000')"
    )
    kafka_actions.fill(kafka, topic, 1500, partitions=ONE)
    before = thrift.snapshots(topic)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        services.kill(stack, name)
        proxy.release()
        if name == "namenode":
            # Clients of HDFS wait for it, so the batch may succeed.
            services.heal(stack)
            job.expect(0, 13)
        else:
            said = job.expect(13)
            assert name != "datanode" or "no DataNode is up" in said
            services.heal(stack)
            assert thrift.snapshots(topic) == before
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()
    settle(topic)


@pytest.mark.long
def test_a_frozen_namenode_delays_the_commit(
    stack: Settings, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    run(topic)
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
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
        # The server may have committed the batch of the killed job first.
        job.expect(0, 19)
    oracle.assert_right()
    settle(topic)


def test_in_safe_mode_nothing_is_committed(
    stack: Settings, kafka: str, topic: str, oracle: Oracle
) -> None:
    kafka_actions.fill(kafka, topic, 10)
    run(topic)
    kafka_actions.fill(kafka, topic, 10)
    before = thrift.snapshots(topic)
    with services.safe_mode(stack):
        said = run(topic, expect=13)
        assert "safe mode" in said
        assert thrift.snapshots(topic) == before
    drain(topic)
    oracle.assert_right()


@pytest.mark.long
def test_following_survives_killed_services(
    stack: Settings, kafka: str, topic: str, oracle: Oracle
) -> None:
    kafka_actions.fill(kafka, topic, 10)
    with Job(topic, "run", "--follow", "--batch-interval", "1") as job:
        job.await_line("batch 1")
        for name in ("spark", "namenode"):
            services.kill(stack, name)
            kafka_actions.fill(kafka, topic, 10)
            services.heal(stack)
            kafka_actions.fill(kafka, topic, 10)
            assert job.is_running, job.said
            until(lambda: oracle.judge().is_right, "the follower has caught up", 120)
        job.terminate()
        job.expect(0)
    oracle.assert_right()
    settle(topic)
