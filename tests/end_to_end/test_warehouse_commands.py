"""Every command of dbt as a user types it, in each state of the warehouse.

The tests follow one another: no table, new, built, a batch that waits, a build that failed. After
each command readers see either what they saw before, or the whole of the newest batch. All commands
are given a part of the project (`small_project`).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyhive import hive

from stack.settings import HOST, ROOT, Settings
from tests import forked
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import Node
from tests.end_to_end.raw_batches import Raw, emptied
from tests.end_to_end.small_project import drop_schemas, small_project
from tests.end_to_end.warehouse import dbt, disagreements

pytestmark = pytest.mark.services

WANTED = ("below_pass_mark", "dim_courses", "rejections_by_reason")
ANSWER = "select * from questions.below_pass_mark"
# By command: the exit code in a built warehouse, and what is said where it refuses.
READING = {
    ("parse",): (0, ""),
    ("ls", "--quiet"): (0, ""),
    ("compile", "--quiet"): (0, ""),
    ("show", "--select", "fct_attempts"): (0, "attempt_id"),
    ("docs", "generate"): (0, "Catalog written"),
    ("seed",): (0, "Nothing to do"),
    ("source", "freshness"): (1, "ERROR STALE freshness of raw.assess"),
    ("run-operation", "drop_stale_relations"): (0, "0 stale relations"),
    ("run", "--empty"): (2, "--empty would replace the tables by empty ones"),
    ("build", "--vars", "{passmark: 0.8}"): (2, "there is no variable passmark"),
    ("build", "--vars", "{pass_mark: 70}"): (
        2,
        "pass_mark is 70, and has to be a number from 0 to 1",
    ),
    ("run", "--vars", "{as_of: yesterday}"): (2, "has to be an ISO timestamp in UTC"),
    ("compile", "--vars", "{pass_mark: '0.8'}"): (2, "has to be a number from 0 to 1"),
    ("run-operation", "maintain", "--args", "{days: -1}"): (1, "has to be a whole number from 0"),
}
NOTHING_NEW = {
    ("run", "--sample", "3 days"): "Nothing is new",
    ("test", "--select", "below_pass_mark", "--fail-fast"): "Nothing is new",
    ("run", "--threads", "1", "--select", "fct_attempts"): "unchanged",
    ("run-operation", "release_lock"): "the lock of the warehouse is free",
}


@pytest.fixture(scope="module", autouse=True)
def project(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """The models of the project that these commands are given."""
    with small_project(tmp_path_factory.mktemp("small"), WANTED) as models:
        yield models


@pytest.fixture(scope="module")
def raw(stack: Settings) -> Iterator[Raw]:
    """An empty raw table, and no schema of dbt's."""
    with emptied(stack) as table:
        drop_schemas()
        yield table


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(200)


def published() -> list[tuple[object, ...]]:
    return sorted(query(ANSWER))


def names(models: list[Node]) -> set[str]:
    return {node["name"] for node in models}


def timed(*command: str, **options: Any) -> str:
    """What dbt says, with the time that it took in the test's output."""
    begun = time.monotonic()
    said = dbt(*command, **options)
    print(f"{time.monotonic() - begun:6.1f} s  dbt {' '.join(command)}")
    return said


def test_without_a_raw_table_a_build_says_what_to_do(raw: Raw) -> None:
    environment = {"ASSAY_TOPIC": "another.Topic"}
    said = timed("run", expect=2, **environment)
    assert "there is no table raw.another_topic" in said and "python -m ingest run" in said
    assert "nothing to test" in timed("test", expect=2)


def test_an_empty_topic_is_built_and_published(raw: Raw, project: list[Node]) -> None:
    assert "readers see everything" in timed("build")
    assert disagreements(names(project)) == []


def test_in_a_new_warehouse_run_and_test_publish(
    raw: Raw, project: list[Node], values: list[bytes | None]
) -> None:
    """As typed: `dbt run`, `dbt test`, then a query with PyHive and with beeline."""
    drop_schemas()
    raw.batch(values[:90])
    said = timed("run")
    assert "tables wait" in said and "`dbt test` audits and publishes them" in said
    assert ("core",) not in query("show schemas")
    said = timed("test")
    assert "readers see everything up to batch 1" in said
    assert disagreements(names(project)) == []
    assert "0.7" in beeline("select pass_mark from questions.below_pass_mark")


def test_a_waiting_batch_is_published_by_run_and_test(
    raw: Raw, project: list[Node], values: list[bytes | None]
) -> None:
    before = published()
    raw.batch(values[90:150])
    assert "tables wait" in timed("run")
    assert published() == before
    timed("compile", "--quiet")
    timed("show", "--select", "fct_attempts")
    # A test of one model cannot publish the rest, and says what waits.
    said = timed("test", "--select", "base_assess__messages", "--exclude", "test_type:unit")
    assert "tables wait" in said
    assert "readers see everything up to batch 2" in timed("test")
    assert published() != before
    assert disagreements(names(project)) == []


def test_after_a_failed_build_retry_publishes(
    raw: Raw, project: list[Node], values: list[bytes | None]
) -> None:
    """The rest of the build is done by `dbt retry`, once what broke its contract is put right."""
    before = published()
    raw.batch(values[150:180])
    model = Path(os.environ["DBT_PROJECT_DIR"]) / "models" / "marts" / "core" / "dim_courses.sql"
    good = model.read_text()
    count = "count(distinct base_exam_id)"
    assert count in good
    model.write_text(good.replace(count, f"cast({count} as int)"))
    said = timed("build", expect=1)
    assert "exam_count" in said and "data type mismatch" in said and "tables wait" in said
    assert published() == before
    # Beside the build's own results, which are what `dbt retry` goes by.
    other = {"DBT_TARGET_PATH": os.environ["DBT_TARGET_PATH"] + "-other"}
    timed("compile", "--quiet", **other)
    timed("docs", "generate", **other)
    model.write_text(good)
    assert "readers see everything up to batch 3" in timed("retry")
    assert published() != before
    # What fails where all is published is not called "nothing new".
    model.write_text(good.replace(count, f"cast({count} as int)"))
    assert "run again what failed" in timed("run", "--select", "dim_courses", expect=1, **other)
    model.write_text(good)
    assert disagreements(names(project)) == []


def test_a_part_is_published_where_the_rest_is_there(raw: Raw) -> None:
    part = ("build", "--select", "below_pass_mark+", "--fail-fast", "--threads", "1")
    assert "Published 1 tables" in timed(*part, "--vars", "{pass_mark: 0.4}")
    assert query("select distinct pass_mark from questions.below_pass_mark") == [(0.4,)]
    assert "readers see everything" in timed(*part)
    assert query("select distinct pass_mark from questions.below_pass_mark") == [(0.7,)]


def test_state_and_defer_work_and_clone_is_refused(raw: Raw, tmp_path: Path) -> None:
    before = published()
    manifest = Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json"
    (tmp_path / "manifest.json").write_bytes(manifest.read_bytes())
    state = ("--state", str(tmp_path))
    said = timed("build", "--select", "state:modified+", "--defer", *state)
    assert "Nothing to do" in said or "readers see everything" in said
    assert "nothing to clone" in timed("clone", *state, "--full-refresh", expect=1)
    assert published() == before


def test_a_slim_run_publishes_what_has_changed_without_a_new_batch(
    raw: Raw, project: list[Node], values: list[bytes | None], tmp_path: Path
) -> None:
    """What docs/deploy.md says of slim runs."""
    before = published()
    timed("parse", "--target-path", str(tmp_path))
    raw.batch(values[180:])
    folder = Path(os.environ["DBT_PROJECT_DIR"]) / "models" / "marts" / "questions"
    model = folder / "below_pass_mark.sql"
    good = model.read_text()
    model.write_text(f"{good}-- changed\n")
    said = timed("build", "--select", "state:modified+", "--defer", "--state", str(tmp_path))
    assert "Published 1 tables: readers see everything up to batch 3" in said
    assert "below_pass_mark" in said and "fct_attempts " not in said
    assert published() == before
    model.write_text(good)
    assert "readers see everything up to batch 4" in timed("build")
    assert disagreements(names(project)) == []


def test_a_changed_table_is_set_back_and_a_changed_variable_noticed(
    raw: Raw, project: list[Node]
) -> None:
    query("delete from audit.fct_attempts where message_count >= 1")
    said = timed("build", "--vars", "{max_duration_seconds: 60}")
    assert "fct_attempts was changed by something else than a finished build" in said
    assert "fct_attempts is built whole" in said
    assert query("select max(duration_seconds) <= 60 from core.fct_attempts") == [(True,)]


def test_of_two_builds_at_once_the_second_is_refused(raw: Raw, project: list[Node]) -> None:
    with ThreadPoolExecutor() as other:
        first = other.submit(timed, "build", "--full-refresh", "--select", "fct_attempts+")
        wait_until_locked()
        said = timed("build", expect=2)
        assert "readers see everything" in first.result()
    assert "the warehouse is in use by" in said and "since" in said and "dbt build in" in said
    assert disagreements(names(project)) == []


@pytest.fixture(scope="module")
def killed(raw: Raw) -> float:
    """When a build was killed."""
    process, output = forked.start("dbt", "build", "--full-refresh")
    with output:
        wait_until_locked()
        process.kill()
        process.join(timeout=30)
    assert process.exitcode == -signal.SIGKILL
    return time.monotonic()


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_command_works_or_refuses_in_a_sentence(killed: float, command: tuple[str, ...]) -> None:
    """In a built warehouse where a build was killed: these need no lock."""
    before = published()
    code, sentence = READING[command]
    assert sentence in timed(*command, expect=code)
    assert published() == before


def test_the_catalog_has_every_model_and_source(killed: float, project: list[Node]) -> None:
    target = Path(os.environ["DBT_TARGET_PATH"])
    catalog = json.loads((target / "catalog.json").read_text())
    manifest = json.loads((target / "manifest.json").read_text())
    for node in project:
        columns = catalog["nodes"][node["unique_id"]]["columns"]
        assert list(columns) == list(node["columns"]), node["name"]
        assert manifest["nodes"][node["unique_id"]]["description"]
    assert set(catalog["sources"]) == set(manifest["sources"])


def test_a_killed_build_leaves_no_lock_that_stays(killed: float, project: list[Node]) -> None:
    assert "dbt run-operation release_lock" in timed("build", expect=2)
    time.sleep(max(0, 31 - (time.monotonic() - killed)))
    assert "readers see everything" in timed("build", "--vars", "{lock_timeout_seconds: 30}")
    assert disagreements(names(project)) == []


@pytest.mark.parametrize("command", NOTHING_NEW, ids=" ".join)
def test_a_command_finds_nothing_new(killed: float, command: tuple[str, ...]) -> None:
    before = published()
    assert NOTHING_NEW[command] in timed(*command)
    assert published() == before


def wait_until_locked() -> None:
    for _ in range(300):
        if query("select count(*) from audit.build_lock") != [(0,)]:
            return
        time.sleep(0.2)
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
