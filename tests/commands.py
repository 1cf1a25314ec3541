"""The project's commands, run as a user does."""

import os
import subprocess
import sys

from stack.settings import ROOT


def run_module(
    module: str, *arguments: str, expect: int, timeout: float, environment: dict[str, str]
) -> str:
    """Run `python -m module`, and return what it printed; an error has to name its remedy."""
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert result.returncode == expect, result.stdout + result.stderr
    if expect:
        assert "error:" in result.stderr and "remedy:" in result.stderr
        assert "Traceback" not in result.stderr
    return result.stdout + result.stderr
