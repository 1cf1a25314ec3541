"""Connections that are cut, slow or silent; the broker killed; an end offset that regresses."""

import shutil
import time

import pytest

from ingest.errors import PublishFailed
from ingest.settings import Settings
from sample import publish as publishing
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy
from tests.ingest.harness import in_kafka

pytestmark = pytest.mark.services

# Only one partition: a held reader occupies a task slot of Spark, and another must stay free.
ONE = (0,)


def test_connections_cut_and_slow(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    kafka_actions.fill(kafka, topic, 2000, partitions=ONE)
    proxy.delay(0.05)
    with Job(topic) as job:
        job.await_line("reading")
        for _ in range(2):
            proxy.hold(after_bytes=400_000)
            proxy.await_held()
            assert proxy.cut() > 0
            proxy.release()
        job.expect(0)
    oracle.assert_right()
    settle(topic)


def test_a_silent_broker_fails_the_run(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 2000, partitions=ONE)
    proxy.hold(after_bytes=500_000)
    begun = time.monotonic()
    said = run(topic, expect=18, ASSAY_STALL_SECONDS="4")
    assert time.monotonic() - begun < 60
    assert "partition 0" in said and "no progress" in said
    assert thrift.snapshots(topic) == []
    proxy.release()
    drain(topic)
    oracle.assert_right()
    settle(topic)


def test_the_broker_killed_while_it_is_read(
    broker: Broker, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    kafka_actions.fill(kafka, topic, 2000, partitions=ONE)
    proxy.hold(after_bytes=500_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        broker.kill()
        proxy.release()
        broker.start()
        job.expect(0, 18)
    oracle.assert_right(drained=False)
    drain(topic)
    oracle.assert_right()
    settle(topic)


def test_an_end_offset_that_regresses_for_a_moment(
    broker: Broker, kafka: str, topic: str, oracle: Oracle
) -> None:
    """A broker loses the end of its log in a crash, and later has it again.

    With more brokers, a new leader can be behind for a moment; a single broker shows the same with
    a log that is shorter after a kill.
    """
    for n in range(5):
        kafka_actions.send(kafka, topic, b"%d" % n)
    run(topic)
    before = thrift.snapshots(topic)
    oracle.observe()
    log = broker.log_file(topic, 0)
    whole = log.with_suffix(".whole")
    broker.kill()
    shutil.copy(log, whole)
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 1)  # the last batch is damaged, so recovery drops it
    broker.start()
    said = run(topic, expect=17)
    assert "partition 0" in said and "ends at 4" in said and "offset 5" in said
    assert thrift.snapshots(topic) == before

    # The broker recovers while a job waits for it.
    with Job(topic) as job:
        job.await_line("planning")
        broker.kill()
        whole.replace(log)
        broker.start()
        job.expect(0, 11, 17)
    kafka_actions.send(kafka, topic, b"5")
    run(topic)
    assert oracle.assert_right().rows == 6
    settle(topic)


def test_a_publish_without_confirmation_is_reported(
    broker: Broker, kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python itself would wait forever for the broker, which dies before the commit."""
    monkeypatch.setattr(publishing, "END_SECONDS", 3.0)
    value = b'{"keen_id": "1"}'
    settings, messages = Settings(topic=topic), [(value, {"keen_id": "1"})]
    with pytest.raises(PublishFailed, match="it is not known whether they are"):
        publishing.publish(settings, messages, "keen_id", lambda count: broker.kill())
    broker.start()
    assert publishing.publish(settings, messages, "keen_id") == 1
    assert [record[1] for record in in_kafka(topic).values()] == [value]
