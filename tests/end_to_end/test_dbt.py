"""Every dbt node of a build as a test of its own, and what dbt does not check itself."""

import json
import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import query
from tests.end_to_end.project import Node, manifest, published, relations
from tests.end_to_end.warehouse import dbt

LAYERS = ["reference", "staging", "flattened", "core", "questions", "operations"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each node, named as dbt names it."""
    if "node" in metafunc.fixturenames:
        nodes = manifest()["nodes"] | manifest()["unit_tests"]
        metafunc.parametrize("node", sorted(nodes), ids=lambda node: node.split(".", 1)[1])
    if "relation" in metafunc.fixturenames:
        metafunc.parametrize("relation", relations(), ids=lambda node: node["name"])


@pytest.fixture(scope="session")
def results(dbt_target: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Node]:
    """What became of each node: in the demo's build, and the unit tests after it."""
    folder = tmp_path_factory.mktemp("unit")
    found = {}
    demo = json.loads((dbt_target / "run_results.json").read_text())
    dbt("test", "--select", "test_type:unit", "--target-path", str(folder))
    unit = json.loads((folder / "run_results.json").read_text())
    for result in demo["results"] + unit["results"]:
        found[result["unique_id"]] = result
    return found


@pytest.mark.services
def test_node(node: str, results: dict[str, Node]) -> None:
    result = results[node]
    assert result["status"] in ("success", "pass"), result["message"]


@pytest.fixture(scope="session")
def columns(sample_demo: str) -> dict[str, list[tuple[str, str, str]]]:
    """Name, full type and description of each published column."""
    return {
        node["name"]: [
            row for row in query(f"describe table {published(node)}") if row[0] and row[0][0] != "#"
        ]
        for node in relations()
    }


@pytest.mark.services
def test_its_columns_are_those_described(
    relation: Node, columns: dict[str, list[tuple[str, str, str]]]
) -> None:
    """As readers find them: names in order, full types, descriptions."""
    described = relation["columns"].values()
    found = columns[relation["name"]]
    assert [c[0] for c in found] == [c["name"] for c in described]
    assert [c[1] for c in found] == [c["data_type"] for c in described]
    if relation["config"]["materialized"] != "view":
        assert [c[2] for c in found] == [c["description"] for c in described]


def test_it_is_described_down_to_its_columns(relation: Node) -> None:
    assert re.search(r"One row( per [^.]+)?\.\s*$", relation["description"]), "no grain"
    undescribed = [n for n, column in relation["columns"].items() if not column["description"]]
    assert not undescribed
    stem = Path(relation["original_file_path"]).with_suffix("")
    assert relation["patch_path"].endswith(f"{stem}.yml"), "its YAML is not beside it"


def test_every_mart_has_a_contract_a_grain_and_a_unit_test(relation: Node) -> None:
    if relation["fqn"][1] != "marts":
        return
    assert relation["config"]["contract"]["enforced"]
    if relation["config"]["materialized"] == "view":
        return
    tests = [
        node["test_metadata"]["name"]
        for node in manifest()["nodes"].values()
        if node.get("attached_node") == relation["unique_id"]
    ]
    assert tests == ["is_sound"]
    tested = {unit["model"] for unit in manifest()["unit_tests"].values()}
    assert relation["name"] in tested


def test_every_test_says_what_has_to_be_true() -> None:
    for node in manifest()["nodes"].values():
        if node["resource_type"] == "test":
            assert node["description"].endswith("."), node["name"]


def test_every_macro_is_described() -> None:
    for macro in manifest()["macros"].values():
        if macro["package_name"] == "assay" and "materialization" not in macro["name"]:
            path = Path(macro["original_file_path"])
            assert re.search(r"\{#-?\s", path.read_text()), macro["name"]


def test_sources_have_freshness_and_their_columns_are_described() -> None:
    for source in manifest()["sources"].values():
        if source["source_name"] == "raw":
            assert source["freshness"]["error_after"]["count"], source["name"]
        assert all(column["description"] for column in source["columns"].values())


def test_every_question_is_shown_to_somebody() -> None:
    """Exposures name what depends on the models: notebook, dashboard, analysts."""
    shown = {
        parent
        for exposure in manifest()["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
    }
    for node in relations():
        if node["config"]["schema"] == "questions":
            assert node["unique_id"] in shown, node["name"]


def test_data_walks_one_way() -> None:
    """Only staging reads raw, and of the marts only operations read staging."""
    for node in relations():
        layer = node["config"]["schema"] if node["fqn"][1] != "flattened" else "flattened"
        for parent in node["depends_on"].get("nodes", []):
            if parent.startswith("source."):
                assert layer in ("staging", "operations"), node["name"]
                assert layer == "staging" or not parent.endswith(".raw.assess"), node["name"]
            elif parent.startswith("model."):
                upstream = manifest()["nodes"][parent]["fqn"][1:3]
                upper = upstream[1] if upstream[0] == "marts" else upstream[0]
                assert LAYERS.index(upper) <= LAYERS.index(layer), (parent, node["name"])
                if layer in ("core", "questions"):
                    assert upper != "staging", (parent, node["name"])
