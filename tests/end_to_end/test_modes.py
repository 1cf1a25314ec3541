"""One warehouse on the cluster, on the local services and after a restore: its content is equal."""

import shutil
from pathlib import Path

import pytest

from stack import lifecycle
from stack.settings import Settings
from tests.conftest import STATE, own_stack
from tests.end_to_end.conftest import PUBLISHED, answers, demo, query
from tests.end_to_end.project import relations
from tests.end_to_end.warehouse import content, dbt, differences, disagreements, seen_by_readers
from tests.ingest.harness import ingest

pytestmark = [pytest.mark.cluster, pytest.mark.services, pytest.mark.long]


@pytest.fixture(params=["sample", "real export"])
def file(request: pytest.FixtureRequest) -> list[str]:
    """The demo's arguments."""
    if request.param == "sample":
        return []
    real: Path = request.getfixturevalue("real_export")
    return [str(real)]


def change_to(settings: Settings, *, cluster: bool) -> None:
    lifecycle.down(settings)
    lifecycle.up(settings.model_copy(update={"cluster": cluster}), print)


def test_the_content_is_equal(file: list[str]) -> None:
    with own_stack(STATE.with_name(f"{STATE.name}-modes"), cluster=True) as settings:
        demo(*file)
        tables = seen_by_readers(relations())
        on_cluster = content(tables)
        assert answers() == PUBLISHED
        assert disagreements() == []

        change_to(settings, cluster=False)
        assert differences(on_cluster, content(tables)) == {}
        dbt("build", "--full-refresh")
        assert differences(on_cluster, content(tables)) == {}

        lifecycle.down(settings)
        shutil.rmtree(settings.state / "metastore")
        lifecycle.up(settings, print)
        assert ("raw",) not in query("show schemas")
        assert "registered raw.assess with 3,280 rows" in ingest("restore")
        assert "nothing new" in ingest("run")
        dbt("build")
        assert differences(on_cluster, content(tables)) == {}
        assert answers() == PUBLISHED
