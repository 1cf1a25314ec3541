"""The containers of docker-compose.yml as processes, each with an address and a folder of its own.

An address of the loopback network stands for the name of each container. A service that looks for
another one on its own host, or in its own folder, fails here as it would in containers.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyhive import hive

from stack import environment, lifecycle, processes
from stack.services.standalone import master_state
from stack.settings import HOST, ROOT, Settings
from tests.conftest import STATE
from tests.end_to_end.conftest import PUBLISHED
from tests.stack.compose import DATABASE, Container, containers, content
from tests.stack.postgresql import Server, postgresql

pytestmark = [pytest.mark.cluster, pytest.mark.services, pytest.mark.long]

FOLDER = STATE.with_name(f"{STATE.name}-compose")
# On few cores, beside the other containers.
HEALTHY_SECONDS = 900
STOP_SECONDS = 90
# A network of its own for each checkout.
NETWORK = f"127.{1 + zlib.crc32(str(ROOT).encode()) % 250}.0"
ADDRESSES = {name: f"{NETWORK}.{10 + n}" for n, name in enumerate(containers())}
NAMES = re.compile(rf"(^|//)({'|'.join(ADDRESSES)})(?=:|$)")
JOBS = ("ingest", "dbt")


@dataclass(frozen=True)
class Host:
    """A container that runs as a process."""

    container: Container

    @property
    def address(self) -> str:
        return ADDRESSES[self.container.name]

    @property
    def state(self) -> Path:
        return FOLDER / self.container.name

    @property
    def variables(self) -> dict[str, str]:
        """Those of the container and of the image, with addresses and folders of this machine."""
        found = self.container.environment_with(FOLDER / "secrets")
        for name, value in found.items():
            if name.endswith(("_HOST", "_URL")) or name in ("ASSAY_KAFKA", "ASSAY_SPARK"):
                found[name] = NAMES.sub(lambda match: match[1] + ADDRESSES[match[2]], value)
            found[name] = found[name].replace("0.0.0.0", self.address)
            found[name] = found[name].replace("/tmp/", f"{self.state}/")
            for volume, folder in self.container.shared_volumes.items():
                found[name] = found[name].replace(f"{folder}/", f"{FOLDER / volume}/")
        return {
            **environment.basic(),
            **found,
            # The port that is published is on this host's address, not on that of an engine.
            "ASSAY_KAFKA_HOST": ADDRESSES["kafka"],
            "ASSAY_STATE": str(self.state),
            "ASSAY_CACHE": str(Settings().cache),
            "ASSAY_SPARK_COMPILERS": "early",
            "PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])),
            "PYTHONPATH": str(ROOT),
        }

    def start(self) -> psutil.Process:
        """Run its command in the root of the project, as in the image."""
        command = ["sh", "-c", f'cd "{ROOT}" && exec "$@"', "-", *self.container.content["command"]]
        log = FOLDER / "logs" / f"{self.container.name}.log"
        return processes.start(self.state, self.container.name, command, self.variables, log)

    def is_healthy(self) -> bool:
        """Run its health check."""
        check = [w.replace("/var/lib/assay", str(self.state)) for w in self.container.check]
        return self.run(*check).returncode == 0

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as in the container."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=HEALTHY_SECONDS,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """Its process and the children of that."""
        return [process for found in processes.find(self.state).values() for process in found]

    def log(self) -> str:
        return (FOLDER / "logs" / f"{self.container.name}.log").read_text(errors="replace")


HOSTS = {name: Host(container) for name, container in containers().items() if name != DATABASE}
# In which they are stopped: those first that use the others.
ORDER = ("dashboard", "dbt", "ingest", "connect", "builder", *HOSTS)
Started = dict[str, psutil.Process]


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    for host in HOSTS.values():
        lifecycle.down(Settings(state=host.state))  # of a killed run of these tests
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "secrets").mkdir(parents=True)
    for name in content()["secrets"]:
        (FOLDER / "secrets" / name).write_text(f"{os.urandom(16).hex()}\n")
    with postgresql(ADDRESSES[DATABASE], 5432, secret("metastore-password")) as server:
        yield server


@pytest.fixture(scope="module")
def started(database: Server) -> Iterator[Started]:
    """Every container, with the messages of the sample."""
    found: Started = {}
    try:
        start(found, set(HOSTS) - set(JOBS))
        publish()
        start(found, {"ingest"})
        until(lambda: ask("select count(*) from raw.assess") == [(3280,)], "messages are ingested")
        start(found, {"dbt"})
        yield found
    finally:
        for name in dict.fromkeys(ORDER):
            processes.stop(HOSTS[name].processes(), grace_seconds=20)


def secret(name: str) -> str:
    return (FOLDER / "secrets" / name).read_text().strip()


def start(found: Started, wanted: set[str]) -> None:
    """Start containers, each once those are healthy that it waits for, until all are healthy."""
    waiting, healthy = set(wanted), set(found) | {DATABASE}
    deadline = time.monotonic() + HEALTHY_SECONDS
    while not wanted <= healthy:
        for name in [n for n in waiting if HOSTS[n].container.after <= healthy]:
            found[name] = HOSTS[name].start()
            waiting.remove(name)
        for name in wanted - waiting - healthy:
            host = HOSTS[name]
            assert processes.is_alive(found[name]), f"{name} ended: {host.log()[-3000:]}"
            if host.is_healthy():
                healthy.add(name)
            assert time.monotonic() < deadline, f"{name} is not healthy: {host.log()[-3000:]}"


def publish() -> None:
    """As a producer outside the containers."""
    file = FOLDER / "sample.jsonl"
    kafka = f"{ADDRESSES['kafka']}:{9092}"
    for command in (
        ["ingest", "topic", "create"],
        ["sample", "generate", "--output", str(file)],
        ["sample", "publish", str(file)],
    ):
        subprocess.run(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={
                **os.environ,
                "ASSAY_KAFKA": kafka,
                "ASSAY_KAFKA_SECURITY": "SASL_PLAINTEXT",
                "ASSAY_KAFKA_SASL": "PLAIN",
                "ASSAY_KAFKA_USERNAME": "assay",
                "ASSAY_KAFKA_PASSWORD_FILE": str(FOLDER / "secrets" / "kafka-password"),
            },
            timeout=120,
            check=True,
        )


def ask(sql: str) -> list[tuple[Any, ...]]:
    with closing(hive.connect(ADDRESSES["builder"], port=10000)) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
        except hive.Error:  # the table is not there yet
            return []
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def until(holds: Callable[[], bool], what: str, seconds: float = HEALTHY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in {seconds} s not: {what}"
        time.sleep(1)


def test_the_answers_are_those_of_one_machine(started: Started) -> None:
    rows = ask("select question_id, answer_messages, answer_attempts from questions.answers")
    assert {question: tuple(answers) for question, *answers in rows} == PUBLISHED
    assert "dbt build` succeeded" in HOSTS["dbt"].log()


def test_tables_are_in_postgresql(started: Started, database: Server) -> None:
    names = database.query('select "TBL_NAME" from "TBLS"')
    assert {"assess", "fct_attempts", "answers"} <= set(names)
    assert "HIVE_LOCKS" not in database.query("select tablename from pg_tables")
    assert not list(FOLDER.glob("*/metastore")), "Derby made a database"


def test_workers_and_datanodes_are_on_hosts_of_their_own(started: Started) -> None:
    settings = Settings(master_host=ADDRESSES["master"], master_http_port=8088)
    workers = {worker["host"] for worker in master_state(settings)["workers"]}
    assert workers == {ADDRESSES["worker-1"], ADDRESSES["worker-2"]}
    listed = HOSTS["namenode"].run("python", "-m", "stack", "hdfs", "-ls", "-R", "/warehouse")
    copies = {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("-")}
    assert copies == {"2"}, listed.stderr
    assert all(list(HOSTS[name].state.rglob("blk_*")) for name in ("datanode", "datanode-2"))


def test_commands_in_a_container_reach_the_others(started: Started) -> None:
    asked = HOSTS["dbt"].run("python", "-m", "stack", "sql", "--silent=true", "-e", "show schemas")
    assert asked.returncode == 0 and "questions" in asked.stdout, asked.stderr
    status = HOSTS["ingest"].run("python", "-m", "ingest", "status")
    assert status.returncode == 0 and "assess" in status.stdout


def test_everything_listens_on_its_own_host(started: Started) -> None:
    """Besides, Spark's Python workers listen on the loopback address, for their executor only."""
    for name, host in HOSTS.items():
        listening = {
            connection.laddr.ip.removeprefix("::ffff:")
            for process in host.processes()
            for connection in process.net_connections("tcp")
            if connection.status == "LISTEN"
        }
        assert (host.address in listening) == (name not in JOBS), name
        assert listening <= {host.address, HOST}, name


def test_secrets_are_in_no_command_line_and_no_log(started: Started) -> None:
    secrets = {name: secret(name) for name in content()["secrets"]}
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        assert not any(value in words for value in secrets.values())
    for name, host in HOSTS.items():
        held = {s for s, v in secrets.items() for p in host.processes() if v in str(p.environ())}
        assert held <= set(host.container.secrets), name
        assert not any(value in host.log() for value in secrets.values()), name


def test_containers_stop_when_they_are_told_to(started: Started) -> None:
    """Ingest and the schedule end without an error, as they have nothing left to do."""
    for name in dict.fromkeys(ORDER):
        started[name].terminate()
        code = started[name].wait(STOP_SECONDS)
        assert code == 0 or name not in JOBS, f"{name} ended with {code}"
    left = [process.cmdline() for host in HOSTS.values() for process in host.processes()]
    assert not left
