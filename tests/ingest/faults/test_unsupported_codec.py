"""Spark's workers lack a codec: a second Spark server, whose workers cannot import lz4."""

from collections.abc import Iterator

import pytest

from stack import processes, services
from stack.services.spark import Spark
from stack.settings import HOST, Settings
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.job import run, until
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services


@pytest.fixture
def spark_without_lz4(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second Spark beside the stack's; ingest and the oracle use it."""
    own = stack.model_copy(
        update={
            "state": stack.state / "without-lz4",
            "connect_port": stack.connect_port + 1,
            "thrift_port": stack.thrift_port + 1,
            "spark_ui_port": stack.spark_ui_port + 1,
            "spark_memory": "1g",
        }
    )
    hidden = own.state / "hidden" / "lz4"
    hidden.mkdir(parents=True, exist_ok=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden by the tests')\n")
    service, environment = Spark(own), services.environment(own)
    service.prepare(environment)
    command = service.command()
    at = command.index("--class")
    command[at:at] = ["--conf", "spark.sql.warehouse.dir=hdfs://assay/without-lz4"]
    environment["PYTHONPATH"] = f"{hidden.parent}:{environment['PYTHONPATH']}"
    # Marked as the stack's, so that `down` finds it if these tests are killed.
    log = stack.logs / "without-lz4.log"
    try:
        processes.start(stack.state, "without-lz4", command, environment, log)
        until(service.is_ready, "the second Spark answers", 150)
        monkeypatch.setenv("ASSAY_SPARK", f"sc://{HOST}:{own.connect_port}")
        monkeypatch.setenv("ASSAY_THRIFT_PORT", str(own.thrift_port))
        yield
    finally:
        processes.stop(processes.find(stack.state)["without-lz4"], 10)


@pytest.mark.long
@pytest.mark.usefixtures("spark_without_lz4")
def test_a_codec_that_the_workers_lack(kafka: str, topic: str, oracle: Oracle) -> None:
    kafka_actions.send(kafka, topic, b"plain")
    run(topic)
    before = thrift.snapshots(topic)
    kafka_actions.send(kafka, topic, *(b"%d" % n * 100 for n in range(10)), codec="lz4")
    assert "lz4" in run(topic, expect=22)
    assert thrift.snapshots(topic) == before
    oracle.assert_right(drained=False)
