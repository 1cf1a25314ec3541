"""The whole way on real services, from a file to the answers over Thrift."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample import files
from stack import lifecycle
from stack.settings import ROOT, Settings
from tests.end_to_end.conftest import PUBLISHED, answers, demo, demo_process, query
from tests.end_to_end.project import Node, published, relations
from tests.end_to_end.warehouse import Row, dbt, disagreements, rows_of_each
from tests.surroundings import HOSTILE

pytestmark = pytest.mark.services

# What is printed when a step begins, and the seconds from there until it is interrupted.
STEPS = {
    "starting clean": 3.0,  # the services are starting
    "services:": 1.5,  # the topic is created
    "topic:": 1.5,  # the messages are published
    "publish:": 5.0,  # the messages are ingested
    "ingest:": 12.0,  # dbt builds
}


@pytest.fixture(scope="module", autouse=True)
def services_for_those_who_follow(stack: Settings) -> Iterator[None]:
    """Start what a demo that failed between its steps left stopped."""
    yield
    lifecycle.up(stack, print)


def stack_command(*arguments: str) -> str:
    command = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_sample_gives_the_published_answers(sample_demo: str) -> None:
    assert answers() == PUBLISHED
    for figure in ("Learning Git", "394", "390", "103", "3,280", "62.657 %", "62.569 %", "841"):
        assert figure in sample_demo
    assert "batch 1: 3,280 messages into raw.assess" in sample_demo
    assert "make sql" in sample_demo and "make down" in sample_demo
    assert disagreements() == []


def test_the_files_are_on_hdfs_and_the_tables_in_the_metastore(sample_demo: str) -> None:
    listing = stack_command("hdfs", "-ls", "-R", "/warehouse/raw.db/assess/data")
    assert ".parquet" in listing
    [[statement]] = query("show create table raw.assess")
    assert "USING iceberg" in statement and "hdfs://assay/warehouse/raw.db/assess" in statement


@pytest.fixture(scope="module")
def results(sample_demo: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Node]:
    """What became of each node: in the demo's build, and the unit tests after it."""
    folder = tmp_path_factory.mktemp("unit")
    dbt("test", "--select", "test_type:unit", "--target-path", str(folder))
    return {
        result["unique_id"]: result
        for target in (Path(os.environ["DBT_TARGET_PATH"]), folder)
        for result in json.loads((target / "run_results.json").read_text())["results"]
    }


def test_node(node: str, results: dict[str, Node]) -> None:
    result = results[node]
    assert result["status"] in ("success", "pass"), result["message"]


@pytest.fixture(scope="module")
def columns(sample_demo: str) -> dict[str, list[Row]]:
    """Name, full type and description of each published column."""
    described = rows_of_each([f"describe table {published(node)}" for node in relations()])
    return {
        node["name"]: [row for row in found if row["col_name"] and row["col_name"][0] != "#"]
        for node, found in zip(relations(), described, strict=True)
    }


def test_its_columns_are_those_described(relation: Node, columns: dict[str, list[Row]]) -> None:
    """As readers find them: names in order, full types, descriptions."""
    described = relation["columns"].values()
    found = columns[relation["name"]]
    assert [c["col_name"] for c in found] == [c["name"] for c in described]
    assert [c["data_type"] for c in found] == [c["data_type"] for c in described]
    if relation["config"]["materialized"] != "view":
        assert [c["comment"] for c in found] == [c["description"] for c in described]


def test_a_second_demo_in_hostile_surroundings_finds_nothing_new_and_answers_the_same(
    sample_demo: str,
) -> None:
    result = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={**os.environ, **HOSTILE},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    said = result.stdout
    assert (result.returncode, result.stderr) == (0, ""), said
    assert "the topic holds these messages already" in said
    assert "nothing new in assess" in said
    assert answers() == PUBLISHED
    assert query("select count(*), max(batch_id) from raw.assess") == [(3280, 1)]


def test_a_bad_file_changes_nothing(sample_demo: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('[{"keen_id": "1"}, {"keen_id": ]')
    said = demo(str(bad), expect=10)
    assert "bad.json" in said and "remedy:" in said
    assert "no-such-file.json" in demo("no-such-file.json", expect=10)
    assert answers() == PUBLISHED


@pytest.mark.long
def test_other_data_starts_clean_and_what_cannot_be_used_is_kept(
    sample_demo: str, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"keen_id": "1"}\n[2]\n"three"\n{"keen_id": 4}\n')
    said = demo(str(odd))
    assert "the last demo had other messages: starting clean" in said
    assert query(
        "select reason, count(*) from staging.stg_assess__rejected_messages group by 1 order by 1"
    ) == [
        ("missing_key", 1),
        ("not_an_object", 2),
        ("wrong_type", 1),
    ]
    found = answers()
    assert found["most_common_course"] == ("no data", "no data")
    assert found["average_score"] == ("no data", "no data")
    assert found["assessments_taken"] == ("0", "0")


@pytest.mark.long
def test_interrupted_at_each_step_it_goes_on_to_the_real_answers(
    sample_demo: str, real_export: Path
) -> None:
    for phase, seconds in STEPS.items():
        interrupt(real_export, phase, seconds)
    said = demo(str(real_export))
    assert answers() == PUBLISHED
    assert disagreements() == []
    assert "394" in said
    expected = sorted(value for value, _ in files.messages(str(real_export)))
    rows = query("select hex(value) from raw.assess")
    assert sorted(bytes.fromhex(value) for (value,) in rows) == expected
    keys = query(
        "select cast(key as string), get_json_object(cast(value as string), '$.keen_id') "
        "from raw.assess"
    )
    assert all(key == keen_id for key, keen_id in keys)


def interrupt(file: Path, phase: str, seconds: float) -> None:
    """Ctrl-C some seconds after a line was printed, and see that it ends well."""
    with demo_process(str(file)) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(phase) or phase in line:
                break
        else:
            pytest.fail(f"the demo ended before it printed {phase!r}")
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=90)
    assert process.returncode == 130, said
    assert "Traceback" not in said, said
    assert "interrupted" in said.splitlines()[-1], said


def test_the_demo_keeps_a_record_of_what_it_published(stack: Settings, sample_demo: str) -> None:
    assert set(json.loads((stack.state / "demo.json").read_text())) == {"published"}
