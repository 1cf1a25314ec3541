"""Faults 14 and 15: connections cut, slow and silent; the broker killed; its end moved back."""

import shutil
import time

import pytest

from ingest import publish as publishing
from ingest.errors import PublishFailed
from ingest.settings import Settings
from tests.ingest.faults import hand, lake
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, drain, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy
from tests.ingest.road import in_kafka

pytestmark = pytest.mark.services

# A held reader keeps one of Spark's slots; another must be free for everybody else.
ONE = (0,)


def test_cut_and_slow(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    hand.fill(kafka, topic, 2000, partitions=ONE)
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


def test_a_silent_broker_ends_the_run_and_not_the_data(
    kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 2000, partitions=ONE)
    proxy.hold(after_bytes=500_000)
    begun = time.monotonic()
    said = run(topic, expect=18, ASSAY_STALL_SECONDS="4")
    assert time.monotonic() - begun < 60
    assert "partition 0" in said and "no progress" in said
    assert lake.snapshots(topic) == []
    proxy.release()
    drain(topic)
    oracle.assert_right()
    settle(topic)


def test_the_broker_killed_while_it_is_read(
    broker: Broker, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 2000, partitions=ONE)
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


def test_an_end_that_moves_back_for_a_moment(
    broker: Broker, kafka: str, topic: str, oracle: Oracle
) -> None:
    """A broker that lost the tail of its log in a crash, and later has it again.

    With more brokers it is a new leader that is behind for a moment; one broker shows the same by
    a log that ends earlier after a kill.
    """
    for n in range(5):
        hand.send(kafka, topic, b"%d" % n)
    run(topic)
    before = lake.snapshots(topic)
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
    assert lake.snapshots(topic) == before

    # The moment passes while a job waits for it.
    with Job(topic) as job:
        job.await_line("planning")
        broker.kill()
        whole.replace(log)
        broker.start()
        job.expect(0, 11, 17)
    hand.send(kafka, topic, b"5")
    run(topic)
    assert oracle.assert_right().rows == 6
    settle(topic)


def test_a_publish_whose_broker_dies_at_its_end_waits_a_while_and_says_so(
    broker: Broker, kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python itself would wait for ever."""
    monkeypatch.setattr(publishing, "END_SECONDS", 3.0)
    value = b'{"keen_id": "1"}'
    settings, messages = Settings(topic=topic), [(value, {"keen_id": "1"})]
    with pytest.raises(PublishFailed, match="it is not known whether they are"):
        publishing.publish(settings, messages, "keen_id", lambda count: broker.kill())
    broker.start()
    assert publishing.publish(settings, messages, "keen_id") == 1
    assert [record[1] for record in in_kafka(topic).values()] == [value]
