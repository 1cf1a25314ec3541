"""A compacted topic, with holes at the start, in the middle and at the end of ranges."""

import time

import pytest

from tests.ingest.faults import kafka_actions
from tests.ingest.faults.job import drain, run, settle, until
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

KEYS = b"abacbcddaabb"  # of offsets 0, 1, 2 …
KEPT = [5, 7, 9, 11]  # the last of each key


def test_ranges_with_holes_of_compaction(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.delete(kafka, topic)
    kafka_actions.create(
        kafka,
        topic,
        partitions=1,
        cleanup_policy="compact",
        segment_ms="500",
        min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="0",
    )
    for offset, key in enumerate(KEYS):
        # Batches of one record; because producers are idempotent, compaction leaves empty batches.
        kafka_actions.send(kafka, topic, b"%d" % offset, key=bytes([key]))
    time.sleep(
        0.6
    )  # the next record rolls the segment then, so that these records can be compacted
    kafka_actions.send(kafka, topic, b"keeps the segment before it from being the last", key=b"z")

    def compacted() -> bool:
        oracle.after_compaction()
        left = [c.offset for c in oracle.seen.keys() - oracle.excused]
        return sorted(left) == [*KEPT, len(KEYS)]

    until(compacted, "the broker has compacted the topic", 90)

    # Ranges of four offsets: 0-3 has no record, 4-7 ends with a record, 8-11 starts with a hole.
    assert "batch 1: 0 messages" in run(topic, "run", "--max-messages", "4")
    assert "batch 2: 2 messages" in run(topic, "run", "--max-messages", "4")
    # 8-10 ends with a hole.
    assert "batch 3: 1 messages" in run(topic, "run", "--max-messages", "3")
    assert drain(topic) == 1
    assert oracle.assert_right().rows == 5
    settle(topic)
