"""What dbt does not check itself of the project: descriptions, contracts, and who reads whom."""

import re
from pathlib import Path

from stack.settings import ROOT
from tests.end_to_end.project import Node, manifest, relations

LAYERS = ["reference", "staging", "flattened", "core", "items", "questions", "operations"]


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
    assert tests == ["row_checks"]
    tested = {unit["model"] for unit in manifest()["unit_tests"].values()}
    assert relation["name"] in tested


def test_every_test_says_what_has_to_be_true() -> None:
    for node in manifest()["nodes"].values():
        if node["resource_type"] == "test":
            assert node["description"].endswith("."), node["name"]


def test_every_macro_is_described_down_to_its_arguments() -> None:
    """With `validate_macro_args` dbt lists the arguments that a macro has, described or not."""
    for macro in manifest()["macros"].values():
        if macro["package_name"] == "assay":
            assert macro["description"], macro["name"]
            for argument in macro["arguments"]:
                # dbt's own argument of a materialization has nothing to describe.
                if argument["name"] != "supported_languages":
                    assert argument["type"] and argument["description"], (macro["name"], argument)


def test_no_file_of_macros_is_long() -> None:
    for macro in manifest()["macros"].values():
        if macro["package_name"] == "assay":
            path = ROOT / macro["original_file_path"]
            assert len(path.read_text().splitlines()) <= 120, path


def test_sources_have_freshness_and_their_columns_are_described() -> None:
    for source in manifest()["sources"].values():
        if source["source_name"] == "raw":
            assert source["freshness"]["error_after"]["count"], source["name"]
        assert all(column["description"] for column in source["columns"].values())


def test_every_question_is_shown_to_somebody() -> None:
    """Exposures name what depends on the models: the demo and analysts."""
    shown = {
        parent
        for exposure in manifest()["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
    }
    for node in relations():
        if node["config"]["schema"] in ("items", "questions"):
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
                if layer in ("core", "items", "questions"):
                    assert upper != "staging", (parent, node["name"])
