"""The examples of CONTRIBUTING.md apply to the project; dbt and the linters accept the result."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.settings import ROOT

DOCUMENT = (ROOT / "CONTRIBUTING.md").read_text()
COPIED = (
    *("dbt_project.yml", "profiles.yml", "selectors.yml", "dbt-bouncer.yml", "pyproject.toml"),
    *(".sqlfluff", ".sqlfluffignore", "macros", "models", "tests", "ingest", "sample", "stack"),
)


def blocks(*languages: str) -> list[str]:
    """The fenced blocks in these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", DOCUMENT, re.M | re.S)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all examples in it."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    for block in blocks("sql", "yaml", "python"):
        write_file(folder, block)
    for block in blocks("diff"):
        apply_diff(folder, block)
    return folder


def write_file(folder: Path, block: str) -> None:
    """Write a block to the new file that its first line names."""
    first, _, content = block.partition("\n")
    path = folder / first.lstrip("-# ")
    assert not path.exists(), first
    path.write_text(content)


def apply_diff(folder: Path, diff: str) -> None:
    """Apply a diff without line numbers: what a hunk replaces stands once in the file."""
    for part in diff.split("--- a/")[1:]:
        head, *hunks = part.split("@@\n")
        path = folder / head.splitlines()[0]
        for hunk in hunks:
            lines = hunk.splitlines()
            before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
            after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
            content = path.read_text()
            assert content.count(before) == 1, f"{path.name} has not once: {before}"
            path.write_text(content.replace(before, after))


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run a program of the virtual environment in the copy."""
    result = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_task_has_an_example() -> None:
    for section in re.split(r"^## ", DOCUMENT, flags=re.M)[1:-2]:
        assert "```" in section, section.splitlines()[0]


def test_dbt_and_the_linters_accept_the_models(project: Path) -> None:
    run(project, "dbt", "--quiet", "--warn-error", "parse", "--target-path", "target")
    run(project, "dbt-bouncer", "run")
    examples = [block.splitlines()[0].removeprefix("-- ") for block in blocks("sql")]
    run(project, "sqlfluff", "lint", *examples)


def test_python_examples_import_what_there_is(project: Path) -> None:
    touched = re.findall(r"^(?:# |\+\+\+ b/)(\S+\.py)$", DOCUMENT, re.M)
    run(project, "ruff", "check", "--no-cache", *touched)
    for block in blocks("python"):
        path = Path(block.splitlines()[0].removeprefix("# ")).with_suffix("")
        run(project, "python", "-c", f"import {'.'.join(path.parts)}")


def test_a_defect_can_be_planted(project: Path) -> None:
    check = "assert MUTATIONS[0].before in MUTATIONS[0].path.read_text()"
    run(project, "python", "-c", f"from tests.dbt.mutations import MUTATIONS; {check}")
