"""Faults 7 and 8: Kafka deleted what was not read yet, before the run or during it."""

import pytest

from tests.ingest.faults import hand, lake
from tests.ingest.faults.job import Job, run, settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


def test_a_gap_is_an_error_until_it_is_accepted(kafka: str, topic: str, oracle: Oracle) -> None:
    hand.fill(kafka, topic, 10)
    run(topic)
    hand.fill(kafka, topic, 10)
    before = lake.snapshots(topic)
    gaps = {0: 14, 1: 12}
    oracle.before_trim(gaps)
    hand.trim(kafka, topic, gaps)
    said = run(topic, expect=16)
    assert "partition 0" in said and "10" in said and "13" in said
    assert "accept gap" in said
    assert lake.snapshots(topic) == before

    # One partition's gap accepted does not accept the other's.
    run(topic, "accept", "gap", "--partition", "0")
    assert "partition 1" in run(topic, expect=16)
    run(topic, "accept", "gap")
    assert "batch 4: 24 messages" in run(topic)
    run(topic, "accept", "gap", expect=25)
    verdict = oracle.assert_right()
    assert verdict.rows == 54 and len(oracle.excused) == 6
    decided = lake.sql(
        "select partition, start_offset, end_offset from raw.ingest_batches "
        f"where topic = '{topic}' and decision like '%gap%' and end_offset > start_offset "
        "order by partition"
    )
    assert decided == [(0, 10, 14), (1, 10, 12)]
    settle(topic)


def test_trimmed_while_reading(kafka: str, topic: str, oracle: Oracle, proxy: Proxy) -> None:
    hand.fill(kafka, topic, 10, partitions=(0,))
    run(topic)
    hand.fill(kafka, topic, 2000, partitions=(0,))
    before = lake.snapshots(topic)
    proxy.hold(after_bytes=500_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        oracle.before_trim({0: 1910})
        hand.trim(kafka, topic, {0: 1910})
        proxy.release()
        # Even if all of it was on its way already: what was seen is not what is there.
        assert "1910" in job.expect(16)
    assert lake.snapshots(topic) == before
    run(topic, expect=16)
    run(topic, "accept", "gap")
    run(topic)
    assert oracle.assert_right().rows == 110
    settle(topic)
