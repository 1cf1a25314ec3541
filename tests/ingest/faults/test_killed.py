"""SIGKILL of the job in every phase, and of a Spark worker while it reads."""

import time

import pytest

from stack.settings import Settings
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, drain, settle, until
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services

SWEEP_STEPS = 6
# Only one partition: a held reader occupies a task slot of Spark, and another must stay free.
ONE = (0,)


def test_killed_in_each_phase(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    kafka_actions.fill(kafka, topic, 3000, partitions=ONE)

    with Job(topic) as job:
        job.await_line("planning")
    assert thrift.snapshots(topic) == []

    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
    # The server still reads for the killed job, and may even commit its batch.
    assert thrift.snapshots(topic) == []
    proxy.release()
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()

    kafka_actions.fill(kafka, topic, 10)
    with Job(topic) as job:
        job.await_line("committed batch")
    verdict = oracle.assert_right()
    assert verdict.rows == 3030
    settle(topic)
    oracle.assert_right()


@pytest.mark.long
def test_killed_at_any_time(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 50)
    begun = time.monotonic()
    with Job(topic) as job:
        job.await_line("planning")
        planned = time.monotonic() - begun
        job.expect(0)
    duration = time.monotonic() - begun
    ends: list[bool] = []
    for step in range(SWEEP_STEPS):
        kafka_actions.fill(kafka, topic, 50)
        with Job(topic) as job:
            job.await_line("planning")
            # From the plan to after the end, in even steps.
            time.sleep((duration - planned) * step / (SWEEP_STEPS - 2))
            ends.append(not job.is_running)
        oracle.assert_right(drained=False)
    assert not all(ends), "none was killed"
    drain(topic)
    assert oracle.assert_right().rows == 150 * (SWEEP_STEPS + 1)
    settle(topic)


def test_a_worker_killed_while_it_reads(
    stack: Settings, broker: Broker, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 3000, partitions=ONE)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        proxy.await_held()
        workers = services.busy_workers(stack, int(broker.slow_kafka.split(":")[1]))
        assert workers, f"no worker is connected to {broker.slow_kafka}"
        for worker in workers:
            worker.kill()
        proxy.release()
        job.expect(13)
    assert thrift.snapshots(topic) == []
    drain(topic)
    oracle.assert_right()
    settle(topic)
    until(lambda: not any(w.is_running() for w in workers), "the killed workers are gone")
