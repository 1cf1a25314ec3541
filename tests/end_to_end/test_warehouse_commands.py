"""Every command of dbt as a user types it, in each state of the warehouse.

The tests follow one another: no table, new, built, a batch that waits, a build that failed. After
each command readers see either what they saw before, or the whole of the newest batch.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyhive import hive

from stack.settings import HOST, ROOT, Settings
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import relations
from tests.end_to_end.raw_batches import Raw, emptied
from tests.end_to_end.warehouse import build, dbt, disagreements

pytestmark = pytest.mark.services

SCHEMAS = ("audit", "staging", "flattened", "core", "questions", "operations", "reference")
ANSWERS = "select position, answer_messages, answer_attempts from questions.answers"
# By command: the exit code in a built warehouse, and what is said where it refuses.
READING = {
    ("parse",): (0, ""),
    ("ls", "--quiet"): (0, ""),
    ("compile", "--quiet"): (0, ""),
    ("show", "--select", "fct_attempts"): (0, "attempt_id"),
    ("docs", "generate"): (0, "Catalog written"),
    ("seed",): (0, "Nothing to do"),
    ("source", "freshness"): (1, "ERROR STALE freshness of raw.assess"),
    ("run", "--sample", "3 days"): (0, "Nothing is new"),
    ("test", "--select", "answers", "--fail-fast"): (0, "Nothing is new"),
    ("run-operation", "drop_stale_relations"): (0, "0 stale relations"),
    ("run", "--empty"): (2, "--empty would replace the tables by empty ones"),
    ("build", "--vars", "{passmark: 0.8}"): (2, "there is no variable passmark"),
    ("build", "--vars", "{pass_mark: 70}"): (
        2,
        "pass_mark is 70, and has to be a number from 0 to 1",
    ),
    ("run", "--vars", "{as_of: yesterday}"): (2, "has to be an ISO moment in UTC"),
    ("compile", "--vars", "{pass_mark: '0.8'}"): (2, "has to be a number from 0 to 1"),
    ("run-operation", "expire", "--args", "{days: -1}"): (1, "has to be a whole number from 0"),
}


@pytest.fixture(scope="module")
def raw(stack: Settings) -> Iterator[Raw]:
    """An empty raw table, and no schema of dbt's."""
    with emptied(stack) as table:
        for schema in SCHEMAS:
            query(f"drop schema if exists {schema} cascade")
        yield table


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(200)


def published() -> list[tuple[object, ...]]:
    return sorted(query(ANSWERS))


def test_without_a_raw_table_a_build_says_what_to_do(raw: Raw) -> None:
    environment = {"ASSAY_TOPIC": "another.Topic"}
    said = dbt("run", expect=2, **environment)
    assert "there is no table raw.another_topic" in said and "python -m ingest run" in said
    assert "nothing to test" in dbt("test", expect=2)


def test_an_empty_topic_is_built_and_published(raw: Raw) -> None:
    assert "readers see everything" in build()
    assert disagreements() == []


def test_in_a_new_warehouse_run_and_test_publish(raw: Raw, values: list[bytes | None]) -> None:
    """As typed: `dbt run`, `dbt test`, then a query with PyHive and with beeline."""
    for schema in SCHEMAS:
        query(f"drop schema if exists {schema} cascade")
    raw.batch(values[:90])
    said = dbt("run")
    assert "tables wait" in said and "`dbt test` audits and publishes them" in said
    assert ("core",) not in query("show schemas")
    said = dbt("test")
    assert "readers see everything up to batch 1" in said
    assert disagreements() == []
    assert "most_common_course" in beeline("select question_id from questions.answers")


def test_reading_commands_work_or_refuse_in_a_sentence(raw: Raw, tmp_path: Path) -> None:
    before = published()
    for command, (code, sentence) in READING.items():
        begun = time.monotonic()
        said = dbt(*command, expect=code)
        print(f"{time.monotonic() - begun:6.1f} s  dbt {' '.join(command)}")
        assert sentence in said, command
    assert published() == before
    assert "unchanged" in dbt("run", "--threads", "1", "--select", "fct_attempts")


def test_the_catalog_has_every_model_and_source(raw: Raw) -> None:
    target = Path(os.environ["DBT_TARGET_PATH"])
    catalog = json.loads((target / "catalog.json").read_text())
    manifest = json.loads((target / "manifest.json").read_text())
    for node in relations():
        columns = catalog["nodes"][node["unique_id"]]["columns"]
        assert list(columns) == list(node["columns"]), node["name"]
        assert manifest["nodes"][node["unique_id"]]["description"]
    assert set(catalog["sources"]) == set(manifest["sources"])


def test_a_waiting_batch_is_published_by_run_and_test(raw: Raw, values: list[bytes | None]) -> None:
    before = published()
    raw.batch(values[90:150])
    assert "tables wait" in dbt("run")
    assert published() == before
    dbt("compile", "--quiet")
    dbt("show", "--select", "fct_attempts")
    # A test of one model cannot publish the rest, and says what waits.
    said = dbt("test", "--select", "base_assess__messages", "--exclude", "test_type:unit")
    assert "tables wait" in said
    assert "readers see everything up to batch 2" in dbt("test")
    assert published() != before
    assert disagreements() == []


def test_after_a_failed_build_retry_publishes(raw: Raw, values: list[bytes | None]) -> None:
    """The rest of the build is done by `dbt retry`, once what failed is put right."""
    before = published()
    raw.batch(values[150:180])
    raw.double(partition=0, offset=raw.next_offset[0] - 1)
    said = build(expect=1)
    assert "Nothing was published" in said and "one row per" not in said
    assert published() == before
    dbt("compile", "--quiet")
    dbt("docs", "generate")
    offset = raw.next_offset[0] - 1
    raw.replay(0, offset, offset + 1)
    # The batch that puts it right has to be taken in first: by hand, or by a build.
    dbt("run", "--select", "base_assess__messages")
    said = dbt("retry")
    assert "Nothing was published" not in said
    build()
    assert disagreements() == []


def test_a_part_is_published_where_the_rest_is_there(raw: Raw) -> None:
    assert "Published 1 tables" in build(
        "--select", "below_pass_mark", "--vars", "{pass_mark: 0.4}"
    )
    assert query("select distinct pass_mark from questions.below_pass_mark") == [(0.4,)]
    said = build("--select", "below_pass_mark+", "--fail-fast", "--threads", "1")
    assert "readers see everything" in said
    assert query("select distinct pass_mark from questions.below_pass_mark") == [(0.7,)]


def test_state_and_defer_work_and_clone_is_refused(raw: Raw, tmp_path: Path) -> None:
    before = published()
    state = tmp_path / "state"
    state.mkdir()
    manifest = Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json"
    (state / "manifest.json").write_bytes(manifest.read_bytes())
    said = build("--select", "state:modified+", "--defer", "--state", str(state))
    assert "Nothing to do" in said or "readers see everything" in said
    assert "nothing to clone" in dbt("clone", "--state", str(state), "--full-refresh", expect=1)
    assert published() == before


def test_a_changed_table_is_set_back_and_a_changed_variable_noticed(raw: Raw) -> None:
    query("delete from audit.fct_attempts where message_count >= 1")
    said = build()
    assert "fct_attempts was changed by something else than a finished build" in said
    assert disagreements() == []
    said = build("--vars", "{longest_duration_seconds: 60}")
    assert "fct_attempts is built whole" in said
    assert query("select max(duration_seconds) <= 60 from core.fct_attempts") == [(True,)]
    build()
    assert disagreements() == []


def test_of_two_builds_at_once_the_second_is_refused(raw: Raw) -> None:
    first = start("build", "--full-refresh")
    wait_until_locked()
    said = dbt("build", expect=2)
    assert "the warehouse is in use by" in said and "since" in said and "dbt build in" in said
    out, _ = first.communicate(timeout=600)
    assert first.returncode == 0, out[-3000:]
    assert "Nothing was published" not in out


def test_a_killed_build_leaves_no_lock_that_stays(raw: Raw) -> None:
    killed = start("build", "--full-refresh")
    wait_until_locked()
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=30)
    said = dbt("build", expect=2)
    assert "dbt run-operation release_lock" in said
    time.sleep(31)
    build("--vars", "{lock_timeout_seconds: 30}")
    assert disagreements() == []
    assert "free" in dbt("run-operation", "release_lock")


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_locked() -> None:
    for _ in range(120):
        if query("select count(*) from audit.build_lock") != [(0,)]:
            return
        time.sleep(0.5)
    raise AssertionError("no build took the lock in a minute")


def beeline(sql: str) -> str:
    """Ask as `python -m stack sql` does, and by PyHive."""
    with closing(hive.connect(HOST, port=Settings().thrift_port)) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        rows = [str(row[0]) for row in cursor.fetchall()]
    result = subprocess.run(
        [sys.executable, "-m", "stack", "sql", "-e", sql],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert all(row in result.stdout for row in rows) and rows
    return result.stdout
