"""The fixtures of the fault tests."""

import uuid
from collections.abc import Iterator

import pytest

from stack.settings import Settings
from tests.ingest.faults import broker as brokers
from tests.ingest.faults import kafka_actions
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy


@pytest.fixture(scope="package")
def _second_broker(stack: Settings) -> Iterator[tuple[Broker, Proxy]]:
    with brokers.running(stack) as both:
        yield both


@pytest.fixture
def broker(_second_broker: tuple[Broker, Proxy]) -> Broker:
    """The broker that tests may kill, reached directly."""
    return _second_broker[0]


@pytest.fixture
def proxy(
    _second_broker: tuple[Broker, Proxy], kafka: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    """The proxy of that broker; ingest reads through it, the tests and the oracle do not."""
    monkeypatch.setenv("ASSAY_KAFKA", _second_broker[0].slow_kafka)
    yield _second_broker[1]
    _second_broker[1].release()


@pytest.fixture
def kafka(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of that broker, for ingest and for the test's own clients."""
    monkeypatch.setenv("ASSAY_KAFKA", broker.kafka)
    return broker.kafka


@pytest.fixture
def topic(kafka: str) -> str:
    """A new topic with three partitions; its name."""
    name = f"fault-{uuid.uuid4().hex[:12]}"
    kafka_actions.create(kafka, name)
    return name


@pytest.fixture
def oracle(kafka: str, topic: str) -> Oracle:
    """The oracle of the test's topic."""
    return Oracle(kafka, topic)
