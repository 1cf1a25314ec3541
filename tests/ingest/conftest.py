"""A topic and a Spark session for the tests of ingest."""

import os
import uuid
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from stack.settings import Settings
from tests.ingest.road import ingest


@pytest.fixture
def topic(stack: Settings) -> str:
    """The name of a topic of this test's own; three partitions."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    ingest("topic", "create", "--topic", name)
    return name


@pytest.fixture(scope="module")
def spark(stack: Settings) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(os.environ["ASSAY_SPARK"]).create()
    yield session
    session.stop()
