"""What dbt makes of the project, without any service."""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from stack.settings import ROOT

Node = dict[str, Any]


@cache
def manifest() -> Node:
    """All nodes, parsed with every warning as an error."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sys.executable).with_name("dbt"))
        result = subprocess.run(
            [program, "--no-use-colors", "--warn-error", "parse", "--no-partial-parse"],
            cwd=ROOT,
            env={**os.environ, "DBT_TARGET_PATH": folder, "DBT_LOG_PATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout
        content: Node = json.loads((Path(folder) / "manifest.json").read_text())
    return content


def relations() -> list[Node]:
    """Models and seeds."""
    return [n for n in manifest()["nodes"].values() if n["resource_type"] in ("model", "seed")]


def published(node: Node) -> str:
    """The name under which readers find a model or seed."""
    return f"{node['config']['schema']}.{node['alias']}"


def is_analysis(node: Node) -> bool:
    """Whether it is only compiled: no build makes it."""
    return bool(node["resource_type"] == "analysis")
