"""The metrics: one for each model of the questions and items, as its YAML describes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dictionary.errors import DictionaryError

Node = dict[str, Any]

FOLDERS = {"questions": "Questions", "items": "Items"}
# What `dbt-bouncer.yml` requires of these descriptions.
DESCRIPTION = re.compile(
    r"(?P<question>[^.?]+\?)\s+(?P<definition>.*?)"
    r"(?:\s*\bLimits: (?P<limits>.*?))?\s*(?P<grain>\bOne\s+row[^.]*\.)\s*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Column:
    """A column of a metric's table."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Metric:
    """What a reader has to know of a question's model.

    Args:
        name: of the model.
        table: the name under which it is published.
        folder: the heading under which it stands.
        min_n: with fewer attempts or responses behind a row, there is no row or no figure.
        rules: what is true of each row, as its data tests say.
        cases: what its unit tests show.
        made_from: the models that it reads.
    """

    name: str
    table: str
    folder: str
    question: str
    definition: str
    limits: str
    grain: str
    formula: str
    unit: str
    population: str
    min_n: int
    columns: list[Column]
    rules: list[str]
    cases: list[str]
    made_from: list[str]


def metrics(manifest: Node) -> list[Metric]:
    """Return all metrics of dbt's manifest, by folder, the answers first in theirs.

    Raises:
        DictionaryError: a description or a field is missing.
    """
    folders = list(FOLDERS)
    found = [
        (folders.index(node["fqn"][-2]), node["name"] != "answers", node["name"], node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][-2] in folders
    ]
    return [metric(node, manifest) for _, _, _, node in sorted(found, key=lambda each: each[:3])]


def metric(node: Node, manifest: Node) -> Metric:
    """Return the metric of a model.

    Raises:
        DictionaryError: its description or a field is missing.
    """
    described = DESCRIPTION.fullmatch(node["description"])
    meta = node["config"]["meta"]
    missing = {"formula", "unit", "population", "min_n"} - set(meta)
    if not described or missing:
        problem = f"has no {', '.join(sorted(missing))}" if missing else "is not described"
        raise DictionaryError(
            f"the model {node['name']} {problem}",
            f"correct {node['original_file_path'].removesuffix('.sql')}.yml as CONTRIBUTING.md, "
            "'Add a question', shows; `make lint` finds such models",
        )
    parts = {name: " ".join((text or "").split()) for name, text in described.groupdict().items()}
    return Metric(
        name=node["name"],
        table=f"{node['config']['schema']}.{node['alias']}",
        folder=FOLDERS[node["fqn"][-2]],
        **parts,
        formula=meta["formula"],
        unit=meta["unit"],
        population=meta["population"],
        min_n=meta["min_n"],
        columns=[
            Column(each["name"], each["data_type"], each["description"])
            for each in node["columns"].values()
        ],
        rules=list(rules(node, manifest)),
        cases=[
            test["name"].replace("_", " ")
            for test in manifest["unit_tests"].values()
            if test["model"] == node["name"]
        ],
        made_from=[name.split(".")[-1] for name in node["depends_on"]["nodes"]],
    )


def rules(node: Node, manifest: Node) -> Iterator[str]:
    """What the data tests of a model say in words, those of several models included."""
    for test in manifest["nodes"].values():
        if test["resource_type"] != "test":
            continue
        if test.get("attached_node") == node["unique_id"]:
            yield from row_rules(test["test_metadata"]["kwargs"])
        elif "test_metadata" not in test and node["unique_id"] in test["depends_on"]["nodes"]:
            yield test["description"].strip().rstrip(".")


def row_rules(checks: Node) -> Iterator[str]:
    """The rules of `row_checks` in words."""
    key = checks["unique_key"]
    yield f"one row for each {names(key)}, which is never null" if key else "exactly one row"
    if filled := checks.get("not_null"):
        yield f"never null: {names(filled)}"
    for column, values in checks.get("accepted_values", {}).items():
        yield f"`{column}` is one of {names(values)}"
    for each in checks.get("relationships", []):
        parent = re.sub(r"ref\('(\w+)'\)", r"\1", each["to"])
        yield f"{names(each['columns'])} is in `{parent}`"
    yield from (each["name"] for each in checks.get("expressions", []))


def names(values: list[Any]) -> str:
    """A list of names as code."""
    return ", ".join(f"`{value}`" for value in values)
