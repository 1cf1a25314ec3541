"""Run a command again and again, as a container does that has no cron."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

# A run may fail because something else is being started.
RETRY_SECONDS = 300.0

Report = Callable[[str], None]


def repeat(
    command: list[str],
    seconds: float,
    *,
    environment: Mapping[str, str],
    success: Path,
    report: Report,
) -> None:
    """Run a command until SIGINT or SIGTERM; the current run is finished first.

    Args:
        command: the program and its arguments.
        seconds: from the start of one run to the start of the next, at least. A run that failed
            is repeated after `RETRY_SECONDS`, if that is sooner.
        environment: the variables of the command.
        success: a file that is there while the last run has succeeded.
        report: called with each message.
    """
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {sign: signal.signal(sign, stop) for sign in (signal.SIGINT, signal.SIGTERM)}
    success.parent.mkdir(parents=True, exist_ok=True)
    success.unlink(missing_ok=True)
    try:
        while not stopped.is_set():
            begun = time.monotonic()
            code = subprocess.run(command, env=environment, check=False).returncode
            took = time.monotonic() - begun
            if code == 0:
                success.touch()
            else:
                success.unlink(missing_ok=True)
            pause = max(seconds - took, 0)
            if code != 0:
                pause = min(pause, RETRY_SECONDS)
            outcome = "succeeded" if code == 0 else f"FAILED with exit code {code}"
            report(f"`{' '.join(command)}` {outcome} after {took:.0f} s; again in {pause:.0f} s")
            stopped.wait(pause)
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
