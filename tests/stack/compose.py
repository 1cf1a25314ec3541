"""docker-compose.yml as its tests read it: the containers, their commands and their variables."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stack.settings import ROOT

FILE = ROOT / "docker-compose.yml"
SECRETS = "/run/secrets/"
# What only the container of PostgreSQL runs, whose image is not ours.
DATABASE = "postgres"


@dataclass(frozen=True)
class Container:
    """One service of the file."""

    name: str
    content: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Its variables."""
        return dict(self.content["environment"])

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command that it runs: one, or those of a line of a shell."""
        return commands(self.content["command"])

    @property
    def check(self) -> list[str]:
        """The words of its health check."""
        kind, *words = self.content["healthcheck"]["test"]
        assert kind == "CMD"
        return list(words)

    @property
    def secrets(self) -> list[str]:
        """The names of the secrets that are mounted."""
        return list(self.content.get("secrets", []))

    @property
    def shared_volumes(self) -> dict[str, str]:
        """The folders in which it has the volumes of other containers, by name of the container."""
        found = [volume.split(":")[:2] for volume in self.content.get("volumes", [])]
        return {name: folder for name, folder in found if name != self.name and "/" not in name}

    @property
    def after(self) -> set[str]:
        """The names of the services that must be healthy before it starts."""
        return set(self.content.get("depends_on", {}))

    def environment_with(self, secrets: Path) -> dict[str, str]:
        """Its variables, with the secrets in another folder."""
        return {n: v.replace(SECRETS, f"{secrets}/") for n, v in self.environment.items()}


@cache
def content() -> dict[str, Any]:
    """The whole file."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


@cache
def containers() -> dict[str, Container]:
    """Each service of the file, by name."""
    return {name: Container(name, found) for name, found in content()["services"].items()}


def commands(words: list[str]) -> list[list[str]]:
    """Split a command that a shell runs into those that it consists of."""
    if words[:2] != ["sh", "-c"]:
        return [words]
    parts = re.split(r"&&|;", words[2])
    return [[w for w in shlex.split(part) if w != "exec"] for part in parts]
