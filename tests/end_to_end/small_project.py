"""The project with fewer models, for tests of what dbt's commands do to a warehouse.

It has each layer and materialization, and the same macros. A build takes a third of the time.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack.settings import ROOT
from tests.end_to_end.project import Node, manifest
from tests.end_to_end.warehouse import session

SCHEMAS = (
    *("audit", "staging", "flattened", "reference"),
    *("core", "items", "questions", "operations"),
)
COPIED = (
    *("dbt_project.yml", "profiles.yml", "selectors.yml", "macros"),
    *("tests/dbt/_tests.yml", "models/_docs.md", "models/staging/_sources.yml"),
)


@contextmanager
def small_project(folder: Path, wanted: tuple[str, ...]) -> Iterator[list[Node]]:
    """Have dbt take a copy of the project with these models and those that they are made of."""
    models = copy_project(folder, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PROJECT_DIR", str(folder))
        patch.setenv("DBT_PROFILES_DIR", str(folder))
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        yield models


def drop_schemas() -> None:
    """Take away all that dbt made."""
    session(*(f"drop schema if exists {schema} cascade" for schema in SCHEMAS))


def copy_project(folder: Path, wanted: tuple[str, ...]) -> list[Node]:
    """Copy the project with the wanted models and those they are made of; returns these models."""
    nodes = manifest()["nodes"]
    kept = ancestors({f"model.assay.{name}" for name in wanted})
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for model in kept:
        path = Path(nodes[model]["original_file_path"])
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
        described = (ROOT / path).with_suffix(".yml").read_text()
        (folder / path).with_suffix(".yml").write_text(with_parents_only(kept, described))
    for node in nodes.values():
        parents = node["depends_on"]["nodes"]
        is_single = node["resource_type"] == "test" and "test_metadata" not in node
        if is_single and parents and kept.issuperset(parents):
            path = Path(node["original_file_path"])
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    return [nodes[name] for name in sorted(kept)]


def ancestors(names: set[str]) -> set[str]:
    """These models, and all models that they are made of."""
    nodes = manifest()["nodes"]
    parents = {p for name in names for p in nodes[name]["depends_on"]["nodes"] if p in nodes}
    return names if parents <= names else ancestors(names | parents)


def with_parents_only(kept: set[str], described: str) -> str:
    """A model's YAML without the relationships to models that are not kept."""
    described = re.sub(
        r"^ +- \{columns: .*ref\('(\w+)'\).*\n",
        lambda line: line[0] if f"model.assay.{line[1]}" in kept else "",
        described,
        flags=re.MULTILINE,
    )
    return re.sub(r"^ +relationships:\n(?! +- \{columns)", "", described, flags=re.MULTILINE)
