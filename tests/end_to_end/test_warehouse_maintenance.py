"""Maintenance of the tables that builds make, beside readers, ingest and other builds.

The tests follow one another on one raw table, in this order, with part of the project
(`small_project`).
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stack.settings import Settings
from tests.commands import run_module
from tests.end_to_end import strategies
from tests.end_to_end.conftest import query
from tests.end_to_end.project import Node
from tests.end_to_end.raw_batches import Raw, emptied
from tests.end_to_end.readers import current, readers
from tests.end_to_end.small_project import drop_schemas, small_project
from tests.end_to_end.statements import recorded
from tests.end_to_end.test_warehouse_commands import wait_until_locked
from tests.end_to_end.test_warehouse_repairs import arriving
from tests.end_to_end.warehouse import build, content, dbt, disagreements, seen_by_readers

pytestmark = [pytest.mark.services, pytest.mark.long]

WANTED = ("below_pass_mark", "fct_responses", "rejections_by_reason")
READS = (
    "select count(*), sum(message_count) from core.fct_attempts",
    "select count(*), sum(correct_selection_count) from core.fct_responses",
    "select attempts from questions.below_pass_mark",
)
# A table that grows with each build.
GROWING = "flat_questions"
BATCHES = 6


@pytest.fixture(scope="module", autouse=True)
def project(
    either_stack: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Node]]:
    with small_project(tmp_path_factory.mktemp("small"), WANTED) as models:
        yield models


@pytest.fixture(scope="module")
def tables(project: list[Node]) -> dict[str, str]:
    return seen_by_readers(project)


@pytest.fixture(scope="module")
def values() -> list[bytes | None]:
    return strategies.sample(300)


@pytest.fixture(scope="module")
def raw(either_stack: Settings, values: list[bytes | None]) -> Iterator[Raw]:
    """A raw table of batches that were built one by one; each touches attempts of those before."""
    with emptied(either_stack) as table:
        drop_schemas()
        for number in range(BATCHES):
            table.batch(values[number * 20 : number * 20 + 60])
            build()
        yield table


def maintain(*arguments: str, expect: int = 0) -> dict[str, int]:
    said = dbt("run-operation", "maintain", *arguments, expect=expect)
    return {what: int(count) for what, count in re.findall(r"  (\w[a-z ]+): (\d+)$", said, re.M)}


def data_files() -> int:
    [(count,)] = query(f"select count(*) from audit.{GROWING}.files")
    return int(count)


def properties(name: str) -> dict[str, str]:
    return dict(query(f"show tblproperties {name}"))


def writes(statements: list[str]) -> list[str]:
    """The statements that change a table or a view, but for the lock."""
    changing = re.compile(r"\s*(create|insert|delete|call|alter)\b", re.I)
    return [sql for sql in statements if changing.match(sql) and "build_lock" not in sql]


def test_tables_are_compacted_and_the_next_build_has_nothing_to_do(
    either_stack: Settings, raw: Raw, tables: dict[str, str], project: list[Node]
) -> None:
    before, answers, count = content(tables), current(READS), data_files()
    published = properties(f"flattened.{GROWING}")
    with recorded(either_stack) as free:
        assert "Nothing is new" in build()
    with readers(READS) as seen:
        done = maintain()
    print(done)
    assert done["data files compacted"] >= count > 3 * data_files()
    assert done["files of old snapshots deleted"] == done["orphan files deleted"] == 0
    assert content(tables) == before
    assert not seen.errors and seen.seen == answers and seen.reads >= 4
    # The same rows, published at the same time, in another snapshot.
    now = properties(f"flattened.{GROWING}")
    assert now["assay.snapshot"] != published["assay.snapshot"]
    assert now["assay.published_at"] == published["assay.published_at"]

    with recorded(either_stack) as after:
        assert "Nothing is new" in build()
    assert writes(after) == [] and len(after) <= len(free) + 3
    assert maintain()["data files compacted"] == 0
    assert "Nothing is new" in dbt("test")
    assert disagreements({node["name"] for node in project}) == []


def test_the_next_batch_is_an_increment(
    raw: Raw, values: list[bytes | None], tables: dict[str, str], project: list[Node]
) -> None:
    raw.batch(values[100:160])
    said = build()
    assert "readers see everything up to batch" in said and "is built whole" not in said
    assert disagreements({node["name"] for node in project}) == []
    before = content(tables)
    assert maintain("--args", "{days: 0}")["files of old snapshots deleted"] > 0
    assert content(tables) == before
    assert "Nothing is new" in build()


def test_a_compaction_that_died_is_set_back(raw: Raw, tables: dict[str, str]) -> None:
    before = content(tables)
    query(
        f"call spark_catalog.system.rewrite_data_files(table => 'audit.{GROWING}', "
        "options => map('rewrite-all', 'true'))"
    )
    assert f"{GROWING} was changed by something else than a finished build" in build()
    assert content(tables) == before


def test_orphan_files_are_deleted_after_days(raw: Raw) -> None:
    folder = f"hdfs://assay/warehouse/audit.db/{GROWING}/data"
    for name, written in (("old", "20200101:000000"), ("new", "")):
        place = f"{folder}/{name}.parquet"
        hdfs = ["hdfs", "-touch", *(("-m", "-t", written) if written else ()), place]
        run_module("stack", *hdfs, expect=0, timeout=60, environment={})
    assert maintain()["orphan files deleted"] == 1
    said = run_module("stack", "hdfs", "-ls", folder, expect=0, timeout=60, environment={})
    assert "new.parquet" in said and "old.parquet" not in said


def test_old_metadata_is_not_kept(raw: Raw) -> None:
    for _ in range(25):
        query("alter table audit.passed_tests set tblproperties ('written' = 'again')")
    build("--full-refresh")  # replaces tables, and keeps their properties
    for name in ("passed_tests", GROWING, "below_pass_mark", "build_lock"):
        assert properties(f"audit.{name}")["write.metadata.previous-versions-max"] == "20"
    [(count,)] = query("select count(*) from audit.passed_tests.metadata_log_entries")
    assert count <= 21


def test_beside_a_build_it_is_refused_and_so_is_a_build_beside_it(
    raw: Raw, values: list[bytes | None], project: list[Node]
) -> None:
    with arriving(raw, values), ThreadPoolExecutor() as other:
        first = other.submit(build, "--full-refresh")
        wait_until_locked()
        said = dbt("run-operation", "maintain", expect=1)
        assert "the warehouse is in use by" in said and "dbt build in" in said
        assert "readers see everything" in first.result()
        second = other.submit(maintain)
        wait_until_locked()
        assert "dbt run-operation in" in dbt("build", expect=2)
        second.result()
    build()
    assert disagreements({node["name"] for node in project}) == []
