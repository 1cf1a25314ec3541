"""The blocks of docs/operations.md, exactly as written, with services and a state of their own."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from stack import lifecycle, processes
from stack.settings import ROOT, Settings
from tests.conftest import claim_offset, forget_services
from tests.end_to_end.blocks import blocks, check, copy_of_the_project, run


@pytest.mark.long
@pytest.mark.services
def test_the_first_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_of_the_project(tmp_path)
    forget_services(monkeypatch)
    with ExitStack() as claim:
        settings = Settings(port_offset=claim_offset(claim), state=tmp_path / "state")
        own = {
            "ASSAY_PORT_OFFSET": str(settings.port_offset),
            "ASSAY_STATE": str(settings.state),
            **settings.client_environment(),
        }
        try:
            wanted = blocks(ROOT / "docs" / "operations.md", "sh")
            outcomes = run(wanted, project, timeout=1000, **own)
            assert not processes.find(settings.state)  # after its last command, `make down`
        finally:
            lifecycle.down(settings)
    check(outcomes)
    assert "100,000 messages into raw.assess" in outcomes[0].output
    assert "How many assessments were taken?" in outcomes[0].output
