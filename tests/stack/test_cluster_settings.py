"""The configuration of the cluster, as far as it can be checked without services."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from stack import services, turns
from stack.errors import StackError
from stack.services import standalone
from stack.services.kafka import Kafka
from stack.services.spark import SparkServer
from stack.services.standalone import PROPERTIES, WORKERS, Worker
from stack.settings import CONFIG, ROOT, Settings

EXECUTOR_JAVA = CONFIG / "executor" / "bin" / "java"
LOCK = "iceberg.engine.hive.lock-enabled"


def properties(file: Path) -> dict[str, str]:
    lines = [line.split(None, 1) for line in file.read_text().splitlines() if line.strip()]
    return {words[0]: "".join(words[1:]).strip() for words in lines if not words[0].startswith("#")}


@pytest.fixture
def cluster(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path, cluster=True)


def test_every_writer_of_tables_has_the_same_kind_of_lock() -> None:
    """A writer with another kind of lock would overwrite the commits of the others."""
    found = subprocess.run(
        ["git", "grep", "-Il", r"iceberg\.spark\.SparkSessionCatalog\|spark_catalog\.type"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = {ROOT / name for name in found.stdout.split() if not name.startswith("tests/")}
    assert CONFIG / "spark" / "spark-defaults.conf" in files
    for file in files:
        assert properties(file)[f"spark.hadoop.{LOCK}"] == "false", file
    assert not any(LOCK in file.read_text() for file in CONFIG.rglob("*.*") if file not in files)


@pytest.mark.parametrize("is_cluster", [False, True])
def test_every_spark_server_reads_the_configuration_of_the_tables(
    tmp_path: Path, is_cluster: bool
) -> None:
    settings = Settings(state=tmp_path, cluster=is_cluster)
    servers = [s for s in services.pipeline_services(settings) if isinstance(s, SparkServer)]
    assert len(servers) == (3 if is_cluster else 1)
    for server in servers:
        command = server.command()
        assert ("--properties-file" in command) == ("--load-spark-defaults" in command)
        assert not any("lock-enabled" in word or "spark_catalog" in word for word in command)
    assert not any("spark_catalog" in key or LOCK in key for key in properties(PROPERTIES))


def test_the_metastore_and_spark_agree_on_the_warehouse(cluster: Settings) -> None:
    warehouse = properties(CONFIG / "spark" / "spark-defaults.conf")["spark.sql.warehouse.dir"]
    metastore = services.known_services(cluster)["metastore"]
    assert f"-Dhive.metastore.warehouse.dir={warehouse}" in metastore.command()


def test_each_application_has_an_executor_on_each_worker(cluster: Settings) -> None:
    all_servers = [s for s in services.pipeline_services(cluster) if isinstance(s, SparkServer)]
    applications = [s for s in all_servers if "spark.master" in s.configuration]
    assert {s.name for s in all_servers} - {s.name for s in applications} == {"reader"}
    workers = [s for s in services.pipeline_services(cluster) if isinstance(s, Worker)]
    assert len(workers) == len(WORKERS)
    assert properties(PROPERTIES)["spark.executor.cores"] == "1"
    assert properties(PROPERTIES)["spark.cores.max"] == str(len(workers))
    for worker in workers:
        command = worker.command()
        assert command[command.index("--cores") + 1] == str(len(applications))
        assert command[command.index("--memory") + 1] == f"{len(applications)}g"


def test_no_port_is_used_twice(cluster: Settings) -> None:
    ports = [p for s in services.all_services(cluster) for p in s.ports.values()]
    assert len(ports) == len(set(ports))


def test_the_secret_is_in_a_private_file_and_in_no_command(cluster: Settings) -> None:
    [secret] = standalone.authentication(cluster).values()
    assert standalone.authentication(cluster) == {"_SPARK_AUTH_SECRET": secret}, "it was changed"
    [file] = [f for f in cluster.state.iterdir() if f.is_file() and secret in f.read_text()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    spark = [s for s in services.pipeline_services(cluster) if secret in s.variables.values()]
    assert {s.name for s in spark} == {"master", "worker-1", "worker-2", "builder", "connect"}
    assert not any(secret in word for s in spark for word in s.start_command())


def test_the_secret_can_be_in_a_file_that_hosts_share(tmp_path: Path) -> None:
    file = tmp_path / "shared"
    settings = Settings(state=tmp_path / "state", cluster=True, spark_secret_file=file)
    for content, said in ((None, "cannot be read: No such file"), ("\n", "is empty")):
        if content:
            file.write_text(content)
        with pytest.raises(StackError, match=rf"ASSAY_SPARK_SECRET_FILE names .*{said}"):
            standalone.authentication(settings)
    file.write_text("known\n")
    assert standalone.authentication(settings) == {"_SPARK_AUTH_SECRET": "known"}
    assert not settings.state.exists(), "another secret was made"


def test_kafka_has_its_password_and_clients_know_where_it_is(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, cluster=True)
    [variable] = Kafka(settings).variables.values()
    password = settings.kafka_password.read_text()
    assert variable.count(password) == 2
    file = settings.client_environment()["ASSAY_KAFKA_PASSWORD_FILE"]
    settings.kafka_password.unlink()  # as `reset` does, where a shell has what `env` printed
    assert Kafka(settings.model_copy(update={"kafka_password_file": Path(file)})).variables
    given = tmp_path / "given"
    given.write_text('a"b')
    with pytest.raises(StackError, match="contains a quote or a backslash"):
        _ = Kafka(settings.model_copy(update={"kafka_password_file": given})).variables
    odd = {"kafka_username": "a@b"}  # as ingest may need it for another Kafka
    with pytest.raises(StackError, match="ASSAY_KAFKA_USERNAME is 'a@b'"):
        _ = Kafka(settings.model_copy(update=odd)).variables
    assert Kafka(settings.model_copy(update={"cluster": False, **odd})).variables == {}


def test_services_listen_on_their_host_and_look_for_the_others(tmp_path: Path) -> None:
    settings = Settings(
        state=tmp_path,
        cluster=True,
        bind="10.0.0.1",
        host="own",
        master_host="m",
        metastore_host="h",
        spark_ports=40000,
    )
    found = services.known_services(settings)
    for name in ("builder", "connect"):
        command = found[name].command()
        for wanted in (
            f"spark.master=spark://m:{settings.master_port}",
            f"spark.hadoop.hive.metastore.uris=thrift://h:{settings.metastore_port}",
            "spark.driver.host=own",
            "spark.driver.bindAddress=10.0.0.1",
            "spark.driver.port=40000",
            "spark.blockManager.port=40020",
        ):
            assert wanted in command
    for name, host in (("master", "m"), ("worker-1", "own"), ("worker-2", "own")):
        command = found[name].command()
        assert command[command.index("--host") + 1] == host
    assert not any("127.0.0.1" in word for s in found.values() for word in s.command())


def test_executors_start_without_the_module_that_this_java_lacks() -> None:
    options = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "-Da=b c", "Main", ""]
    shown = subprocess.run(
        [EXECUTOR_JAVA, "[%s]", *options],
        env={"ASSAY_JAVA": "/usr/bin/printf", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "[-Xmx1g][-Da=b c][Main][]"


@pytest.mark.parametrize(
    ("running", "is_cluster"),
    [
        ({"namenode", "spark"}, False),
        ({"namenode", "datanode", "worker-2"}, True),
        ({"connect"}, True),
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_what_runs_decides_the_mode(
    tmp_path: Path, running: set[str], is_cluster: bool, given: bool
) -> None:
    settings = Settings(state=tmp_path, cluster=given)
    one = {name: [1] for name in running}
    assert turns.as_running(settings, one).cluster is is_cluster
    assert turns.as_running(settings, {}).cluster is given
    ended: dict[str, list[int]] = {"spark": [], "master": [], "kafka": [1], "dashboard": [1]}
    assert turns.as_running(settings, ended).cluster is given


def test_files_are_replicated_in_the_cluster_only(cluster: Settings) -> None:
    local = cluster.model_copy(update={"cluster": False})
    assert services.environment(cluster)["ASSAY_HDFS_REPLICATION"] == "2"
    assert services.environment(local)["ASSAY_HDFS_REPLICATION"] == "1"
    site = (CONFIG / "hadoop" / "hdfs-site.xml").read_text()
    assert re.search(r"<name>dfs.replication</name><value>\${env.ASSAY_HDFS_REPLICATION}<", site)
