"""Concurrent jobs, and a job that is stopped while another commits.

Two jobs with the same plan also stand for speculative execution: two tasks read one range at once,
and its rows are written once. Spark starts no speculative task on the host of the first attempt, so
one machine alone cannot show it.
"""

import pytest

from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services

# Only one partition: a held reader occupies a task slot of Spark, and another must stay free.
ONE = (0,)


def test_one_of_two_jobs_with_the_same_plan_commits(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=200_000)
    with Job(topic) as one, Job(topic) as two:
        for job in (one, two):
            job.await_line("reading")
        proxy.await_held()
        proxy.release()
        codes = sorted(job.wait() for job in (one, two))
        assert codes == [0, 19], one.said + two.said
        assert "another job committed" in one.said + two.said
    assert len(thrift.snapshots(topic)) == 1
    oracle.assert_right()
    settle(topic)


def test_stopped_while_another_commits(
    broker: Broker, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)

    # Stopped before its plan: it plans from the other job's commit, or is refused.
    with Job(topic) as sleeper:
        sleeper.await_line("planning")
        sleeper.stop()
        run(topic, ASSAY_KAFKA=kafka)
        sleeper.resume()
        sleeper.expect(0, 19)
    oracle.assert_right()

    # Stopped after its plan, in the middle of its read: refused.
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as sleeper:
        sleeper.await_line("reading")
        proxy.await_held()
        sleeper.stop()
        for _ in range(2):  # its batch id is used by the first of two batches
            run(topic, ASSAY_KAFKA=kafka)
            kafka_actions.fill(kafka, topic, 5)
        proxy.release()
        sleeper.resume()
        assert "another job committed" in sleeper.expect(19)
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()
    settle(topic)


def test_compacted_while_a_job_reads(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    """A compaction is no conflict: a batch that was planned before it commits after it."""
    kafka_actions.fill(kafka, topic, 20)
    run(topic)
    kafka_actions.fill(kafka, topic, 20)
    run(topic)
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        thrift.rewrite(topic)
        proxy.release()
        job.expect(0)
    oracle.assert_right()
    settle(topic)


def test_a_batch_without_rows_is_a_conflict_too(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    """A plan from before an empty batch is refused, although that batch has no row."""
    kafka_actions.fill(kafka, topic, 10, partitions=ONE)
    run(topic)
    with kafka_actions.transacting(kafka, topic) as producer:
        kafka_actions.in_transaction(producer, topic, b"never", commit=False)
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as sleeper:
        sleeper.await_line("reading")
        proxy.await_held()
        assert "batch 2: 0 messages" in run(topic, "run", "--max-messages", "2", ASSAY_KAFKA=kafka)
        assert "batch 3: 300 messages" in run(topic, ASSAY_KAFKA=kafka)
        proxy.release()
        sleeper.expect(19)
    assert oracle.assert_right().rows == 310
    settle(topic)
