"""Start, find and stop the services' processes.

The process table is the only record of what runs: every service and its children have the state
folder and the service's name in their environment. A killed `up` or a reboot therefore leaves no
outdated record, such as a pid file, and no other process is ever touched.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import psutil

STATE_MARK = "ASSAY_STACK_STATE"
SERVICE_MARK = "ASSAY_STACK_SERVICE"
KILL_SECONDS = 5.0
POLL_SECONDS = 0.1


def find(state: Path) -> dict[str, list[psutil.Process]]:
    """Return the running processes of each service of this state folder, oldest first."""
    found: dict[str, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get(STATE_MARK) == str(state):
            found[environment.get(SERVICE_MARK, "")].append(process)
    for processes in found.values():
        processes.sort(key=lambda process: process.create_time())
    return found


def start(
    state: Path, service: str, command: list[str], environment: dict[str, str], log: Path
) -> psutil.Process:
    """Start a service in a session of its own, so that a Ctrl-C here does not reach it.

    The log of the previous run is kept as `<log>.1`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
            env={**environment, **marks(state, service)},
        )
    return psutil.Process(process.pid)


def marks(state: Path, service: str) -> dict[str, str]:
    """Return the variables by which a service's processes are found."""
    return {STATE_MARK: str(state), SERVICE_MARK: service}


def rotate(log: Path) -> None:
    """Rename a log, if there is one, to `<log>.1`."""
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))


def stop(processes: Iterable[psutil.Process], grace_seconds: float) -> None:
    """Terminate the processes, and kill those that still run after the grace period."""
    left = list(processes)
    for sign, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, KILL_SECONDS)):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(sign)
        deadline = time.monotonic() + seconds
        # Not psutil's wait: that waits for a zombie too, until its parent reaps it.
        while (left := [p for p in left if is_alive(p)]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process still runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def resident_bytes(processes: Iterable[psutil.Process]) -> int:
    """Return the resident memory of those that still run: Spark's workers may have ended."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def owner_of(port: int) -> str:
    """Describe the process that listens on a TCP port of this machine."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({process.name()}, in {process.cwd()})"
    except psutil.Error:
        pass
    return "a process of another user"
