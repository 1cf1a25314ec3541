"""The models on records made to break them, build after build, while readers read.

The tests follow one another on one raw table, in this order.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.settings import Settings
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import relations
from tests.end_to_end.raw_batches import Raw, emptied
from tests.end_to_end.readers import current, readers
from tests.end_to_end.warehouse import (
    STRANGE,
    build,
    content,
    dbt,
    differences,
    disagreements,
    seen_by_readers,
)

pytestmark = pytest.mark.services

READS = (
    "select count(*), sum(message_count) from core.fct_attempts",
    "select count(*), sum(correct_selection_count) from core.fct_responses",
    "select sum(messages), sum(attempts) from questions.course_popularity",
    "select answer_messages, answer_attempts from questions.answers where position = 4",
)


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(500)


@pytest.fixture(scope="module")
def raw(either_stack: Settings) -> Iterator[Raw]:
    """The raw table and its batch log, emptied: what the tests write is all there is."""
    with emptied(either_stack) as table:
        yield table


def tables() -> dict[str, str]:
    return seen_by_readers(relations())


def late_repeated_and_replayed(raw: Raw, values: list[bytes | None]) -> None:
    """Half of the values come again, earlier than they came first; a range is replayed."""
    raw.batch(values[400:])
    raw.batch(values[:200], minutes=-30)
    raw.replay(partition=1, start=20, end=60)


def test_odd_records_are_counted_as_the_oracle_counts_them(
    raw: Raw, values: list[bytes | None]
) -> None:
    raw.batch(values[:400])
    build("--full-refresh")
    assert disagreements() == []


def test_late_repeated_and_replayed_batches_end_as_the_oracle_says(
    raw: Raw, values: list[bytes | None]
) -> None:
    late_repeated_and_replayed(raw, values)
    before = current(READS)
    with readers(READS) as seen:
        build()
    after = current(READS)
    assert not seen.errors, seen.errors[:3]
    assert seen.reads >= 8
    for sql in READS:
        assert seen.seen[sql] <= before[sql] | after[sql], sql
        assert before[sql] != after[sql], sql
    assert disagreements() == []
    statuses = {
        status for (status,) in query("select distinct status from operations.reconciliation")
    }
    assert statuses == {"not in the batch log"}
    assert len(query("select * from operations.schema_drift")) >= 4
    reasons = query("select reason from operations.rejections_by_reason where messages = 0")
    assert reasons == [], "each reason occurs"


def test_the_same_again_changes_no_row(raw: Raw) -> None:
    before = content(tables())
    said = build()
    assert content(tables()) == before
    assert "readers see everything up to batch" in said and "[unchanged in" in said


@pytest.mark.long
def test_a_full_refresh_gives_what_the_batches_gave_and_no_reader_notices(
    raw: Raw, values: list[bytes | None]
) -> None:
    raw.batch(values[:400])
    build("--full-refresh")
    late_repeated_and_replayed(raw, values)
    build()
    before, answers = content(tables()), current(READS)
    with readers(READS) as seen:
        build("--full-refresh")
    assert differences(before, content(tables())) == {}
    assert not seen.errors, seen.errors[:3]
    assert seen.seen == answers
    assert seen.reads >= 8


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
