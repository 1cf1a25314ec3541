"""Ingest from a real broker into a real table: exactly once, with clear errors.

The expected rows come from a plain kafka-python consumer, never from ingest's own counters.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from pyspark.sql import SparkSession

from stack.settings import ROOT
from tests.ingest.harness import in_kafka, in_table, ingest, publish, send, snapshots, table_of

pytestmark = pytest.mark.services


def test_the_table_equals_the_topic_and_a_second_run_changes_nothing(
    topic: str, spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / "some.jsonl"
    path.write_bytes(b"".join(b'{"keen_id": "%d", "n" :  %d}\n' % (n % 70, n) for n in range(500)))
    assert "published 500 messages" in publish(str(path), "--topic", topic)
    assert "batch 1: 500 messages" in ingest("run", "--topic", topic)
    expected = in_kafka(topic)
    assert len(expected) == 500
    assert sorted(v for _, v, _, _ in expected.values() if v) == sorted(
        path.read_bytes().splitlines()
    )
    assert in_table(spark, topic) == expected
    for _ in range(2):
        assert "nothing new" in ingest("run", "--topic", topic)
    assert snapshots(spark, topic) == 1
    assert in_table(spark, topic) == expected


def test_unusual_records_are_stored_verbatim(topic: str, spark: SparkSession) -> None:
    send(topic, None, key=b"k")
    send(topic, b"", b"\xff\x00not utf-8", b'{"a": 1}')
    send(topic, b"x", key=b"", partition=1)
    send(topic, b"y", headers=[("h", b"1"), ("h", b"\xff"), ("", b"")], partition=1)
    send(topic, b"z", timestamp_ms=1, partition=2)
    ingest("run", "--topic", topic)
    found = in_table(spark, topic)
    assert found == in_kafka(topic)
    assert found[0, 0][1] is None and found[0, 1][1] == b"" and found[1, 0][0] == b""
    assert found[1, 1][3] == [("h", b"1"), ("h", b"\xff"), ("", b"")]
    assert found[2, 0][2] == 1


def test_only_new_messages_are_read(topic: str, spark: SparkSession) -> None:
    send(topic, b"1")
    assert "batch 1: 1 messages" in ingest("run", "--topic", topic)
    send(topic, b"2", partition=2)
    assert "batch 2: 1 messages" in ingest("run", "--topic", topic)
    assert in_table(spark, topic) == in_kafka(topic)


def test_bounded_runs_drain_the_topic(topic: str, spark: SparkSession) -> None:
    for partition in range(3):
        send(topic, *(b"%d" % n for n in range(5 + partition)), partition=partition)
    for _ in range(4):
        ingest("run", "--topic", topic, "--max-messages", "5")
    assert "nothing new" in ingest("run", "--topic", topic, "--max-messages", "5")
    assert in_table(spark, topic) == in_kafka(topic)


def test_an_empty_topic_has_nothing_new(topic: str) -> None:
    assert "nothing new" in ingest("run", "--topic", topic)
    assert '"committed": null' in ingest("status", "--topic", topic, "--json")


def test_aborted_messages_are_never_ingested(topic: str, spark: SparkSession) -> None:
    producer = KafkaProducer(
        bootstrap_servers=os.environ["ASSAY_KAFKA"], transactional_id=f"{topic}-aborting"
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"never", partition=0).get(timeout=10)
    producer.abort_transaction()
    producer.close()
    assert "batch 1: 0 messages" in ingest("run", "--topic", topic)
    assert "nothing new" in ingest("run", "--topic", topic)
    send(topic, b"kept")
    ingest("run", "--topic", topic)
    found = in_table(spark, topic)
    assert [value for _, value, _, _ in found.values()] == [b"kept"]
    assert found == in_kafka(topic)


def test_a_compaction_between_runs_changes_nothing(topic: str, spark: SparkSession) -> None:
    send(topic, b"1")
    ingest("run", "--topic", topic)
    send(topic, b"2")
    ingest("run", "--topic", topic)
    spark.sql(
        f"call spark_catalog.system.rewrite_data_files(table => '{table_of(topic)}', "
        "options => map('min-input-files', '2'))"
    ).collect()
    assert "nothing new" in ingest("run", "--topic", topic)
    send(topic, b"3")
    assert "batch 3: 1 messages" in ingest("run", "--topic", topic)
    assert in_table(spark, topic) == in_kafka(topic)


def test_concurrent_jobs_write_no_duplicates(topic: str, spark: SparkSession) -> None:
    send(topic, *(b"%d" % n for n in range(200)))
    codes: list[int] = []

    def job() -> None:
        result = subprocess.run(
            [sys.executable, "-m", "ingest", "run", "--topic", topic],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in result.stderr, result.stderr
        codes.append(result.returncode)

    jobs = [threading.Thread(target=job) for _ in range(3)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    assert 0 in codes and set(codes) <= {0, 19}
    assert in_table(spark, topic) == in_kafka(topic)
    assert "nothing new" in ingest("run", "--topic", topic)


def test_a_recreated_topic_is_refused(topic: str, spark: SparkSession) -> None:
    send(topic, b"1")
    ingest("run", "--topic", topic)
    admin = KafkaAdminClient(bootstrap_servers=os.environ["ASSAY_KAFKA"])
    admin.delete_topics([topic])
    admin.close()
    ingest("topic", "create", "--topic", topic)
    send(topic, b"other 1", b"other 2")
    said = ingest("run", "--topic", topic, expect=15)
    assert "recreated" in said
    assert len(in_table(spark, topic)) == 1


def test_deleted_unread_messages_are_an_error(topic: str, spark: SparkSession) -> None:
    send(topic, b"1", b"2")
    ingest("run", "--topic", topic)
    send(topic, b"3", b"4", b"5")
    admin = KafkaAdminClient(bootstrap_servers=os.environ["ASSAY_KAFKA"])
    admin.delete_records({TopicPartition(topic, 0): 4})
    admin.close()
    assert "2 to 3" in ingest("run", "--topic", topic, expect=16)
    assert len(in_table(spark, topic)) == 2


def test_a_bad_file_publishes_nothing(topic: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 1000 + b'{"a": \n')
    assert "line 1001" in publish(str(path), "--topic", topic, expect=10)
    assert in_kafka(topic) == {}
    path.write_bytes(b'{"a": 1}\n')
    publish(str(path), "--topic", topic)
    assert len(in_kafka(topic)) == 1


def test_a_killed_publish_is_aborted_by_the_next(topic: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sample", "publish", "-", "--topic", topic],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stderr
    line = json.dumps({"padding": "x" * 100_000}) + "\n"
    for _ in range(400):  # more than one flush, so that something has reached the broker
        process.stdin.write(line)
    process.stdin.flush()
    assert "messages" in process.stderr.readline()
    process.kill()
    process.communicate()
    path = tmp_path / "next.jsonl"
    path.write_bytes(b'{"a": 1}\n')
    publish(str(path), "--topic", topic)
    assert [value for _, value, _, _ in in_kafka(topic).values()] == [b'{"a": 1}']


def test_repeated_keys_follow_each_other_in_one_partition(topic: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text("".join(f'{{"keen_id": "{n % 7}", "n": {n}}}\n' for n in range(70)))
    publish(str(path), "--topic", topic)
    found = in_kafka(topic)
    for key in {k for k, _, _, _ in found.values()}:
        places = [c for c, (k, _, _, _) in sorted(found.items()) if k == key]
        assert len({partition for partition, _ in places}) == 1
        numbers = [json.loads(found[c][1] or b"")["n"] for c in places]
        assert numbers == sorted(numbers)


def test_peeking_at_messages(topic: str) -> None:
    send(topic, b"first")
    send(topic, None, key=b"k")
    said = ingest("peek", "--limit", "1", "--topic", topic)
    assert "partition 0 offset 0" in said and said.endswith("first\n")
    assert ingest("peek", "--topic", topic, "--values") == "first\n(null)\n"


def test_creating_a_topic_twice_needs_the_same_partitions(topic: str) -> None:
    assert "already exists" in ingest("topic", "create", "--topic", topic)
    assert "3 partitions" in ingest(
        "topic", "create", "--topic", topic, "--partitions", "4", expect=1
    )


@pytest.mark.parametrize(
    ("code", "command", "environment", "named"),
    [
        (11, ["topic", "describe"], {"ASSAY_KAFKA": "127.0.0.1:1"}, "127.0.0.1:1"),
        (11, ["run"], {"ASSAY_KAFKA": "nonsense"}, "nonsense"),
        (12, ["run", "--topic", "no-such-topic"], {}, "no-such-topic"),
        (12, ["topic", "create", "--topic", "not/a/topic"], {}, "not/a/topic"),
        (13, ["run"], {"ASSAY_SPARK": "sc://127.0.0.1:1"}, "127.0.0.1:1"),
        (13, ["status"], {"ASSAY_SPARK": "http://x"}, "http://x"),
    ],
)
def test_errors_name_what_is_wrong(
    topic: str, code: int, command: list[str], environment: dict[str, str], named: str
) -> None:
    environment = {"ASSAY_TOPIC": topic, **environment}
    assert named in ingest(*command, expect=code, **environment)


def test_publish_errors_name_what_is_wrong(topic: str) -> None:
    assert "no-such-file.json" in publish("no-such-file.json", "--topic", topic, expect=10)
    said = publish("pyproject.toml", "--topic", "no-such-topic", expect=12)
    assert "no-such-topic" in said
