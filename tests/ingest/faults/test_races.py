"""Faults 2, 3 and 4: jobs at once, and a job that sleeps while another commits.

Two jobs with one plan also stand for a task's speculative twin: two tasks read one range at once,
and the rows are written once. Spark starts no twin on the host of the first attempt, so one machine
shows none.
"""

import pytest

from tests.ingest.faults import hand, lake
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services

# A held reader keeps one of Spark's slots; another must be free for everybody else.
ONE = (0,)


def test_of_two_jobs_with_one_plan_one_commits(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=200_000)
    with Job(topic) as one, Job(topic) as two:
        for job in (one, two):
            job.await_line("reading")
        proxy.await_held()
        proxy.release()
        codes = sorted(job.wait() for job in (one, two))
        assert codes == [0, 19], one.said + two.said
        assert "another job committed" in one.said + two.said
    assert len(lake.snapshots(topic)) == 1
    oracle.assert_right()
    settle(topic)


def test_stopped_while_another_commits(
    broker: Broker, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 300, partitions=ONE)

    # Stopped before its plan: it plans from what the other committed, or is refused.
    with Job(topic) as sleeper:
        sleeper.await_line("planning")
        sleeper.stop()
        run(topic, ASSAY_KAFKA=kafka)
        sleeper.go_on()
        sleeper.expect(0, 19)
    oracle.assert_right()

    # Stopped with its plan made and its read half done: refused.
    hand.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as sleeper:
        sleeper.await_line("reading")
        proxy.await_held()
        sleeper.stop()
        for _ in range(2):  # two batches on, the number of its batch is free again nowhere
            run(topic, ASSAY_KAFKA=kafka)
            hand.fill(kafka, topic, 5)
        proxy.release()
        sleeper.go_on()
        assert "another job committed" in sleeper.expect(19)
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()
    settle(topic)


def test_compacted_while_a_job_reads(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    """A compaction is no other batch: what was planned before it commits after it."""
    hand.fill(kafka, topic, 20)
    run(topic)
    hand.fill(kafka, topic, 20)
    run(topic)
    hand.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        lake.rewrite(topic)
        proxy.release()
        job.expect(0)
    oracle.assert_right()
    settle(topic)


def test_a_batch_without_rows_fences_too(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    """What was planned before an empty batch is refused, though no row of that batch tells."""
    hand.fill(kafka, topic, 10, partitions=ONE)
    run(topic)
    with hand.transacting(kafka, topic) as producer:
        hand.in_transaction(producer, topic, b"never", commit=False)
    hand.fill(kafka, topic, 300, partitions=ONE)
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
