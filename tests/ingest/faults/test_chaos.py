"""The chaos test, and a check that its verdict detects a duplicate."""

import os

import pytest

from stack.settings import Settings
from tests.ingest.faults import thrift
from tests.ingest.faults.chaos import ACTIONS, Chaos, plan

# Jobs and a worker are killed, NameNode and Spark restart, the topic is compacted.
SHORT = (2573, 40.0)
LONG = (20180128, 600.0)


def test_a_seed_repeats_its_actions() -> None:
    assert plan(7, 300) == plan(7, 300)
    assert plan(7, 300) != plan(8, 300)
    assert plan(7, 300)[: len(plan(7, 60))] == plan(7, 60)
    assert {action.what for action in plan(7, 1800)} == set(ACTIONS)


@pytest.mark.services
@pytest.mark.parametrize(
    ("number", "seconds"), [SHORT, pytest.param(*LONG, marks=pytest.mark.long)]
)
def test_chaos(stack: Settings, number: int, seconds: float) -> None:
    chaos = Chaos(stack, number, seconds, os.environ["ASSAY_KAFKA"])
    verdict = chaos.play()
    assert verdict.is_right, str(verdict)
    assert not chaos.wrong, chaos.wrong
    assert chaos.counts["jobs killed"] > 0 and chaos.counts["commits"] > 0

    # The oracle detects a duplicate row.
    table = thrift.table_of(chaos.topic)
    thrift.sql(f"insert into {table} select * from {table} order by partition, offset limit 1")
    assert len(chaos.oracle.judge().duplicated) == 1
