"""The SQL's style: sqlfluff's dbt templater asks the server for its tables."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.settings import ROOT, Settings


@pytest.mark.services
def test_the_sql_follows_the_style(stack: Settings) -> None:
    program = str(Path(sys.executable).with_name("sqlfluff"))
    result = subprocess.run(
        [program, "lint", "models", "tests/dbt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
