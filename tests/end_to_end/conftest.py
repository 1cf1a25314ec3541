"""The demo as a user runs it, and its tables as an analyst reads them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from pyhive import hive

from stack.settings import HOST, ROOT, Settings
from tests.end_to_end.project import is_analysis, manifest, relations

PUBLISHED = {
    "most_common_course": ("Learning Git", "Learning Git"),
    "course_popularity": ("394", "390"),
    "courses_assessed": ("103", "103"),
    "assessments_taken": ("3,280", "3,242"),
    "average_score": ("62.657 %", "62.569 %"),
    "perfect_scores": ("841", "827"),
    "certification_uptake": ("not measurable", "not measurable"),
    "repeat_attempts": ("not measurable", "not measurable"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each node and each relation, named as dbt names it."""
    if "node" in metafunc.fixturenames:
        built = {name for name, node in manifest()["nodes"].items() if not is_analysis(node)}
        nodes = built | set(manifest()["unit_tests"])
        metafunc.parametrize("node", sorted(nodes), ids=lambda node: node.split(".", 1)[1])
    if "relation" in metafunc.fixturenames:
        metafunc.parametrize("relation", relations(), ids=lambda node: node["name"])


def demo(*arguments: str, expect: int = 0) -> str:
    """Run the demo and return what it printed."""
    with demo_process(*arguments) as process:
        said, _ = process.communicate(timeout=900)
    assert process.returncode == expect, said
    assert "Traceback" not in said, said
    return said


def heed_ctrl_c() -> None:
    """As in a terminal: what a shell starts in the background ignores Ctrl-C, its children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def demo_process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "demo.py", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that Ctrl-C can be sent to it and all its children
        preexec_fn=heed_ctrl_c,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def query(sql: str) -> list[tuple[Any, ...]]:
    """Ask the Thrift Server."""
    settings = Settings()
    with closing(hive.connect(HOST, port=settings.thrift_port)) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def answers() -> dict[str, tuple[str, str]]:
    """Each question's answers, counting messages and counting attempts."""
    rows = query("select question_id, answer_messages, answer_attempts from questions.answers")
    return {question: (messages, attempts) for question, messages, attempts in rows}


def holds_the_sample() -> bool:
    """Whether readers find what the demo publishes of the sample."""
    try:
        return answers() == PUBLISHED and query("select count(*) from raw.assess") == [(3280,)]
    except hive.Error:  # no table, as no demo has run
        return False
