"""Faults 2 and 16 on another Spark: a speculative twin task, and workers without a codec.

A local master never runs a task twice, so this is a Spark of its own: a master with two executors
in processes of their own, on the same HDFS and the same broker. The library for lz4 is hidden from
its workers.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
import requests

from stack import jars, java, processes, services
from stack.settings import CONFIG, HOST, Settings
from tests.ingest.faults import hand, lake
from tests.ingest.faults.job import Job, run, settle, until
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = pytest.mark.services


@dataclass
class Cluster:
    """A Spark with executors that are not in its own process."""

    settings: Settings

    def command(self) -> list[str]:
        """As the stack starts Spark, with another master."""
        configuration = {
            "spark.master": "local-cluster[2,1,1024]",
            "spark.executor.memory": "768m",
            "spark.executor.extraClassPath": ":".join(
                map(str, [CONFIG / "hadoop", *jars.classpath(self.settings.cache, "spark")])
            ),
            "spark.sql.warehouse.dir": "hdfs://assay/twin",
            "spark.speculation": "true",
            "spark.speculation.interval": "200ms",
            "spark.speculation.task.duration.threshold": "2s",
        }
        words = [w for k, v in configuration.items() for w in ("--conf", f"{k}={v}")]
        command = services.Spark(self.settings).command()
        at = command.index("--class")
        return [*command[:at], *words, *command[at:]]

    def start(self) -> psutil.Process:
        """Start it and wait until it answers."""
        # Executors are started with a module that this Java does not have (see stack/java.py).
        home = self.settings.state / "java" / "bin"
        home.mkdir(parents=True, exist_ok=True)
        script = home / "java"
        script.write_text(
            "#!/bin/bash\n"
            'for word; do [[ $word == --add-modules=* ]] || words+=("$word"); done\n'
            f'exec {shlex.quote(java.executable())} "${{words[@]}}"\n'
        )
        script.chmod(0o755)
        hidden = self.settings.state / "hidden" / "lz4"
        hidden.mkdir(parents=True, exist_ok=True)
        (hidden / "__init__.py").write_text("raise ImportError('hidden by the tests')\n")
        service = services.Spark(self.settings)
        environment = services.environment(self.settings)
        service.prepare(environment)
        process = processes.start(
            self.settings.state.parent,
            "twin",
            self.command(),
            {
                **environment,
                "JAVA_HOME": str(home.parent),
                "PYTHONPATH": f"{hidden.parent}:{environment['PYTHONPATH']}",
            },
            self.settings.logs / "spark.log",
        )
        until(service.is_ready, "the Spark with two executors answers", 150)
        return process

    def active_tasks(self) -> int:
        """How many tasks run."""
        session = requests.Session()
        session.trust_env = False
        base = f"http://{HOST}:{self.settings.spark_ui_port}/api/v1/applications"
        [application] = session.get(base, timeout=10).json()
        stages = session.get(f"{base}/{application['id']}/stages?status=active", timeout=10).json()
        return sum(stage["numActiveTasks"] for stage in stages)


@pytest.fixture(scope="module")
def _cluster(stack: Settings) -> Iterator[Cluster]:
    own = stack.model_copy(
        update={
            "state": stack.state / "twin",
            "connect_port": stack.connect_port + 1,
            "thrift_port": stack.thrift_port + 1,
            "spark_ui_port": stack.spark_ui_port + 1,
        }
    )
    cluster = Cluster(own)
    try:
        cluster.start()
        yield cluster
    finally:
        processes.stop(processes.find(stack.state)["twin"], 10)


@pytest.fixture
def cluster(_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A Spark with two executors; ingest and the oracle use it."""
    monkeypatch.setenv("ASSAY_SPARK", f"sc://{HOST}:{_cluster.settings.connect_port}")
    monkeypatch.setenv("ASSAY_THRIFT_PORT", str(_cluster.settings.thrift_port))
    return _cluster


def test_a_task_that_runs_twice_writes_once(
    cluster: Cluster, kafka: str, topic: str, oracle: Oracle, proxy: Proxy
) -> None:
    hand.fill(kafka, topic, 3000, partitions=(0,))
    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        until(lambda: cluster.active_tasks() == 2, "the slow task has a twin", 60)
        proxy.release()
        assert "3,000 messages" in job.expect(0)
    assert oracle.assert_right().rows == 3000
    settle(topic)


def test_a_codec_that_the_workers_lack(
    cluster: Cluster, kafka: str, topic: str, oracle: Oracle
) -> None:
    hand.send(kafka, topic, b"plain")
    hand.send(kafka, topic, *(b"%d" % n * 100 for n in range(10)), codec="lz4")
    said = run(topic, expect=22)
    assert "lz4" in said
    assert lake.snapshots(topic) == []
