"""A topic and a Spark session for the tests of ingest."""

import os
import uuid
from collections.abc import Iterator

import pytest
from kafka.admin import ConfigResource
from pyspark.sql import SparkSession

from stack.settings import Settings
from tests.ingest.faults import kafka_actions
from tests.ingest.harness import ingest


@pytest.fixture
def topic(stack: Settings) -> str:
    """A new topic with three partitions; its name."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    ingest("topic", "create", "--topic", name)
    return name


@pytest.fixture(scope="module")
def spark(stack: Settings) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(os.environ["ASSAY_SPARK"]).create()
    yield session
    session.stop()


@pytest.fixture
def any_time(topic: str) -> str:
    """A topic that accepts every timestamp; by default brokers refuse those of the future."""
    with kafka_actions.admin(os.environ["ASSAY_KAFKA"]) as admin:
        anything = {"message.timestamp.after.max.ms": str(2**63 - 1)}
        admin.alter_configs([ConfigResource("TOPIC", topic, anything)], incremental=True)
    return topic
