"""The commands beside `run`, on real services: plan, status, metrics, maintain, doctor."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingest import batch_log
from ingest.errors import CommitConflict
from ingest.operations import maintain
from tests.ingest.harness import in_kafka, in_table, ingest, send, snapshots, table_of

pytestmark = pytest.mark.services


def test_a_plan_shows_the_next_batch_and_writes_nothing(topic: str, spark: SparkSession) -> None:
    send(topic, b"1", b"22")
    send(topic, b"333", partition=2)
    ranges = json.loads(ingest("plan", "--topic", topic, "--json"))["ranges"]
    assert [(r["partition"], r["start"], r["end"], r["headroom"]) for r in ranges] == [
        (0, 0, 2, 0),
        (2, 0, 1, 0),
    ]
    assert all(r["bytes"] > 0 for r in ranges)
    assert not spark.catalog.tableExists(table_of(topic))
    ingest("run", "--topic", topic)
    assert "nothing new" in ingest("plan", "--topic", topic)


def test_limits_on_bytes_and_time(topic: str, spark: SparkSession, tmp_path: Path) -> None:
    for n in range(10):
        send(topic, b"x" * 1000, timestamp_ms=1_000_000 + n)
    ingest("run", "--topic", topic, "--until", "1970-01-01T00:16:40.004Z")
    assert len(in_table(spark, topic)) == 4
    said = ingest("run", "--topic", topic, "--until", "1970-01-01T00:16:40.004Z")
    assert "nothing new" in said
    ingest("run", "--topic", topic, "--max-bytes", "2500")
    assert len(in_table(spark, topic)) == 6
    while "nothing new" not in ingest("run", "--topic", topic, ASSAY_MAX_BYTES="5000"):
        pass
    assert in_table(spark, topic) == in_kafka(topic)
    assert "yesterday" in ingest("run", "--topic", topic, "--until", "yesterday", expect=1)


def test_json_and_prometheus_metrics(topic: str, tmp_path: Path) -> None:
    send(topic, b"12345", key=b"678")
    path = tmp_path / "assay.prom"
    said = ingest("run", "--topic", topic, "--json", ASSAY_METRICS_FILE=str(path))
    figures = json.loads(said.splitlines()[0])
    assert (figures["batch"], figures["rows"], figures["bytes"], figures["lag"]) == (1, 1, 8, 0)
    labels = f'{{table="{table_of(topic)}",topic="{topic}"}}'
    assert f"assay_ingest_rows{labels} 1.0" in path.read_text()
    named = ingest("run", "--topic", topic, ASSAY_METRICS_FILE=str(tmp_path / "no" / "x"), expect=1)
    assert "ASSAY_METRICS_FILE" in named


def test_the_status_shows_the_lag(topic: str) -> None:
    send(topic, b"1", b"2")
    ingest("run", "--topic", topic)
    send(topic, b"3")
    status = json.loads(ingest("status", "--topic", topic, "--json"))
    assert status["batch"] == 1 and 0 <= status["age_seconds"] < 300
    first = status["partitions"][0]
    assert (first["committed"], first["end"], first["lag"], first["headroom"]) == (2, 3, 1, 2)


def test_all_topics_of_the_configuration_file_are_ingested(
    topic: str, spark: SparkSession, tmp_path: Path
) -> None:
    other = f"{topic}-other"
    ingest("topic", "create", "--topic", other)
    send(topic, b"1")
    send(other, b"2")
    config = tmp_path / "ingest.toml"
    config.write_text(f"[topics.{topic}]\n[topics.{other}]\ntable = 'raw.elsewhere'\n")
    said = ingest("run", "--all", ASSAY_CONFIG=str(config))
    assert f"into {table_of(topic)}" in said and "into raw.elsewhere" in said
    assert len(in_table(spark, topic)) == 1
    assert spark.table("raw.elsewhere").count() == 1
    assert "[topics.assess]" in ingest("run", "--all", expect=1)


def test_maintenance_expires_snapshots_but_keeps_offsets(topic: str, spark: SparkSession) -> None:
    for n in range(6):
        send(topic, b"%d" % n)
        ingest("run", "--topic", topic)
    expected = in_table(spark, topic)
    files = spark.table(f"{table_of(topic)}.files")
    assert files.count() == 6
    ingest("maintain", "--topic", topic, "--keep-hours", "0")
    assert files.count() == 1
    assert snapshots(spark, topic) == 1
    assert in_table(spark, topic) == expected == in_kafka(topic)
    status = json.loads(ingest("status", "--topic", topic, "--json"))
    assert status["batch"] == 6 and status["partitions"][0]["lag"] == 0
    assert "nothing new" in ingest("run", "--topic", topic)
    send(topic, b"more")
    assert "batch 7: 1 messages" in ingest("run", "--topic", topic)
    assert in_table(spark, topic) == in_kafka(topic)
    logged = spark.sql(
        f"select batch_id, sum(rows) from raw.ingest_batches where topic = '{topic}' group by 1"
    )
    assert sorted(logged.collect()) == [(n, 1) for n in range(1, 8)]


def test_a_compaction_that_another_job_overtakes_is_a_conflict(
    topic: str, spark: SparkSession
) -> None:
    table = table_of(topic)
    spark.sql("create database if not exists raw")
    batch_log.ensure(spark)
    spark.sql(f"create table {table} (id bigint) using iceberg")
    spark.range(3_000_000).repartition(6).writeTo(table).append()
    conflict = None
    with ThreadPoolExecutor() as other:
        for _ in range(5):  # until the deletion falls into the compaction
            for _ in range(6):
                spark.range(-1, 0).writeTo(table).append()
            compaction = other.submit(maintain.compact, spark, table, timedelta())
            time.sleep(0.3)
            with suppress(PySparkException):  # the compaction was faster
                spark.sql(f"delete from {table} where id < 0")
            if conflict := compaction.exception():
                break
    assert isinstance(conflict, CommitConflict), conflict
    assert "run again" in conflict.remedy and table in conflict.problem


def test_the_doctor_names_each_failed_check(topic: str) -> None:
    send(topic, b"1")
    ingest("run", "--topic", topic)
    said = ingest("doctor", "--topic", topic)
    assert "!!" not in said
    for what in ("libraries here", "Kafka", "Spark", "workers", "clocks", "metastore", "raw."):
        assert f"ok {what}" in said or what in said
    failed = ingest("doctor", "--topic", topic, ASSAY_KAFKA="127.0.0.1:1", expect=24)
    assert "!! Kafka" in failed and len(re.findall("remedy:", failed)) >= 2
