"""One raw table for each topic: two topics with one table are refused before a write."""

import json
import os
import uuid
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ingest import metadata_files
from ingest.errors import BadSetting, TableNameClash, UnknownTopic
from ingest.settings import Settings, default_table, load
from tests.ingest.faults import kafka_actions
from tests.ingest.harness import in_kafka, in_table, ingest, send, snapshots, table_of


@pytest.mark.parametrize(
    ("topic", "table"),
    [
        ("assess", "raw.assess"),
        ("Exam-2.a_B", "raw.exam_2_a_b"),
        ("2024-exams", "raw.2024_exams"),
        ("a--b..", "raw.a__b__"),
    ],
)
def test_the_table_follows_from_the_topic(topic: str, table: str) -> None:
    assert default_table(topic) == Settings(topic=topic).raw_table == table


@pytest.mark.parametrize("topic", ["2024", "1e5", "12d", "7L"])
def test_a_number_is_refused_as_a_table(topic: str) -> None:
    with pytest.raises(BadSetting, match=f"cannot be in a table raw.{topic.lower()}"):
        load(topic=topic)
    assert load(topic=topic, table="raw.Exams_2024").raw_table == "raw.exams_2024"


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "é", "x" * 250, "a\n", "\udcff"])
def test_an_invalid_topic_name_is_named(topic: str) -> None:
    with pytest.raises(UnknownTopic, match="cannot be the name of a topic"):
        load(topic=topic)


@pytest.mark.parametrize(
    "content",
    [
        "[topics.a]\ntable = 'raw.one'\n[topics.b]\ntable = 'raw.ONE'\n",
        "[topics.exam-a]\n[topics.exam_a]\n",
        "[topics.Exam]\n[topics.exam]\n",
        "[topics.a]\ntable = 'raw.b'\n[topics.b]\n",
        "[topics.a]\ntable = 'raw.ingest_batches'\n",
        "topic = 'ingest-batches'\n",
    ],
)
def test_two_topics_of_the_file_with_one_table_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "ingest.toml"
    path.write_text(content)
    monkeypatch.setenv("ASSAY_CONFIG", str(path))
    with pytest.raises(TableNameClash, match="as well") as error:
        load()
    assert error.value.exit_code == 26 and "ingest.toml" in error.value.remedy


def test_one_table_for_all_topics_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ingest.toml"
    path.write_text("table = 'raw.one'\n[topics.a]\n[topics.b]\n")
    for command in ("run", "status"):
        said = ingest(command, "--all", expect=26, ASSAY_CONFIG=str(path))
        assert "'b' goes to raw.one, which is the table of the topic 'a'" in said


@pytest.mark.services
def test_topics_with_the_same_table_are_refused(
    stack: object, spark: SparkSession, tmp_path: Path
) -> None:
    name = f"exam{uuid.uuid4().hex[:8]}"
    first, *others = f"{name}-a", f"{name}_a", f"{name}.a", f"{name.title()}_A"
    kafka = os.environ["ASSAY_KAFKA"]
    for number, topic in enumerate((first, *others)):
        if topic != f"{name}.a":  # Kafka refuses names that differ only in . and _
            kafka_actions.create(kafka, topic, partitions=1)
            send(topic, b"%d" % number)
    ingest("run", "--topic", first)
    for topic in (f"{name}_a", f"{name.title()}_A"):
        commands = [["run"], ["accept", "topic-recreated"]]
        if topic == f"{name}_a":
            commands += [["run", "--follow"], ["plan"], ["status"], ["maintain"]]
            commands += [["replay", "--from", "0:0", "--to", "0:1"]]
        for command in commands:
            said = ingest(*command, "--topic", topic, expect=26)
            assert first in said and topic in said and "recreated" not in said
            assert "ASSAY_TABLE" in said and "ingest.toml" in said
        said = ingest("doctor", "--topic", topic, expect=24)
        assert f"holds the records of the topic '{first}'" in said
    assert snapshots(spark, first) == 1
    assert in_table(spark, first) == in_kafka(first)
    logged = spark.sql(f"select topic from raw.ingest_batches where topic like '{name}%'")
    assert logged.collect() == [(first,)]
    # Both forms of the remedy work.
    ingest("run", "--topic", f"{name}_a", ASSAY_TABLE=f"raw.{name}_second")
    config = tmp_path / "ingest.toml"
    third = f"{name.title()}_A"
    config.write_text(f'[topics."{third}"]\ntable = "raw.{name}_third"\n')
    ingest("run", "--topic", third, ASSAY_CONFIG=str(config))
    for table, value in (("second", b"1"), ("third", b"3")):
        assert spark.sql(f"select value from raw.{name}_{table}").collect() == [(value,)]
    status = json.loads(ingest("status", "--topic", first, "--json"))
    assert status["partitions"][0]["lag"] == 0


@pytest.mark.services
def test_a_table_that_is_not_raw_is_refused(topic: str, spark: SparkSession) -> None:
    send(topic, b"1")
    table = f"{table_of(topic)}_other"
    spark.sql("create database if not exists raw")
    spark.sql(f"create table {table} (topic string, n int) using iceberg")
    for command in ("run", "plan", "status", "maintain"):
        said = ingest(command, "--topic", topic, expect=26, ASSAY_TABLE=table)
        assert "is not a raw table of ingest" in said
    assert spark.table(table).count() == 0


@pytest.mark.services
def test_a_metadata_file_that_another_job_deletes_is_left_out(
    topic: str, spark: SparkSession
) -> None:
    """A job that creates a table at the same time deletes its file if it comes second."""
    send(topic, b"1")
    ingest("run", "--topic", topic)
    [(folder, paths)] = metadata_files.paths(
        spark, f"/warehouse/raw.db/{table_of(topic)[4:]}"
    ).items()
    gone = f"{folder}/metadata/00000-{uuid.uuid4()}.metadata.json"
    assert [file.path for file in metadata_files.read(spark, [gone, paths[0]])] == paths[:1]
    assert metadata_files.read(spark, [gone]) == []
