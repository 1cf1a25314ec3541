"""The oracle itself: a fault that is planted in the table does not escape it."""

from dataclasses import replace

import pytest

from tests.ingest.faults import hand, job, lake
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_planted_faults_are_found(kafka: str, topic: str, oracle: Oracle) -> None:
    hand.fill(kafka, topic, 10, size=40)
    hand.send(kafka, topic, None, key=b"k", headers=[("h", hand.NULL)])
    job.run(topic)
    verdict = oracle.assert_right()
    assert verdict.rows == 31

    table, (right,) = lake.table_of(topic), lake.snapshots(topic)
    places = sorted(oracle.seen)
    third = places[3]
    somewhere = f"partition = {third.partition} and offset = {third.offset}"
    headless = f"partition = 0 and offset = {max(p.offset for p in places if p.partition == 0)}"
    columns = [name for name, *_ in lake.sql(f"show columns in {table}")]
    moved = ", ".join("offset + 1000" if c == "offset" else c for c in columns)
    planted = {
        "duplicated": f"insert into {table} select * from {table} where {somewhere}",
        "lost": f"delete from {table} where {somewhere}",
        "changed": f"update {table} set value = overlay(value placing X'00' from 5 for 1) "
        f"where {somewhere}",
        "unexpected": f"insert into {table} select {moved} from {table} where {somewhere}",
    }
    for kind, statement in planted.items():
        lake.sql(statement)
        verdict = oracle.judge()
        assert not verdict.is_right
        where = replace(third, offset=third.offset + 1000) if kind == "unexpected" else third
        found = {name: v for name, v in vars(verdict).items() if name != "rows" and v}
        assert found == {kind: [where]}
        assert kind in str(verdict)
        lake.sql(f"call spark_catalog.system.rollback_to_snapshot('{table}', {right})")

    # Null and empty are not the same, neither for a value nor for a header's.
    for assignment in ("value = X''", "headers = array(named_struct('key', 'h', 'value', X''))"):
        lake.sql(f"update {table} set {assignment} where {headless}")
        assert len(oracle.judge().changed) == 1
        lake.sql(f"call spark_catalog.system.rollback_to_snapshot('{table}', {right})")
    oracle.assert_right()


def test_what_is_not_committed_yet_is_not_lost(kafka: str, topic: str, oracle: Oracle) -> None:
    hand.fill(kafka, topic, 3)
    job.run(topic)
    hand.fill(kafka, topic, 1)
    assert len(oracle.judge().lost) == 3
    oracle.assert_right(drained=False)
    # A hole below what is committed is a loss all the same.
    lake.sql(f"delete from {lake.table_of(topic)} where partition = 1 and offset = 1")
    assert len(oracle.judge(drained=False).lost) == 1
