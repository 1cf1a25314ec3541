"""What must hold before services start: limits, free ports, and a state folder of its own."""

import fcntl
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import jars, processes, services
from stack.errors import PortTaken, StackError, StateUnusable
from stack.settings import Settings

NEEDED_BYTES = 512 * 1024**2
NEEDED_OPEN_FILES = 1024
# The stack deletes no folder without this file.
STATE_FILE = "assay-stack-state"


def check_open_files() -> None:
    """Check the hard limit of open files; Java raises the soft limit by itself.

    Raises:
        StackError: it is too low for Spark.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY and limit < NEEDED_OPEN_FILES:
        raise StackError(
            f"a process may open {limit} files only, and Spark needs {NEEDED_OPEN_FILES}",
            f"raise the limit: `ulimit -n {NEEDED_OPEN_FILES}` in a new shell, or in "
            "/etc/security/limits.conf",
        )


def check_ports(wanted: list[services.Service]) -> None:
    """Check that the ports of services are free.

    Raises:
        PortTaken: another process listens on one of them.
    """
    for service in wanted:
        for purpose, port in service.ports.items():
            with socket.socket() as probe:
                # As the Java servers do: a port in TIME_WAIT is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((service.settings.bind, port))
                except OSError as error:
                    raise PortTaken(
                        f"port {port} ({service.name}, {purpose}) is taken by "
                        f"{processes.owner_of(port)}",
                        "stop that process, or change this stack's ports, for example "
                        "`export ASSAY_PORT_OFFSET=100` (or put it into the file .env)",
                    ) from error


@contextmanager
def exclusive(settings: Settings) -> Iterator[None]:
    """Create the state folder, and lock it against a second `up`.

    Raises:
        StateUnusable: it cannot be written, holds other files, or another `up` is running there.
    """
    state: Path = settings.state
    try:
        state.mkdir(parents=True, exist_ok=True)
        if not (state / STATE_FILE).exists() and any(state.iterdir()):
            raise StateUnusable(
                f"{state} holds files that the stack did not create",
                "point ASSAY_STATE at an empty or a new folder",
            )
        free = jars.free_bytes(state)
        if free < NEEDED_BYTES:
            raise StateUnusable(
                f"only {free / 1e6:.0f} MB are free for {state}",
                f"free {NEEDED_BYTES / 1e6:.0f} MB there, or point ASSAY_STATE at another disk",
            )
        lock = (state / STATE_FILE).open("a")
    except OSError as error:
        raise StateUnusable(
            f"cannot write {state}: {error.strerror}",
            "correct its permissions or free disk space, or point ASSAY_STATE at another folder",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateUnusable(
                f"another `stack up` is running in {state}", "wait for it, then try again"
            ) from error
        yield
