"""The ingest job as a user has it: a process with progress lines, an exit code and a pid."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Self

from stack.settings import ROOT
from tests.ingest.faults import lake

WAIT_SECONDS = 180.0


class Job:
    """One run of a command of ingest, started at once. As a context it never outlives its test.

    Args:
        topic: to ingest.
        arguments: the command and its options.
        environment: variables of this process only.
    """

    def __init__(self, topic: str, *arguments: str, **environment: str) -> None:
        self.arguments = arguments or ("run",)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ingest", *self.arguments, "--topic", topic],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._listen, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self.kill()

    @property
    def said(self) -> str:
        """All it has printed so far."""
        return "".join(self._said)

    def await_line(self, text: str, times: int = 1) -> None:
        """Wait until it has printed a text, so many times."""
        with self._news:
            found = self._news.wait_for(
                lambda: self.said.count(text) >= times or not self._listening, WAIT_SECONDS
            )
        assert found and self.said.count(text) >= times, f"no {text!r} in {self.said!r}"

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self.process.kill()
        self.wait()

    def stop(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Its exit code."""
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(10)
        return code

    def expect(self, *codes: int) -> str:
        """Wait for one of these exit codes; errors must tell the remedy. Returns what it said."""
        code = self.wait()
        assert code in codes, f"exit code {code}, not {codes}: {self.said}"
        assert "Traceback" not in self.said, self.said
        if code not in (0, 130):
            assert "error:" in self.said and "remedy:" in self.said, self.said
        return self.said

    @property
    def _listening(self) -> bool:
        return any(reader.is_alive() for reader in self._readers)

    def _listen(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self._said.append(line)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


def run(topic: str, *arguments: str, expect: int = 0, **environment: str) -> str:
    """Run a command to its end and return what it printed."""
    with Job(topic, *arguments, **environment) as job:
        return job.expect(expect)


def drain(topic: str, *options: str, tries: int = 12, **environment: str) -> int:
    """Run until nothing is new, and return how many runs committed something.

    A killed job's commit may still be under way in the Spark server; then ours is refused and
    another run is due.
    """
    committed = 0
    for _ in range(tries):
        with Job(topic, "run", *options, **environment) as job:
            said = job.expect(0, 19)
        if "nothing new" in said:
            return committed
        committed += "error:" not in said
    raise AssertionError(f"{topic} is not drained after {tries} runs")


def settle(topic: str, **environment: str) -> None:
    """Run twice more, at the same time, and see that nothing changes."""
    before = lake.snapshots(topic)
    with Job(topic, "run", **environment) as one, Job(topic, "run", **environment) as other:
        for job in (one, other):
            assert "nothing new" in job.expect(0)
    assert lake.snapshots(topic) == before


def until(condition: object, what: str, seconds: float = 60.0) -> None:
    """Wait until a condition (a callable) is true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
