"""Jobs that plan and commit in any order: each message is in the table once in the end.

A commit between the plan and the commit of another job may have no rows: a batch of aborted
transactions has none, and neither has a recorded decision. The other job may then still commit,
and that commit may come between the plan and the commit of a third one.
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
from ingest.errors import CommitConflict
from ingest.plan import BatchLimits, BatchPlan
from ingest.run import Job
from ingest.settings import Settings
from ingest.spark import connected
from ingest.topic import Source
from tests.ingest.faults import kafka_actions
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

JOBS = 3
# The topic repeats so many times: an aborted record, its control record, a record.
REPEATS = 4
NO_ROW, ONE_ROW, EVERYTHING = (
    BatchLimits(max_messages=2),
    BatchLimits(max_messages=3),
    BatchLimits(),
)

# A step: a job without a plan makes one with these limits; a job with a plan commits it.
steps = st.tuples(st.integers(0, JOBS - 1), st.sampled_from([NO_ROW, ONE_ROW, EVERYTHING]))


@pytest.fixture(scope="module")
def spark(stack: object) -> Iterator[SparkSession]:
    """The Spark session of a job."""
    with connected(Settings()) as session:
        yield session


@pytest.mark.long
@given(schedule=st.lists(steps, min_size=8, max_size=12))
# 0 plans, 1 commits no rows, 2 plans: only one of 0 and 2 may commit, in either order.
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
    kafka: str, spark: SparkSession, schedule: list[tuple[int, BatchLimits]]
) -> None:
    topic = f"any-order-{uuid.uuid4().hex[:12]}"
    kafka_actions.create(kafka, topic, partitions=1)
    with kafka_actions.transacting(kafka, topic) as producer:
        for n in range(REPEATS):
            kafka_actions.in_transaction(producer, topic, b"aborted", commit=False)
            kafka_actions.send(kafka, topic, b"%d" % n)
    oracle = Oracle(kafka, topic)
    topic_settings = Settings(topic=topic)
    read.register(spark, topic_settings.connection())
    with ExitStack() as sources:
        jobs = [
            Job(topic_settings, spark, sources.enter_context(Source(topic_settings)), print)
            for _ in range(JOBS)
        ]
        jobs[0].prepare()
        plans: dict[int, BatchPlan] = {}
        for slot, limits in schedule:
            job = jobs[slot]
            if slot in plans:
                with suppress(CommitConflict):  # another job committed first
                    plan = plans.pop(slot)
                    job.commit(plan, job.read(plan, plan.ranges), time.monotonic())
                continue
            if (plan := job.plan(limits)).ranges:
                plans[slot] = plan
        oracle.assert_right(drained=False)
        jobs[0].run(EVERYTHING)
        assert jobs[0].run(EVERYTHING) is None
    assert oracle.assert_right().rows == REPEATS
