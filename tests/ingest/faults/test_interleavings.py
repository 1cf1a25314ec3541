"""Jobs that plan and commit in any order: each message is once in the table in the end.

What overtakes a plan need not have rows: a batch of aborted transactions has none, and neither has
an accepted decision. And what was overtaken by such a batch may overtake another plan in its turn.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from ingest import read
from ingest.errors import CommitLost
from ingest.run import Bounds, Job, Planned
from ingest.settings import Settings
from ingest.spark import connected
from ingest.topic import Source
from tests.ingest.faults import hand
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

JOBS = 3
# The topic is, so many times: an aborted record, the mark of its transaction, a record.
REPEATS = 4
NO_ROW, ONE_ROW, EVERYTHING = Bounds(max_messages=2), Bounds(max_messages=3), Bounds()

# A job that has no plan makes one, with these bounds; one that has a plan commits it.
steps = st.tuples(st.integers(0, JOBS - 1), st.sampled_from([NO_ROW, ONE_ROW, EVERYTHING]))


@pytest.fixture(scope="module")
def spark(stack: object) -> Iterator[SparkSession]:
    """Spark as a job has it."""
    with connected(Settings()) as session:
        yield session


@pytest.mark.long
@given(schedule=st.lists(steps, min_size=8, max_size=12))
# 0 plans, 1 commits no rows, 2 plans: of 0 and 2 only one may commit, whichever comes first.
@example([(0, EVERYTHING), (1, NO_ROW), (1, NO_ROW), (2, EVERYTHING), (0, NO_ROW), (2, NO_ROW)])
@example([(0, EVERYTHING), (1, NO_ROW), (1, NO_ROW), (2, EVERYTHING), (2, NO_ROW), (0, NO_ROW)])
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_each_message_is_committed_once(
    kafka: str, spark: SparkSession, schedule: list[tuple[int, Bounds]]
) -> None:
    topic = f"any-order-{uuid.uuid4().hex[:12]}"
    hand.create(kafka, topic, partitions=1)
    with hand.transacting(kafka, topic) as producer:
        for n in range(REPEATS):
            hand.in_transaction(producer, topic, b"aborted", commit=False)
            hand.send(kafka, topic, b"%d" % n)
    oracle = Oracle(kafka, topic)
    topic_settings = Settings(topic=topic)
    read.register(spark, topic_settings.connection())
    with ExitStack() as sources:
        jobs = [
            Job(topic_settings, spark, sources.enter_context(Source(topic_settings)), print)
            for _ in range(JOBS)
        ]
        jobs[0].prepare()
        plans: dict[int, Planned] = {}
        for slot, bounds in schedule:
            job = jobs[slot]
            if slot in plans:
                with suppress(CommitLost):  # it was overtaken
                    job.commit(plans.pop(slot), time.monotonic())
                continue
            job.forget()
            if (plan := job.plan(bounds)).ranges:
                plans[slot] = plan
        oracle.assert_right(drained=False)
        jobs[0].forget()
        jobs[0].run(EVERYTHING)
        assert jobs[0].run(EVERYTHING) is None
    assert oracle.assert_right().rows == REPEATS
