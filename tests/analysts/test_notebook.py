"""The notebook is committed without results, runs on the sample, and finds the same answers."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
import requests
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from stack.settings import ROOT, Settings
from tests.end_to_end.conftest import PUBLISHED, answers
from tests.end_to_end.statements import exposed, recorded, tables

NOTEBOOK = ROOT / "notebooks" / "tracking_user_activity.ipynb"
CHART = "application/vnd.vegalite.v5+json"
SIX = (
    *("most_common_course", "course_popularity", "courses_assessed"),
    *("assessments_taken", "average_score", "perfect_scores"),
)

services = pytest.mark.services


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: Any, **environment: str) -> None:
    """Run all cells in a kernel of its own."""
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute(env={**os.environ, **environment})


def test_it_has_no_results() -> None:
    for cell in read().cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id
        assert cell.metadata == {}, cell.id
    assert set(read().metadata) == {"kernelspec", "language_info"}
    assert read().metadata.language_info == {"name": "python"}


def test_each_chart_is_followed_by_what_it_can_and_cannot_say() -> None:
    cells = read().cells
    charts = [number for number, cell in enumerate(cells) if "\ntitled(" in cell.source]
    assert len(charts) >= 6
    for number in charts:
        text = cells[number + 1].source.replace("\n", " ")
        assert "**It says**" in text and "**It cannot say**" in text, cells[number].id


@pytest.fixture(scope="module")
def executed(stack: Settings, sample_demo: str) -> dict[str, Any]:
    """The outputs of each cell, the answers that it computed, and the tables that it read."""
    notebook = read()
    computed = "import json\nprint(json.dumps([answers, study.iloc[0].to_dict()], default=float))"
    missing = 'connection = connect()\nquery("select * from questions.nothing")'
    may_fail = {"tags": ["raises-exception"]}
    notebook.cells += [
        nbformat.v4.new_code_cell(computed, id="computed"),
        nbformat.v4.new_code_cell(missing, id="missing", metadata=may_fail),
    ]
    begun = time.monotonic()
    with recorded(stack) as read_by_thrift:
        execute(notebook)
    assert time.monotonic() - begun <= 120
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    found, study = json.loads(outputs["computed"][0].text)
    read_tables = tables(read_by_thrift) - {"questions.nothing"}
    return {"outputs": outputs, "answers": found, "study": study, "tables": read_tables}


@services
def test_its_six_answers_are_those_of_the_tables(executed: dict[str, Any]) -> None:
    computed = {question: tuple(pair) for question, pair in executed["answers"].items()}
    published = answers()
    assert computed == {question: published[question] for question in SIX}
    assert computed == {question: PUBLISHED[question] for question in SIX}


@services
def test_the_exposure_names_the_tables_that_it_reads(executed: dict[str, Any]) -> None:
    # Spark Connect, by which it reads the raw table, is not in the log of the Thrift Server.
    assert executed["tables"] == exposed("notebook") - {"raw.assess"}
    assert any('"raw.assess"' in cell.source for cell in read().cells)


@services
def test_the_raw_messages_say_the_same(executed: dict[str, Any]) -> None:
    study = executed["study"]
    assert round(100 * study.pop("average_score"), 3) == 62.657
    assert study == {"messages": 3280, "attempts": 3242, "courses": 103, "perfect_scores": 841}
    [table] = executed["outputs"]["spark-courses"]
    assert re.search(r"0\s+Learning Git\s+394\n", table.data["text/plain"])


@services
def test_each_chart_is_drawn_by_jupyterlab_itself(executed: dict[str, Any]) -> None:
    charts = {name: out for name, out in executed["outputs"].items() if name.endswith("-chart")}
    assert len(charts) >= 6
    for name, [output] in charts.items():
        assert output.data[CHART]["description"], name
        assert "text/html" not in output.data, "it would load a library from the network"
    for name, outputs in executed["outputs"].items():
        assert not [out for out in outputs if out.get("name") == "stderr"], name


@services
def test_what_is_not_published_is_said_in_one_sentence(executed: dict[str, Any]) -> None:
    [output] = executed["outputs"]["missing"]
    [sentence] = output.traceback
    assert sentence.startswith("The tables are not published yet: type `make demo`")


def test_a_stack_that_is_down_is_said_in_one_sentence() -> None:
    notebook = read()
    with pytest.raises(CellExecutionError):
        execute(notebook, ASSAY_THRIFT_PORT="1")
    [first, *others] = [cell for cell in notebook.cells if cell.cell_type == "code"]
    [output] = first.outputs
    assert output.output_type == "error"
    [sentence] = output.traceback
    assert sentence.startswith("Spark does not answer at 127.0.0.1:1: type `make up`")
    assert not any(cell.outputs for cell in others)


def make_notebook(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", "notebook", "SETUP=true"],  # the environment is there
        cwd=ROOT,
        env={**os.environ, "BROWSER": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_make_says_that_the_stack_is_down() -> None:
    said, _ = make_notebook(ASSAY_THRIFT_PORT="1").communicate(timeout=60)
    assert "error: no Thrift Server answers at 127.0.0.1:1" in said and "remedy: `make up`" in said
    assert "Traceback" not in said


@services
def test_make_opens_it_here_only_and_ctrl_c_stops_it(sample_demo: str, tmp_path: Path) -> None:
    process = make_notebook(JUPYTER_CONFIG_DIR=str(tmp_path))
    try:
        assert process.stdout
        said = ""
        while "token=" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        assert "Ctrl-C stops it" in said
        [address] = re.findall(r"http://127\.0\.0\.1:\d+/\S+", said)[:1]
        assert "tracking_user_activity.ipynb" in address
        assert answer_of(address).status_code == 200
        assert {listens_on(child) for child in family(process.pid)} <= {(), ("127.0.0.1",)}
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        assert family(process.pid) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@retry(
    retry=retry_if_exception_type(requests.ConnectionError),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(30),
    reraise=True,
)
def answer_of(address: str) -> requests.Response:
    """Jupyter prints its address a moment before it listens."""
    return requests.get(address, timeout=30)


def family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def listens_on(process: psutil.Process) -> tuple[str, ...]:
    found = process.net_connections("tcp")
    return tuple({c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN})
