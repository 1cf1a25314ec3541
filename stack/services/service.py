"""What every service has: a preparation, a command line and a readiness check."""

import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import requests

from stack import java
from stack.errors import ServiceFailed, StackError
from stack.settings import Settings

PROBE_SECONDS = 5.0


class Service(ABC):
    """One server process.

    Attributes:
        name: name of the service on the command line, and of its log.
        after: names of the services that must be ready before it starts.
    """

    name: str
    after: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def ports(self) -> dict[str, int]:
        """The ports that it listens on, by purpose."""

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that it has and the other services do not."""
        return {}

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that runs it."""

    def start_command(self) -> list[str]:
        """Return the command line with which it starts fastest."""
        return self.command()

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it answers the request of a client."""

    def fault(self) -> StackError | None:
        """Return why it will not become ready, None if it may. Most services end instead."""
        return None

    def details(self) -> str:
        """Return what a status says about it besides its health; most have nothing to say."""
        return ""

    def prepare(self, environment: dict[str, str]) -> None:  # noqa: B027 - most need nothing
        """Create its part of the state folder, if it does not exist."""

    def format(self, variable: str, command: list[str], environment: dict[str, str]) -> None:
        """Create the service's data folder with a command, atomically.

        Args:
            variable: the environment variable that names the folder.
            command: the command that creates the folder.
            environment: environment of the service.

        Raises:
            ServiceFailed: the command ended with an error.
        """
        folder = Path(environment[variable])
        if folder.exists():
            return
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        result = subprocess.run(
            command,
            env={**environment, variable: str(unfinished)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode != 0:
            last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-8:])
            raise ServiceFailed(
                f"{self.name} could not create {folder}:\n{last}",
                "correct what it names and run `python -m stack up` again",
            )
        unfinished.rename(folder)


class JavaService(Service):
    """A service that runs in a JVM."""

    def start_command(self) -> list[str]:
        """Return the command line with the archive of its classes."""
        return java.with_class_archive(self.command(), self.name)


def is_listening(host: str, port: int) -> bool:
    """Return whether a server accepts connections."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False


def local_http() -> requests.Session:
    """Return a session without the user's proxy, which cannot reach this machine's servers."""
    session = requests.Session()
    session.trust_env = False
    return session
