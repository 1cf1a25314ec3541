"""The fenced blocks of the documents, run as a reader types them."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stack.settings import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What a block's last line says if it is meant to fail.
FAILS = "# fails"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".stack*", ".env", "target", "logs", ".*cache")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str

    def as_shell(self) -> str:
        """What a reader does with it: type the commands, or write the file that it names."""
        if self.language == "sh":
            return self.text
        first, _, content = self.text.partition("\n")
        return f"cat > '{first.lstrip('-# ')}' <<'END OF FILE'\n{content}END OF FILE\n"


@dataclass(frozen=True)
class Outcome:
    """What became of a block: all that it printed, and the commands that failed."""

    block: Block
    output: str
    failed: list[str]


def blocks(document: Path, *languages: str) -> list[Block]:
    """The blocks of a document in these languages, in their order."""
    found = [Block(language, text) for language, text in BLOCK.findall(document.read_text())]
    return [block for block in found if block.language in languages]


def run(wanted: list[Block], folder: Path, timeout: float, **environment: str) -> list[Outcome]:
    """Run blocks one after the other in one shell, as a reader does, whether they fail or not."""
    end = "end-of-a-block"
    script = ["trap 'echo \"failed-command $BASH_COMMAND\"' ERR", "exec 2>&1"]
    for block in wanted:
        script += [block.as_shell(), f"echo {end}"]
    variables = {n: v for n, v in os.environ.items() if not n.startswith("DBT_")}
    result = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**variables, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout,
        check=False,
    )
    outputs = COLOUR.sub("", result.stdout).split(f"{end}\n")
    assert len(outputs) == len(wanted) + 1, result.stdout
    return [
        Outcome(block, output, re.findall(r"^failed-command (.*)$", output, re.M))
        for block, output in zip(wanted, outputs[:-1], strict=True)
    ]


def check(outcomes: list[Outcome]) -> None:
    """Assert that those blocks failed that say so, and no other."""
    for outcome in outcomes:
        last = outcome.block.text.splitlines()[-1]
        is_expected = len(outcome.failed) == 1 if last.endswith(FAILS) else not outcome.failed
        assert is_expected, f"{outcome.block.text}\n{outcome.output}"
        assert "Traceback" not in outcome.output, outcome.output


def copy_of_the_project(folder: Path) -> Path:
    """Copy the project, with a virtual environment that runs the programs of this one."""
    copy = folder.resolve() / "assay"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=LEFT_OUT)
    venv = copy / ".venv"
    (venv / "bin").mkdir(parents=True)
    for program in Path(sys.executable).parent.iterdir():
        # Not uv, so that nothing can be installed, and not Python, which would find its packages,
        # and so the Java of the services, by the path of the link.
        if not program.name.startswith(("uv", "python")):
            (venv / "bin" / program.name).symlink_to(program)
    for name in ("python", "python3"):
        program = venv / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        program.chmod(0o755)
    # As `stack/bootstrap.py` marks what it has installed, so that it installs nothing.
    made_for = sys.version.encode() + os.fsencode(venv)
    wanted = (ROOT / "requirements" / "run.txt").read_bytes()
    (venv / "installed-run").write_text(hashlib.sha256(wanted + made_for).hexdigest())
    return copy
