"""The metastore's database is lost, and HDFS has all files: the drill of docs/operations.md.

The tests follow one another on services of their own, because every table is lost.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingest import commit
from ingest import run as ingest_run
from ingest.plan import BatchLimits
from ingest.settings import Settings as IngestSettings
from stack.settings import Settings
from tests.commands import run_module
from tests.conftest import STATE, own_stack
from tests.end_to_end.conftest import PUBLISHED, answers, demo
from tests.end_to_end.project import relations
from tests.end_to_end.warehouse import content, dbt, differences, seen_by_readers
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.job import settle
from tests.ingest.faults.oracle import Oracle
from tests.ingest.harness import ingest

pytestmark = [pytest.mark.services, pytest.mark.long]

TWIN = "raw.twin"


@pytest.fixture(scope="module")
def alone() -> Iterator[Settings]:
    with own_stack(STATE.with_name(f"{STATE.name}-restore")) as settings:
        yield settings


@pytest.fixture(scope="module")
def kafka(alone: Settings) -> str:
    return os.environ["ASSAY_KAFKA"]


def lose_metastore(settings: Settings) -> None:
    services.kill(settings, "spark")
    shutil.rmtree(settings.state / "metastore")
    services.heal(settings)


def hdfs(*arguments: str) -> str:
    return run_module("stack", "hdfs", *arguments, expect=0, timeout=60, environment={})


def metadata_file(table: str) -> str:
    [(path,)] = thrift.sql(
        f"select file from {table}.metadata_log_entries order by timestamp desc limit 1"
    )
    return str(path)


@contextmanager
def twin(table: str) -> Iterator[None]:
    """Register the files of a raw table a second time, as a table that is then forgotten.

    A commit to it leaves what a job leaves that is killed between the write of the metadata file
    and the commit in the metastore.
    """
    thrift.sql(
        f"call spark_catalog.system.register_table(table => '{TWIN}', "
        f"metadata_file => '{metadata_file(table)}')"
    )
    yield
    thrift.sql(f"drop table {TWIN}")


def commit_to_twin(topic: str) -> set[str]:
    """Commit a batch to the twin only; returns its data files."""
    before = files(TWIN)
    with ingest_run.opened(IngestSettings(topic=topic, table=TWIN), read_only=True) as job:
        plan = job.plan(BatchLimits(), job.state)
        batch = ingest_run.next_batch(plan, plan.ranges)
        commit.commit(job.read(plan, plan.ranges), TWIN, plan.state, batch)
    return files(TWIN) - before


def files(table: str) -> set[str]:
    return {path for (path,) in thrift.sql(f"select file_path from {table}.files")}


def test_without_tables_there_is_nothing_to_restore(alone: Settings) -> None:
    assert "there is no raw table in hdfs://assay/warehouse" in ingest("restore", expect=31)


def test_after_a_restore_and_a_build_the_answers_are_equal(alone: Settings, kafka: str) -> None:
    demo()
    tables = seen_by_readers(relations())
    before, snapshots = content(tables), thrift.snapshots("assess")
    lose_metastore(alone)

    # Ingest does not begin again beside the files of the lost table.
    assert "the metastore does not know raw.assess" in ingest("run", expect=33)
    said = ingest("restore", "--dry-run")
    assert "would register raw.assess with 3,280 rows, up to batch 1" in said
    assert "would register raw.ingest_batches with 3 rows" in said
    assert not thrift.exists("raw.assess")

    thrift.sql("create database assay_restore")  # as a restore that is killed leaves it
    assert "another restore is running" in ingest("restore", expect=19)
    thrift.sql("drop database assay_restore")
    assert "registered raw.assess with 3,280 rows" in ingest("restore")
    said = ingest("restore")
    assert "raw.assess is registered already" in said and "rows" not in said
    assert thrift.snapshots("assess") == snapshots

    assert "nothing new" in ingest("run")
    assert "readers see everything up to batch 1" in dbt("build")
    assert answers() == PUBLISHED
    assert differences(before, content(tables)) == {}

    oracle = Oracle(kafka, "assess")
    kafka_actions.fill(kafka, "assess", 5)
    assert "batch 2: 15 messages" in ingest("run")
    oracle.assert_right()
    settle("assess")


def test_what_was_committed_is_restored_and_nothing_is_read_twice(
    alone: Settings, kafka: str
) -> None:
    topics = ("unknown", "incomplete", "conflict")
    oracles = {topic: Oracle(kafka, topic) for topic in topics}
    for topic in topics:
        kafka_actions.create(kafka, topic)
        for _ in range(2):
            kafka_actions.fill(kafka, topic, 5)
            ingest("run", "--topic", topic)
        kafka_actions.fill(kafka, topic, 5)

    # Killed before the commit, after all files were written.
    with twin("raw.unknown"):
        commit_to_twin("unknown")
    # Killed before the commit; a file is missing, as if it was being deleted.
    with twin("raw.incomplete"):
        [lost, *_] = commit_to_twin("incomplete")
    hdfs("-rm", lost)
    # Killed before the commit, after another job had committed.
    with twin("raw.conflict"):
        kafka_actions.fill(kafka, "conflict", 5)
        ingest("run", "--topic", "conflict")
        kafka_actions.fill(kafka, "conflict", 5)
        commit_to_twin("conflict")
    committed = {topic: thrift.snapshots(topic) for topic in topics}

    lose_metastore(alone)
    said = ingest("restore")
    assert "registered raw.unknown with 45 rows, up to batch 3" in said
    assert "registered raw.incomplete with 30 rows, up to batch 2" in said
    assert said.count("left out, because HDFS lacks files of it") == 1
    assert "registered raw.conflict with 60 rows, up to batch 3" in said
    assert thrift.snapshots("unknown")[:-1] == committed["unknown"]
    assert thrift.snapshots("incomplete") == committed["incomplete"]
    assert thrift.snapshots("conflict") == committed["conflict"]

    assert "nothing new" in ingest("run", "--topic", "unknown")
    assert "batch 3: 15 messages" in ingest("run", "--topic", "incomplete")
    assert "batch 4: 15 messages" in ingest("run", "--topic", "conflict")
    for topic, oracle in oracles.items():
        oracle.assert_right()
        settle(topic)


def test_a_table_that_was_created_again_is_the_newer_one(alone: Settings, kafka: str) -> None:
    """Its metadata files have lower numbers than those of the dropped table."""
    thrift.sql("drop table raw.unknown")
    assert "if it was dropped on purpose" in ingest("run", "--topic", "unknown", expect=33)
    thrift.sql(
        "create table raw.unknown using iceberg tblproperties ('assay.topic' = 'unknown') "
        "as select * from raw.conflict where false"
    )
    ingest("run", "--topic", "unknown")
    lose_metastore(alone)
    assert "registered raw.unknown with 45 rows, up to batch 1" in ingest("restore")
    Oracle(kafka, "unknown").assert_right()


def test_a_damaged_table_is_refused(alone: Settings) -> None:
    [(first,)] = thrift.sql(
        "select data_file.file_path from raw.conflict.entries order by sequence_number limit 1"
    )
    lose_metastore(alone)
    hdfs("-rm", first)
    said = ingest("restore", expect=32)
    assert f"HDFS lacks files of raw.conflict, such as {first}; nothing was registered" in said
    assert not thrift.exists("raw.assess")
