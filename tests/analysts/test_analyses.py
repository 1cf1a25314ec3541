"""The analyses: dbt compiles them, they read marts only, and the sample has an answer to each."""

import time
from pathlib import Path

import pytest

from stack.settings import ROOT
from tests.end_to_end.project import is_analysis, manifest
from tests.end_to_end.warehouse import STRANGE, Row, dbt, rows

ANALYSES = {node["name"]: node for node in manifest()["nodes"].values() if is_analysis(node)}
LONGEST_SECONDS = 5

analyses = pytest.mark.parametrize("name", sorted(ANALYSES))


def test_there_are_twelve() -> None:
    assert len(ANALYSES) == 12


@analyses
def test_it_begins_with_its_question(name: str) -> None:
    first, _ = (ROOT / ANALYSES[name]["original_file_path"]).read_text().split("\n", 1)
    assert first.startswith("-- ") and first.endswith("?")
    described = " ".join(ANALYSES[name]["description"].split())
    assert described.startswith("For ") and "One row per " in described
    assert first.removeprefix("-- ") in described


@analyses
def test_it_reads_marts_only(name: str) -> None:
    parents = ANALYSES[name]["depends_on"]["nodes"]
    assert parents
    for parent in parents:
        assert manifest()["nodes"][parent]["fqn"][1] == "marts", parent


@pytest.fixture(scope="module")
def compiled(sample_demo: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL of each, as `dbt compile` writes it."""
    folder = tmp_path_factory.mktemp("compiled")
    dbt("compile", "--select", "resource_type:analysis", "--target-path", str(folder))
    files = Path(folder, "compiled", "assay", "analyses").glob("*.sql")
    return {file.stem: file.read_text() for file in files}


@pytest.mark.services
@analyses
def test_the_sample_has_an_answer_soon_and_in_one_order(
    name: str, compiled: dict[str, str]
) -> None:
    assert "audit." not in compiled[name], "it reads what is published"
    seconds, found = timed(compiled[name])
    again, the_same = timed(compiled[name], **STRANGE)
    assert found and the_same == found
    assert min(seconds, again) < LONGEST_SECONDS  # a busy machine can delay one of them


def timed(sql: str, **settings: str) -> tuple[float, list[Row]]:
    begun = time.monotonic()
    found = rows(sql, **settings)
    return time.monotonic() - begun, found
