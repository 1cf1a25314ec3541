"""Run the project's commands as a user does."""

import os
import subprocess
import sys

from stack.settings import ROOT


def run_module(
    module: str, *arguments: str, expect: int, timeout: float, environment: dict[str, str]
) -> str:
    """Run `python -m module` and return its output; an error must name its remedy."""
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    check(result.returncode, result.stdout, result.stderr, expect)
    return result.stdout + result.stderr


def check(code: int, output: str, errors: str, expect: int) -> None:
    """Assert that a command ended as expected, and that an error names its remedy."""
    assert code == expect, output + errors
    if expect:
        assert "error:" in errors and "remedy:" in errors
        assert "Traceback" not in errors
