"""The blocks of docs/connect.md run as they are written, and print what stands below them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from stack import bootstrap
from stack.settings import ROOT

pytestmark = pytest.mark.services

DOCUMENT = (ROOT / "docs" / "connect.md").read_text()
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.M | re.S)
# What the programs make beside the project's files; the tests make their own.
MADE = (".git", ".stack", "target", "logs", ".venv-impyla")


class Block(NamedTuple):
    """A block that is run, and what it prints."""

    section: str
    language: str
    code: str
    output: str


def blocks() -> list[Block]:
    """All but those on the server of readers, which tests/stack/test_readers.py runs."""
    return [
        Block(section.splitlines()[0], *found)
        for section in DOCUMENT.split("\n## ")[1:]
        if not section.startswith("The server of readers")
        for found in BLOCK.findall(section)
    ]


FIRST, *OTHERS = blocks()


@pytest.fixture(scope="module")
def folder(sample_demo: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout made of links, so that what the blocks write does not lie in the real one."""
    made = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if not path.name.startswith(MADE):
            (made / path.name).symlink_to(path)
    return made


@pytest.fixture(scope="module")
def environment(folder: Path, inherited: dict[str, str]) -> dict[str, str]:
    """The variables that the first block sets, and those by which the shell finds packages."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in inherited.items():
            patch.setenv(name, value)
        given = {n: v for n, v in bootstrap.environment().items() if n.startswith(("PIP_", "UV_"))}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    shell = f"{FIRST.code}\nenv --null"
    printed = run(["bash", "-euo", "pipefail", "-c", shell], folder, given | kept)
    return dict(line.split("=", 1) for line in printed.split("\0") if line)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def interpreter(block: Block) -> list[str]:
    """What runs a block: the section on impyla makes an environment of its own first."""
    if block.language == "sh":
        return ["bash", "-euo", "pipefail", "-c"]
    return [".venv-impyla/bin/python" if block.section.endswith("impyla") else "python", "-c"]


def test_each_client_has_a_block_with_its_output() -> None:
    sections = {block.section for block in OTHERS if block.output}
    clients = {section for section in re.findall("^## (.*)", DOCUMENT, re.M) if ":" in section}
    assert sections == clients | {"Beeline and JDBC"}
    assert "untested" in DOCUMENT.split("## DBeaver")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    "block", OTHERS, ids=[f"{number} {block.section}" for number, block in enumerate(OTHERS)]
)
def test_block(block: Block, folder: Path, environment: dict[str, str]) -> None:
    program, *arguments = interpreter(block)
    found = shutil.which(program, path=environment["PATH"]) or program
    printed = run([found, *arguments, block.code], folder, environment)
    assert printed or not block.output
    if block.language == "python":
        assert printed == block.output
    else:  # Beeline prints its prompt as well
        assert set(block.output.splitlines()) <= set(printed.splitlines())


def test_pyhive_still_takes_schemas_for_tables(
    sample_demo: str, folder: Path, environment: dict[str, str]
) -> None:
    """Why the document shows how to reflect one table. Where this fails, it can be shorter."""
    code = """
import os
from sqlalchemy import create_engine, inspect
engine = create_engine(f"hive://assay@127.0.0.1:{os.environ['ASSAY_THRIFT_PORT']}/questions")
print(set(inspect(engine).get_table_names(schema="questions")))
"""
    python = shutil.which("python", path=environment["PATH"]) or ""
    assert run([python, "-c", code], folder, environment) == "{'questions'}\n"
