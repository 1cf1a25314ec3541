"""Every dbt node of the demo's build as a test of its own, and what dbt does not check itself."""

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stack.settings import ROOT
from tests.end_to_end.conftest import query

Node = dict[str, Any]


@cache
def manifest() -> Node:
    """What dbt makes of the project, without any service."""
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each node, named as dbt names it."""
    if "node" in metafunc.fixturenames:
        nodes = manifest()["nodes"] | manifest()["unit_tests"]
        metafunc.parametrize("node", sorted(nodes), ids=lambda node: node.split(".", 1)[1])
    if "relation" in metafunc.fixturenames:
        relations = [n for n in manifest()["nodes"].values() if n["resource_type"] != "test"]
        metafunc.parametrize("relation", relations, ids=lambda node: node["name"])


@cache
def results(target: Path) -> dict[str, Node]:
    content = json.loads((target / "run_results.json").read_text())
    return {result["unique_id"]: result for result in content["results"]}


@pytest.fixture(scope="session")
def first_build(dbt_target: Path) -> dict[str, Node]:
    return results(dbt_target)


@pytest.mark.services
def test_node(node: str, first_build: dict[str, Node]) -> None:
    result = first_build[node]
    assert result["status"] in ("success", "pass"), result["message"]


@pytest.mark.services
def test_its_columns_are_those_described(relation: Node, sample_demo: str) -> None:
    """Contracts over Thrift see coarse types only; these are the full ones."""
    rows = query(f"describe table {relation['schema']}.{relation['alias']}")
    found = {}
    for name, type_, comment in rows:
        if not name or name.startswith("#"):
            break
        found[name] = (type_, comment)
    described = relation["columns"]
    assert list(found) == list(described)
    for name, (type_, comment) in found.items():
        assert comment == described[name]["description"], name
        assert described[name]["data_type"] in (None, type_), name
        if relation["config"].get("contract", {}).get("enforced"):
            assert described[name]["data_type"], name


def test_it_is_described_down_to_its_columns(relation: Node) -> None:
    assert re.search(r"One row( per [^.]+)?\.\s*$", relation["description"]), "no grain"
    undescribed = [n for n, column in relation["columns"].items() if not column["description"]]
    assert not undescribed
    stem = Path(relation["original_file_path"]).with_suffix("")
    assert relation["patch_path"].endswith(f"{stem}.yml"), "its YAML is not beside it"


def test_sources_have_freshness_and_their_columns_are_described() -> None:
    for source in manifest()["sources"].values():
        assert source["freshness"]["error_after"]["count"], source["name"]
        assert all(column["description"] for column in source["columns"].values())


def test_data_walks_one_way() -> None:
    """Nothing after staging reads raw, and nothing in the marts reads staging."""
    layers = {"staging": 1, "flattened": 2, "core": 3, "questions": 4}
    for node in manifest()["nodes"].values():
        if node["resource_type"] != "model":
            continue
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("source."):
                assert node["schema"] == "staging", node["name"]
            elif parent.startswith("model."):
                upstream = layers[manifest()["nodes"][parent]["schema"]]
                assert upstream <= layers[node["schema"]], (parent, node["name"])
                if node["schema"] in ("core", "questions"):
                    assert upstream > layers["staging"], (parent, node["name"])
