"""A command is run again and again, its failures are shown, and it is finished at the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.settings import ROOT
from tests.commands import run_module


@contextmanager
def scheduled(state: Path, seconds: float, *command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "stack", "every", str(seconds), *command],
        cwd=ROOT,
        env={**os.environ, "ASSAY_STATE": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return [process.stdout.readline() for _ in range(count)]


def test_failures_are_shown_until_a_run_succeeds(tmp_path: Path) -> None:
    """The command fails at first, and succeeds once the file `good` is there."""
    success = tmp_path / "every-succeeded"
    success.touch()  # of a schedule that ended before
    with scheduled(tmp_path, 1, "test", "-e", str(tmp_path / "good")) as process:
        [said] = lines(process, 1)
        assert "FAILED with exit code 1" in said and not success.exists()
        (tmp_path / "good").touch()
        said = lines(process, 2)[-1]
        assert "succeeded after 0 s; again in 1 s" in said and success.exists()
        (tmp_path / "good").unlink()
        assert "FAILED" in lines(process, 2)[-1] and not success.exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_failed_run_is_repeated_sooner(tmp_path: Path) -> None:
    for command, pause in (("false", "again in 300 s"), ("true", "again in 3600 s")):
        with scheduled(tmp_path, 3600, command) as process:
            assert pause in lines(process, 1)[0]


def test_the_current_run_is_finished_first(tmp_path: Path) -> None:
    slow = "echo begun; sleep 1; echo ended"
    with scheduled(tmp_path, 60, "sh", "-c", slow) as process:
        assert lines(process, 1) == ["begun\n"]
        process.send_signal(signal.SIGTERM)
        assert lines(process, 1) == ["ended\n"]
        begun = time.monotonic()
        assert process.wait(10) == 0 and time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["60"], 1, "every needs a command"), (["60", "no-such-program"], 1, "no-such-program")],
)
def test_a_command_that_cannot_run_is_named(arguments: list[str], code: int, said: str) -> None:
    output = run_module("stack", "every", *arguments, expect=code, timeout=60, environment={})
    assert said in output
