"""`make answers`, and what it says when there is no answer."""

import subprocess

import pytest

from stack import thrift_client
from stack.errors import NothingPublished, ServiceFailed
from stack.settings import ROOT, Settings
from tests import commands
from tests.end_to_end.conftest import PUBLISHED

pytestmark = pytest.mark.services


def test_make_prints_the_answers_again(sample_demo: str) -> None:
    said = subprocess.run(
        ["make", "answers", "SETUP=true"],  # the environment is there
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    for messages, attempts in PUBLISHED.values():
        assert messages in said and attempts in said
    table = [line for line in said.splitlines() if "│" in line]
    assert set(table) <= set(sample_demo.splitlines()), "it is the table that the demo printed"


def test_spark_that_is_down_is_said_in_words() -> None:
    closed = {"ASSAY_THRIFT_PORT": "1"}
    said = commands.run_module("answers", expect=5, timeout=60, environment=closed)
    assert said.count("\n") == 2 and "no Thrift Server answers at 127.0.0.1:1" in said


def test_what_is_not_published_is_said_in_words(stack: Settings) -> None:
    with pytest.raises(NothingPublished, match=r"^there is no questions\.nothing: no build has"):
        thrift_client.query(stack, "select * from questions.nothing")
    with pytest.raises(NothingPublished, match=r"^there is no nowhere\.answers: no build has"):
        thrift_client.query(stack, "select * from nowhere.answers")


def test_other_errors_of_the_server_are_passed_on(stack: Settings) -> None:
    with pytest.raises(ServiceFailed, match="DIVIDE_BY_ZERO"):
        thrift_client.query(stack, "select assert_true(false), 1 div 0")
