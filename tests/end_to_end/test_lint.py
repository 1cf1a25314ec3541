"""The SQL's style, and the rules of the house."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.settings import ROOT


@pytest.mark.parametrize(
    "command",
    [
        ("dbt", "--quiet", "--warn-error", "parse", "--target-path", "target"),
        ("dbt-bouncer", "run"),
        ("sqlfluff", "lint", "--processes", "2", "models", "analyses", "tests/dbt"),
    ],
    ids=lambda command: command[0],
)
def test_the_models_follow_the_style_and_the_rules(command: tuple[str, ...]) -> None:
    program = str(Path(sys.executable).with_name(command[0]))
    result = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
