"""The oracle itself: it finds each fault that is planted in the table."""

from dataclasses import replace

import pytest

from tests.ingest.faults import job, kafka_actions, thrift
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


def test_planted_faults_are_found(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 10, size=40)
    kafka_actions.send(kafka, topic, None, key=b"k", headers=[("h", kafka_actions.NULL)])
    job.run(topic)
    verdict = oracle.assert_right()
    assert verdict.rows == 31

    table, (right,) = thrift.table_of(topic), thrift.snapshots(topic)
    places = sorted(oracle.seen)
    third = places[3]
    somewhere = f"partition = {third.partition} and offset = {third.offset}"
    headless = f"partition = 0 and offset = {max(p.offset for p in places if p.partition == 0)}"
    columns = [name for name, *_ in thrift.sql(f"show columns in {table}")]
    moved = ", ".join("offset + 1000" if c == "offset" else c for c in columns)
    planted = {
        "duplicated": f"insert into {table} select * from {table} where {somewhere}",
        "lost": f"delete from {table} where {somewhere}",
        "changed": f"update {table} set value = overlay(value placing X'00' from 5 for 1) "
        f"where {somewhere}",
        "unexpected": f"insert into {table} select {moved} from {table} where {somewhere}",
    }
    for kind, statement in planted.items():
        thrift.sql(statement)
        verdict = oracle.judge()
        assert not verdict.is_right
        where = replace(third, offset=third.offset + 1000) if kind == "unexpected" else third
        found = {name: v for name, v in vars(verdict).items() if name != "rows" and v}
        assert found == {kind: [where]}
        assert kind in str(verdict)
        thrift.sql(f"call spark_catalog.system.rollback_to_snapshot('{table}', {right})")

    # Null and empty differ, for a value and for the value of a header.
    for assignment in ("value = X''", "headers = array(named_struct('key', 'h', 'value', X''))"):
        thrift.sql(f"update {table} set {assignment} where {headless}")
        assert len(oracle.judge().changed) == 1
        thrift.sql(f"call spark_catalog.system.rollback_to_snapshot('{table}', {right})")
    oracle.assert_right()


def test_uncommitted_records_are_not_lost(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.fill(kafka, topic, 3)
    job.run(topic)
    kafka_actions.fill(kafka, topic, 1)
    assert len(oracle.judge().lost) == 3
    oracle.assert_right(drained=False)
    # A missing row below the committed offset is a loss nevertheless.
    thrift.sql(f"delete from {thrift.table_of(topic)} where partition = 1 and offset = 1")
    assert len(oracle.judge(drained=False).lost) == 1
