"""The blocks of docs/tutorial.md, exactly as written, in a copy of the project."""

import pytest

from stack.settings import ROOT, Settings
from tests.end_to_end.blocks import Outcome, blocks, check, copy_of_the_project, run
from tests.end_to_end.conftest import query

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def outcomes(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What became of each block."""
    project = copy_of_the_project(tmp_path_factory.mktemp("tutorial"))
    wanted = blocks(ROOT / "docs" / "tutorial.md", "sh", "sql", "yaml")
    return run(wanted, project, timeout=1000)


def said(outcomes: list[Outcome], command: str) -> str:
    """What the only block with this command printed."""
    [found] = [each for each in outcomes if command in each.block.text]
    return found.output


def test_every_block_does_what_its_text_says(outcomes: list[Outcome]) -> None:
    check(outcomes)
    assert "Learning Git" in said(outcomes, "make demo")
    assert "question_count" in said(outcomes, "describe core.fct_attempts")
    wrong = said(outcomes, "# fails")
    assert "lengths_are_counted_without_test_records" in wrong
    assert "2→4" in wrong
    assert "metrics.html" in said(outcomes, "make docs")


def test_the_published_table_has_every_attempt_with_a_length(outcomes: list[Outcome]) -> None:
    printed = said(outcomes, "from questions.attempts_by_length")
    rows = [line.split("|")[1:4] for line in printed.splitlines() if line.count("|") == 4]
    found = [tuple(int(cell) for cell in row) for row in rows if row[0].strip().isdigit()]
    assert found == query(
        "select question_count, sum(message_count), count(*) from core.fct_attempts "
        "where question_count is not null group by question_count order by question_count"
    )


def test_nothing_is_left_of_it(outcomes: list[Outcome]) -> None:
    assert "dropped view questions.attempts_by_length" in said(outcomes, "drop_stale_relations")
    assert not query("show views in questions like 'attempts_by_length'")
    assert not query("show tables in audit like 'attempts_by_length'")
