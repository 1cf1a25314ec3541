"""The ingest job as a user runs it: a process with progress lines, an exit code and a pid."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Self

from stack.settings import ROOT
from tests import forked
from tests.ingest.faults import thrift

WAIT_SECONDS = 180.0


class Job:
    """One run of a command of ingest, started at once; a context manager that kills it at the end.

    Args:
        topic: name of the topic.
        arguments: the command and its options.
        fresh: start a new interpreter, for variables that are read when a process starts.
        environment: variables of this process only.
    """

    def __init__(
        self, topic: str, *arguments: str, fresh: bool = False, **environment: str
    ) -> None:
        self.arguments = arguments or ("run",)
        command = [*self.arguments, "--topic", topic]
        if fresh:
            output, write = multiprocessing.Pipe(duplex=False)
            process = subprocess.Popen(
                [sys.executable, "-m", "ingest", *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=write.fileno(),
                stderr=write.fileno(),
            )
            write.close()
            self.pid = process.pid
            self._await_end: Callable[[], int | None] = process.wait
        else:
            child, output = forked.start("ingest", *command, **environment)
            assert child.pid
            self.pid = child.pid
            self._await_end = _ending(child)
        self._said = b""
        self._news = threading.Condition()
        self._code: int | None = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._listen, args=(output,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def said(self) -> str:
        """All output so far."""
        return self._said.decode(errors="replace")

    def await_line(self, text: str, times: int = 1) -> None:
        """Wait until the output contains a text so many times."""
        with self._news:
            found = self._news.wait_for(
                lambda: self.said.count(text) >= times or not self.is_running, WAIT_SECONDS
            )
        assert found and self.said.count(text) >= times, f"no {text!r} in {self.said!r}"

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self._signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Return the exit code.

        Raises:
            TimeoutError: it has not ended by then.
        """
        if not self._ended.wait(seconds) or self._code is None:
            raise TimeoutError(f"{self.arguments} has not ended in {seconds} s: {self.said}")
        return self._code

    def expect(self, *codes: int) -> str:
        """Assert the exit code, and that an error names its remedy; returns the output."""
        code = self.wait()
        assert code in codes, f"exit code {code}, not {codes}: {self.said}"
        assert "Traceback" not in self.said, self.said
        if code not in (0, 130):
            assert "error:" in self.said and "remedy:" in self.said, self.said
        return self.said

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _listen(self, output: Connection) -> None:
        with contextlib.closing(output):
            while text := os.read(output.fileno(), 65536):
                with self._news:
                    self._said += text
                    self._news.notify_all()
        self._code = self._await_end()
        self._ended.set()
        with self._news:
            self._news.notify_all()


def _ending(child: BaseProcess) -> Callable[[], int | None]:
    def wait() -> int | None:
        child.join()
        return child.exitcode

    return wait


def run(
    topic: str, *arguments: str, expect: int = 0, fresh: bool = False, **environment: str
) -> str:
    """Run a command to its end and return its output."""
    with Job(topic, *arguments, fresh=fresh, **environment) as job:
        return job.expect(expect)


def drain(topic: str, *options: str, tries: int = 12, **environment: str) -> int:
    """Run until nothing is new, and return the number of runs that committed something.

    The Spark server may still execute the commit of a killed job; then this one is refused and
    another run is needed.
    """
    committed = 0
    for _ in range(tries):
        with Job(topic, "run", *options, fresh=False, **environment) as job:
            said = job.expect(0, 19)
        if "nothing new" in said:
            return committed
        committed += "error:" not in said
    raise AssertionError(f"{topic} is not drained after {tries} runs")


def settle(topic: str, **environment: str) -> None:
    """Run two more jobs at the same time, and assert that they change nothing."""
    before = thrift.snapshots(topic)
    with (
        Job(topic, "run", fresh=False, **environment) as one,
        Job(topic, "run", fresh=False, **environment) as other,
    ):
        for job in (one, other):
            assert "nothing new" in job.expect(0)
    assert thrift.snapshots(topic) == before


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
