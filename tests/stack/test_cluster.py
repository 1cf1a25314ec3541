"""Spark's standalone cluster on one machine, and its turns with the local services."""

import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
from pyspark.sql import SparkSession

from stack import lifecycle, processes, services
from stack.lifecycle import Health
from stack.services.kafka import Kafka
from stack.services.service import local_http
from stack.services.standalone import Worker, authentication, master_state
from stack.settings import HOST, Settings
from tests.commands import run_module
from tests.conftest import STATE, own_stack
from tests.end_to_end.conftest import PUBLISHED, answers, demo, query
from tests.end_to_end.warehouse import dbt
from tests.ingest.harness import ingest, send

pytestmark = [pytest.mark.cluster, pytest.mark.services]
long = pytest.mark.long

# The first requests of each server compile classes, on few cores.
STACK_SECONDS = 400
SERVICES = {
    *("namenode", "datanode", "datanode-2", "kafka", "metastore"),
    *("master", "worker-1", "worker-2", "builder", "connect", "directory", "reader"),
}


def run_stack(*arguments: str, expect: int = 0) -> str:
    return run_module("stack", *arguments, expect=expect, timeout=STACK_SECONDS, environment={})


def replications() -> set[str]:
    """The numbers of replicas that files of HDFS have."""
    listed = run_stack("hdfs", "-ls", "-R", "/").splitlines()
    return {line.split()[1] for line in listed if line.startswith("-")}


def kill(settings: Settings, *names: str) -> None:
    victims = [processes.find(settings.state)[name][0] for name in names]
    for victim in victims:
        victim.kill()
    for victim in victims:
        victim.wait(10)


def add_row(table: str) -> None:
    query(f"insert into {table} values (1)")


def answers_anybody(port: int) -> bool:
    """Whether Kafka tells who has no password about its brokers."""
    request = struct.pack(">hhihxxx", 60, 0, 1, -1)  # DescribeCluster
    with socket.create_connection((HOST, port), timeout=10) as opened:
        opened.sendall(struct.pack(">i", len(request)) + request)
        return bool(opened.recv(4096))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Settings]:
    with own_stack(STATE.with_name(f"{STATE.name}-cluster"), cluster=True) as settings:
        yield settings


def test_all_services_are_ready_with_two_workers(cluster: Settings) -> None:
    health = {one.service.name: one.health for one in lifecycle.status(cluster)}
    assert health == dict.fromkeys(SERVICES, Health.READY)
    said = run_stack("status")
    assert "2 of 2 workers are ALIVE; 4 of 4 cores are in use" in said
    assert {worker["state"] for worker in master_state(cluster)["workers"]} == {"ALIVE"}


def test_a_batch_is_ingested_exactly_once_by_executors(cluster: Settings) -> None:
    ingest("topic", "create", "--topic", "quick")
    send("quick", *(str(number).encode() for number in range(20)))
    assert "batch 1: 20 messages" in ingest("run", "--topic", "quick")
    assert "nothing new" in ingest("run", "--topic", "quick")
    values = query("select cast(value as string) from raw.quick")
    assert sorted(int(value) for (value,) in values) == list(range(20))
    assert replications() == {"2"}


def test_kafka_refuses_who_has_no_password(cluster: Settings) -> None:
    assert not any(answers_anybody(port) for port in Kafka(cluster).ports.values())
    said = ingest("plan", "--topic", "quick", expect=21, ASSAY_KAFKA_PASSWORD="wrong")
    assert "Invalid username or password" in said


@long
def test_the_demo_answers_as_on_the_local_services(cluster: Settings) -> None:
    demo()
    assert answers() == PUBLISHED
    assert "3,280" in run_module("answers", expect=0, timeout=60, environment={})
    assert "raw" in run_stack("sql", "--silent=true", "-e", "show schemas")


@long
def test_files_are_on_both_datanodes(cluster: Settings) -> None:
    assert replications() == {"2"}
    assert re.search(r"namenode: \d+ blocks, each on 2 DataNodes", run_stack("status"))


@long
def test_the_demo_continues_on_the_cluster(cluster: Settings) -> None:
    assert "publish: the topic holds these messages already" in demo()
    assert answers() == PUBLISHED


@long
def test_up_again_changes_nothing(cluster: Settings) -> None:
    before = {name: p[0].pid for name, p in processes.find(cluster.state).items()}
    for options in ([], ["--cluster"]):
        assert "starting" not in run_stack("up", *options)
    assert {name: p[0].pid for name, p in processes.find(cluster.state).items()} == before


def test_everything_listens_on_this_machine_only(cluster: Settings) -> None:
    """The metastore too, whose own main program would listen on all addresses."""
    listening = {
        name: {c.laddr for p in found for c in p.net_connections("tcp") if c.status == "LISTEN"}
        for name, found in processes.find(cluster.state).items()
    }
    assert set(listening) == SERVICES and all(listening.values())
    addresses = {address.ip for found in listening.values() for address in found}
    assert {address.removeprefix("::ffff:") for address in addresses} == {HOST}


def test_the_secret_is_nowhere_to_be_seen(cluster: Settings) -> None:
    [secret] = authentication(cluster).values()
    for known in (secret, cluster.kafka_password.read_text()):
        for found in processes.find(cluster.state).values():
            assert not any(known in word for process in found for word in process.cmdline())
        holders = [
            file
            for file in cluster.state.rglob("*")
            if file.is_file() and "kafka" not in file.parts and known.encode() in file.read_bytes()
        ]
        assert [stat.S_IMODE(file.stat().st_mode) for file in holders] == [0o600], holders
    [[_, shown]] = query("set spark.authenticate.secret")
    assert secret not in shown
    [[count]] = [[len(rows)] for rows in [query("set -v")] if secret not in str(rows)]
    assert count > 100
    address = cluster.client_environment()["ASSAY_SPARK"]
    session = SparkSession.builder.remote(address).create()
    try:
        assert session.conf.get("spark.authenticate.secret") != secret
    finally:
        session.stop()
    for port in (cluster.spark_ui_port, cluster.connect_ui_port):
        page = local_http().get(f"http://{HOST}:{port}/environment/", timeout=30)
        assert page.ok and "spark.authenticate" in page.text and secret not in page.text


@long
def test_a_worker_with_another_secret_is_refused(cluster: Settings) -> None:
    intruder = Worker(cluster.model_copy(update={"worker_2_port": 0}), 2, executors=1)
    variables = {**intruder.variables, "_SPARK_AUTH_SECRET": "another"}
    with subprocess.Popen(
        intruder.command(),
        env={**services.environment(cluster), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout
            deadline = time.monotonic() + 120
            for line in process.stdout:
                assert "Successfully registered" not in line
                if "Failed to connect to master" in line:
                    break
                assert time.monotonic() < deadline
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL, "it ended by itself"
    assert len(master_state(cluster)["workers"]) == 2


@long
def test_tables_are_restored_after_the_loss_of_the_metastore(cluster: Settings) -> None:
    """The drill of docs/operations.md; `tests/end_to_end/test_restore.py` has the odd cases."""
    run_stack("down")
    shutil.rmtree(cluster.state / "metastore")
    run_stack("up", "--cluster")
    assert "registered raw.assess with 3,280 rows" in ingest("restore")
    assert "nothing new" in ingest("run")
    assert "readers see everything up to batch 1" in dbt("build")
    assert answers() == PUBLISHED


@long
def test_killed_services_come_back(cluster: Settings) -> None:
    """Applications survive the loss of a worker, a DataNode, the metastore and the master."""
    names = ("worker-1", "datanode", "metastore", "master")
    before = {name: p[0].pid for name, p in processes.find(cluster.state).items()}
    kill(cluster, *names)
    said = run_stack("status", expect=4)
    assert all(re.search(rf"^ *{name} +died", said, re.M) for name in names)
    said = run_stack("up")
    assert set(re.findall(r"starting ([\w-]+)", said)) == set(names)
    after = {name: p[0].pid for name, p in processes.find(cluster.state).items()}
    assert {name for name in after if after[name] != before[name]} == set(names)
    assert "2 of 2 workers are ALIVE; 4 of 4 cores are in use" in run_stack("status")
    assert answers() == PUBLISHED
    query("create table raw.turns (a int) using iceberg")
    add_row("raw.turns")


@long
def test_down_leaves_no_process(cluster: Settings) -> None:
    assert f"stopped {len(SERVICES)} services" in run_stack("down")
    assert not any(processes.find(cluster.state).values())
    marks = [str(cluster.state) in " ".join(p.info["cmdline"] or ()) for p in all_processes()]
    assert not any(marks), "an executor runs without the service's marks"
    run_stack("status", expect=5)


def all_processes() -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline", "pid"]):
        if process.pid != os.getpid():
            yield process


@long
def test_the_local_services_have_the_same_tables(cluster: Settings) -> None:
    run_stack("up")
    health = {one.service.name: one.health for one in lifecycle.status(cluster)}
    assert health == dict.fromkeys(("namenode", "datanode", "kafka", "spark"), Health.READY)
    assert all(answers_anybody(port) for port in Kafka(cluster).ports.values())
    assert answers() == PUBLISHED
    add_row("raw.turns")
    assert replications() == {"1", "2"}


@long
def test_the_cluster_does_not_start_beside_the_local_services(cluster: Settings) -> None:
    before = {name: p[0].pid for name, p in processes.find(cluster.state).items()}
    said = run_stack("up", "--cluster", expect=7)
    assert "the local services run" in said and "`python -m stack down`" in said
    assert {name: p[0].pid for name, p in processes.find(cluster.state).items()} == before


@long
def test_the_cluster_copies_what_the_local_services_wrote(cluster: Settings) -> None:
    run_stack("down")
    run_stack("up", "--cluster")
    assert replications() == {"2"}
    assert re.search(r"namenode: \d+ blocks, each on 2 DataNodes", run_stack("status"))
    assert answers() == PUBLISHED
    assert query("select count(*) from raw.turns") == [(2,)]


@long
def test_blocks_that_only_the_second_datanode_has_are_not_lost(cluster: Settings) -> None:
    kill(cluster, "datanode")
    add_row("raw.turns")
    run_stack("down")
    said = run_stack("up", expect=7)
    assert re.search(r"HDFS misses \d+ blocks", said) and "`python -m stack up --cluster`" in said
    run_stack("down")
    run_stack("up", "--cluster")
    run_stack("down")
    run_stack("up")
    assert query("select count(*) from raw.turns") == [(3,)]
    assert answers() == PUBLISHED
