"""The models on records made to break them, build after build, while readers read.

The tests follow one another on one raw table, in this order.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stack.settings import Settings
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import manifest
from tests.end_to_end.raw_batches import PARTITIONS, Raw, emptied
from tests.end_to_end.warehouse import build, content, dbt, disagreements, rows, session

pytestmark = pytest.mark.services

READS = (
    "select count(*), sum(message_count) from core.fct_attempts",
    "select count(*), sum(right_choice_count) from core.fct_responses",
    "select sum(messages), sum(attempts) from questions.course_popularity",
    "select answer_messages, answer_attempts from questions.answers where position = 4",
)
ERRORS = "select count(*) from operations.audit_failures where severity = 'error'"

STRANGE = {
    "spark.sql.session.timeZone": "Pacific/Auckland",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "7",
    "spark.sql.adaptive.enabled": "false",
}


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(500)


@pytest.fixture(scope="module")
def raw(stack: Settings) -> Iterator[Raw]:
    """The raw table and its ledger, emptied: what the tests write is all there is."""
    with emptied(stack) as table:
        yield table


@cache
def tables() -> dict[str, str]:
    """What readers see: each published relation by its name."""
    return {
        node["alias"]: f"{node['config']['schema']}.{node['alias']}"
        for node in manifest()["nodes"].values()
        if node["resource_type"] in ("model", "seed") and node["alias"] != "audit_failures"
    }


@dataclass
class Readers:
    """What readers saw while something else was done."""

    seen: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    errors: list[object] = field(default_factory=list)
    reads: int = 0


@contextmanager
def readers() -> Iterator[Readers]:
    """Readers that ask again and again, each time in a session of their own."""
    found = Readers({sql: set() for sql in READS})
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for sql in READS:
                try:
                    found.seen[sql].update(query(sql))
                except Exception as error:
                    found.errors.append((sql, error))
                found.reads += 1
            done.wait(0.2)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


@contextmanager
def arriving(raw: Raw, values: list[bytes | None]) -> Iterator[None]:
    """Small batches, one after another, while something else is done."""
    done = threading.Event()

    def arrive() -> None:
        while not done.wait(1.0):
            raw.batch(values[:PARTITIONS])

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def current() -> dict[str, set[tuple[Any, ...]]]:
    return {sql: set(query(sql)) for sql in READS}


def test_odd_records_are_counted_as_the_oracle_counts_them(
    raw: Raw, values: list[bytes | None]
) -> None:
    raw.batch(values[:400])
    build("--full-refresh")
    assert disagreements() == []


def test_late_repeated_and_replayed_batches_end_as_the_oracle_says(
    raw: Raw, values: list[bytes | None]
) -> None:
    """Half of the values come again, earlier than they came first; a range is replayed."""
    raw.batch(values[400:])
    raw.batch(values[:200], minutes=-30)
    raw.replay(partition=1, start=20, end=60)
    before = current()
    with readers() as seen:
        build()
    after = current()
    assert not seen.errors, seen.errors[:3]
    assert seen.reads >= 8
    for sql in READS:
        assert seen.seen[sql] <= before[sql] | after[sql], sql
        assert before[sql] != after[sql], sql
    assert disagreements() == []
    statuses = {
        status for (status,) in query("select distinct status from operations.reconciliation")
    }
    assert statuses == {"not in the ledger"}
    assert len(query("select * from operations.schema_drift")) >= 4
    reasons = query("select reason from operations.rejections_by_reason where messages = 0")
    assert reasons == [], "each reason occurs"


def test_the_same_again_changes_no_row(raw: Raw) -> None:
    before = content(tables())
    said = build()
    assert content(tables()) == before
    assert "readers see everything up to batch" in said and "[unchanged in" in said


def test_a_full_refresh_gives_what_the_batches_gave_and_no_reader_notices(raw: Raw) -> None:
    before, answers = content(tables()), current()
    with readers() as seen:
        build("--full-refresh")
    after = content(tables())
    assert {n: after[n] for n in after if after[n] != before[n]} == {}
    assert not seen.errors, seen.errors[:3]
    assert seen.seen == answers
    assert seen.reads >= 8


def test_earlier_builds_are_forgotten_and_no_reader_notices(raw: Raw) -> None:
    before, answers = content(tables()), current()
    [(snapshots,)] = query("select count(*) from audit.answers.snapshots")
    assert snapshots >= 3
    assert "deleted 0 files" in dbt("run-operation", "expire")
    with readers() as seen:
        said = dbt("run-operation", "expire", "--args", "{days: 0}")
    assert "deleted" in said and "deleted 0 files" not in said
    assert query("select count(*) from audit.answers.snapshots") == [(1,)]
    assert not seen.errors, seen.errors[:3]
    assert seen.seen == answers
    assert content(tables()) == before


def test_nothing_depends_on_the_session(raw: Raw, tmp_path: Path) -> None:
    """Each model's query gives the same rows with ANSI on, far from UTC, in other partitions."""
    dbt("compile", "--full-refresh", "--target-path", str(tmp_path))
    compiled = {
        node["alias"]: f"({node['compiled_code']}) as compiled"
        for node in json.loads((tmp_path / "manifest.json").read_text())["nodes"].values()
        if node["resource_type"] == "model" and node["alias"] in tables()
    }
    assert len(compiled) > 40
    found = content(compiled, **STRANGE)
    assert found == content({name: tables()[name] for name in compiled})


def test_bad_data_never_reaches_readers_and_the_reason_is_in_plain_words(
    raw: Raw, values: list[bytes | None]
) -> None:
    before, answers = content(tables()), current()
    bad = raw.next_offset[0]
    raw.batch(values[:30], minutes=-60)
    raw.double(partition=0, offset=bad)
    with readers() as seen:
        said = build(expect=1)
    assert "Nothing was published" in said
    published = {n: f for n, f in content(tables()).items() if n in before}
    views = {n for n in published if tables()[n].startswith("staging.")}
    assert {n: published[n] for n in published if n not in views} == {
        n: before[n] for n in before if n not in views
    }
    assert not seen.errors, seen.errors[:3]
    assert seen.seen == answers
    failures = rows("select * from operations.audit_failures where severity = 'error'")
    assert {row["rule"] for row in failures} >= {"one row per topic, topic_id, partition, offset"}
    assert any(f'"partition":0,"offset":{bad}' in row["failing_row"] for row in failures)
    # Part of the models cannot be published past what failed.
    assert "Nothing was published" in build("--select", "freshness")
    assert content(tables())["freshness"] == before["freshness"]


def test_once_the_bad_record_is_gone_all_is_published_again(raw: Raw) -> None:
    """What came with it, and what the failed build had already taken, is there too."""
    [(partition, offset)] = query(
        "select partition, offset from raw.assess group by all having count(*) > 1"
    )
    raw.replay(partition, offset, offset + 1)
    build()
    assert disagreements() == []
    assert query(ERRORS) == [(0,)]


def test_a_row_that_is_doubled_after_its_batch_was_built_is_noticed(raw: Raw) -> None:
    """The raw table's own test looks only at batches that are new to the build."""
    raw.double(partition=2, offset=7)
    build("--select", "reconciliation", expect=1)
    rules = {row["rule"] for row in rows("select rule from operations.audit_failures")}
    raw.replay(partition=2, start=7, end=8)
    assert "staged and rejected rows are the raw rows" in rules


def test_batches_that_come_during_a_build_are_of_the_next(
    raw: Raw, values: list[bytes | None]
) -> None:
    first = raw.batch_id
    with arriving(raw, values):
        build("--full-refresh")
    assert raw.batch_id >= first + 4
    assert query(ERRORS) == [(0,)]


def test_what_was_published_is_audited_by_dbt_test_and_put_right_by_a_build(raw: Raw) -> None:
    """A build looks at what it adds to what is published; `dbt test` looks at everything."""
    query("update audit.flat_questions set question_position = 0 where question_position = 2")
    said = dbt("test", "--select", "flat_questions_is_sound", expect=1)
    assert "FAIL" in said
    rules = {row["rule"] for row in rows("select rule from operations.audit_failures")}
    assert "positions count from 1" in rules
    build()
    assert disagreements() == []


def test_what_another_hand_took_from_the_raw_table_is_noticed(raw: Raw) -> None:
    """Ingest never loses a row; where one is lost, `dbt test` says so."""
    query("delete from raw.assess where partition = 0 and offset = 3")
    dbt("test", "--select", "every_record_is_staged_or_rejected", expect=1)
    build("--full-refresh")
    assert disagreements() == []


def test_stale_relations_are_dropped_only_when_asked_and_only_ours(raw: Raw) -> None:
    record = "1 abc123def456 abcdef12"
    session(
        f"set `spark.sql.iceberg.snapshot-property.assay.build` = {record}",
        "create table audit.of_no_model using iceberg as select 1 as one",
        f"create view core.of_no_model tblproperties ('assay.build' = '{record}') "
        "as select * from audit.of_no_model",
    )
    query("create or replace table audit.of_somebody using iceberg as select 1 as one")
    query("create or replace view core.of_somebody as select 1 as one")
    said = dbt("run-operation", "drop_stale_relations")
    assert "stale: view core.of_no_model" in said and "stale: table audit.of_no_model" in said
    assert "2 stale relations" in said
    for wrong in ('{drop: "false"}', "{drop: 1}", "{drop: [true]}"):
        said = dbt("run-operation", "drop_stale_relations", "--args", wrong, expect=1)
        assert "has to be true or false" in said
    assert "2 stale" in dbt("run-operation", "drop_stale_relations")
    said = dbt("run-operation", "drop_stale_relations", "--args", "{drop: true}")
    assert "dropped view core.of_no_model" in said
    assert "0 stale" in dbt("run-operation", "drop_stale_relations")
    assert query("select * from audit.of_somebody") == [(1,)]
    assert query("select * from core.of_somebody") == [(1,)]


def test_variables_move_the_pass_mark_and_the_moment(raw: Raw) -> None:
    marks = "select attempts, pass_mark from questions.below_pass_mark"
    [(before, mark)] = query(marks)
    assert mark == 0.7
    build(
        "--select",
        "below_pass_mark",
        "freshness",
        "--vars",
        "{pass_mark: 0.3, as_of: '2020-01-01T00:00:00Z'}",
    )
    [(after, mark)] = query(marks)
    assert mark == 0.3 and 0 < after < before
    assert query("select count(*) from core.fct_attempts where score < 0.3") == [(after,)]
    assert query("select distinct unix_seconds(as_of) from operations.freshness") == [(1577836800,)]
