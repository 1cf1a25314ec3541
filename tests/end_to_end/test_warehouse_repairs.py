"""What builds do with bad data, with what another hand changed, and with what nobody wants now.

The tests follow one another on one raw table, in this order, with part of the project
(`small_project`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stack.settings import Settings
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import Node
from tests.end_to_end.raw_batches import PARTITIONS, Raw, emptied
from tests.end_to_end.readers import current, readers
from tests.end_to_end.small_project import drop_schemas, small_project
from tests.end_to_end.warehouse import (
    build,
    content,
    dbt,
    disagreements,
    rows,
    seen_by_readers,
    session,
)

pytestmark = pytest.mark.services

WANTED = (
    *("audit_failures", "below_pass_mark", "fct_responses", "freshness"),
    *("reconciliation", "rejections_by_reason"),
)
READS = (
    "select count(*), sum(message_count) from core.fct_attempts",
    "select count(*), sum(correct_selection_count) from core.fct_responses",
    "select attempts from questions.below_pass_mark",
)
ERRORS = "select count(*) from operations.audit_failures where severity = 'error'"


@pytest.fixture(scope="module", autouse=True)
def project(
    either_stack: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Node]]:
    """The models of the project that these builds are given."""
    with small_project(tmp_path_factory.mktemp("small"), WANTED) as models:
        yield models


@pytest.fixture(scope="module")
def models(project: list[Node]) -> set[str]:
    return {node["name"] for node in project}


@pytest.fixture(scope="module")
def tables(project: list[Node]) -> dict[str, str]:
    return seen_by_readers(project)


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(500)


@pytest.fixture(scope="module")
def raw(either_stack: Settings, values: list[bytes | None]) -> Iterator[Raw]:
    """A raw table of two batches, both built."""
    with emptied(either_stack) as table:
        drop_schemas()
        for some in (values[:400], values[400:]):
            table.batch(some)
            build()
        yield table


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


def test_earlier_builds_are_forgotten_and_no_reader_notices(
    raw: Raw, tables: dict[str, str]
) -> None:
    before, answers = content(tables), current(READS)
    [(snapshots,)] = query("select count(*) from audit.fct_attempts.snapshots")
    assert snapshots >= 2
    assert "files of old snapshots deleted: 0" in dbt("run-operation", "maintain")
    with readers(READS) as seen:
        said = dbt("run-operation", "maintain", "--args", "{days: 0}")
    assert "files of old snapshots deleted" in said and "snapshots deleted: 0" not in said
    assert query("select count(*) from audit.fct_attempts.snapshots") == [(1,)]
    assert not seen.errors, seen.errors[:3]
    assert seen.seen == answers
    assert content(tables) == before
    assert "Nothing is new" in build()


def test_bad_data_never_reaches_readers_and_the_reason_is_in_plain_words(
    raw: Raw, tables: dict[str, str], values: list[bytes | None]
) -> None:
    before, answers = content(tables), current(READS)
    bad = raw.next_offset[0]
    raw.batch(values[:30], minutes=-60)
    raw.double(partition=0, offset=bad)
    with readers(READS) as seen:
        said = build(expect=1)
    assert "Nothing was published" in said
    published = {n: f for n, f in content(tables).items() if n in before}
    views = {n for n in published if tables[n].startswith("staging.")}
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
    assert content(tables)["freshness"] == before["freshness"]


def test_once_the_bad_record_is_gone_all_is_published_again(raw: Raw, models: set[str]) -> None:
    """What came with it, and what the failed build had already taken, is there too."""
    [(partition, offset)] = query(
        "select partition, offset from raw.assess group by all having count(*) > 1"
    )
    raw.replay(partition, offset, offset + 1)
    build()
    assert disagreements(models) == []
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


def test_what_was_published_is_audited_by_dbt_test_and_put_right_by_a_build(
    raw: Raw, models: set[str]
) -> None:
    """A build looks at what it adds to what is published; `dbt test` looks at everything."""
    query("update audit.flat_questions set question_position = 0 where question_position = 2")
    said = dbt("test", "--select", "flat_questions_row_checks", expect=1)
    assert "FAIL" in said
    rules = {row["rule"] for row in rows("select rule from operations.audit_failures")}
    assert "positions count from 1" in rules
    build()
    assert disagreements(models) == []


def test_what_another_hand_took_from_the_raw_table_is_noticed(raw: Raw, models: set[str]) -> None:
    """Ingest never loses a row; where one is lost, `dbt test` says so."""
    query("delete from raw.assess where partition = 0 and offset = 3")
    dbt("test", "--select", "every_record_is_staged_or_rejected", expect=1)
    build("--full-refresh")
    assert disagreements(models) == []


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
