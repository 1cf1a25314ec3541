"""Every `sh` block of the documents is run as written, or listed here with the reason why not."""

import re
from pathlib import Path

import pytest

from stack.settings import ROOT
from tests.end_to_end.blocks import DOCUMENTS, Block, blocks

# Documents whose blocks a test runs, all of them.
RUN_BY = {
    "docs/connect.md": "tests/analysts/test_connect.py",
    "docs/operations.md": "tests/end_to_end/test_first_session.py",
    "docs/tutorial.md": "tests/end_to_end/test_tutorial.py",
}
# By document and first word or words of a block, why no test runs it as it stands.
NOT_RUN = {
    ("CHANGELOG.md", "dbt build --full-refresh"): (
        "needs a warehouse of the version before; test_warehouse_commands.py runs these commands"
    ),
    ("CONTRIBUTING.md", "make check"): "runs the tests themselves",
    ("CONTRIBUTING.md", "python -m tests.dbt.mutations"): (
        "takes the defect of the example; test_contributing.py plants it in a copy"
    ),
    ("CONTRIBUTING.md", "make lock"): "asks an index for new versions, and changes the pins",
    ("CONTRIBUTING.md", "python -m stack jars"): (
        "runs the tests themselves; test_jars.py fetches and checks jars"
    ),
    (
        "docs/deploy.md",
        "(umask 077",
    ): "makes secrets; test_compose.py runs it in a folder of its own",
    ("docs/deploy.md", "export COMPOSE_ENV_FILES"): (
        "needs a container engine; test_containers.py runs what the containers run"
    ),
    ("docs/deploy.md", "docker compose exec -T postgres pg_dump"): "needs a container engine",
    ("docs/deploy.md", "dbt parse --target-path"): (
        "is typed in two versions of the project; test_warehouse_commands.py runs these commands"
    ),
    ("README.md", "make demo"): (
        "runs the tests themselves; test_demo.py and test_tutorial.py run `make demo`"
    ),
}


def of_all_documents() -> list[tuple[str, Block]]:
    """Each `sh` block, with the name of its document."""
    return [
        (str(document.relative_to(ROOT)), block)
        for document in DOCUMENTS
        for block in blocks(document, "sh")
    ]


def test_every_block_is_run_or_listed() -> None:
    expected = set(NOT_RUN)
    for name, block in of_all_documents():
        if name in RUN_BY:
            continue
        listed = [key for key in NOT_RUN if key[0] == name and block.text.startswith(key[1])]
        assert len(listed) == 1, f"{name}: no test runs this block:\n{block.text}"
        expected.discard(listed[0])
    assert not expected, f"there are no such blocks: {expected}"


@pytest.mark.parametrize(("document", "test"), RUN_BY.items(), ids=list(RUN_BY))
def test_a_document_that_is_run_has_blocks_and_its_test(document: str, test: str) -> None:
    assert blocks(ROOT / document, "sh")
    assert Path(document).name in (ROOT / test).read_text()


def test_other_languages_of_shells_are_not_used() -> None:
    for document in DOCUMENTS:
        found = re.findall(r"^```(bash|shell|console|zsh)$", document.read_text(), re.M)
        assert not found, document.name
