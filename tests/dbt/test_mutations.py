"""The list of planted defects is still true of the models, and its document of the list."""

import pytest

from tests.dbt.mutations import MUTATIONS, Mutation, rows


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_can_still_be_planted_and_was_caught(mutation: Mutation) -> None:
    assert mutation.before in mutation.path.read_text()
    assert mutation.before != mutation.after
    row = rows()[mutation.name]
    assert "**not caught**" not in row and row.count("`") >= 4, row


def test_the_document_has_nothing_else() -> None:
    assert set(rows()) == {mutation.name for mutation in MUTATIONS}
    assert len(MUTATIONS) >= 20
