"""The metastore's service keeps its tables in PostgreSQL."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stack import lifecycle, processes, services
from stack.errors import StackError
from stack.settings import HOST, ROOT, Settings
from tests.commands import run_module
from tests.stack.postgresql import NAME, Server, postgresql

PASSWORD = "not-in-a-command-line"
READY_SECONDS = 90


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with postgresql(HOST, free_port(), PASSWORD) as server:
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def variables(folder: Path, server: Server, port: int) -> dict[str, str]:
    file = folder / "password"
    file.write_text(f"{server.password}\n")
    return {
        "ASSAY_STATE": str(folder / "state"),
        "ASSAY_CLUSTER": "true",
        "ASSAY_METASTORE_PORT": str(port),
        "ASSAY_METASTORE_URL": server.url,
        "ASSAY_METASTORE_USER": NAME,
        "ASSAY_METASTORE_PASSWORD_FILE": str(file),
    }


@contextmanager
def served(environment: dict[str, str]) -> Iterator[psutil.Process]:
    """The metastore as a container runs it; HDFS is needed only where tables have their places."""
    state = Path(environment["ASSAY_STATE"])
    command = [sys.executable, "-m", "stack", "serve", "metastore"]
    inherited = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    log = state.parent / "metastore.log"
    try:
        yield processes.start(state, "metastore", command, inherited, log)
    finally:
        lifecycle.down(Settings(state=state))


def wait_until_ready(process: psutil.Process, environment: dict[str, str]) -> None:
    ready = [sys.executable, "-m", "stack", "ready", "metastore"]
    deadline = time.monotonic() + READY_SECONDS
    given = {**os.environ, **environment}
    while subprocess.run(ready, cwd=ROOT, env=given, capture_output=True).returncode != 0:
        assert processes.is_alive(process) and time.monotonic() < deadline
        time.sleep(0.5)


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.services
def test_the_schema_is_created_and_found_again(tmp_path: Path, database: Server) -> None:
    environment = variables(tmp_path, database, free_port())
    for _ in range(2):
        with served(environment) as process:
            wait_until_ready(process, environment)
            shown = [word for p in psutil.process_iter() for word in command_line(p)]
            assert "Metastore" in shown and not any(PASSWORD in word for word in shown)
        assert PASSWORD not in (tmp_path / "metastore.log").read_text()
    tables = database.query("select tablename from pg_tables where schemaname = 'public'")
    assert {"DBS", "TBLS", "TABLE_PARAMS"} <= set(tables)
    # So every writer needs `iceberg.engine.hive.lock-enabled=false`: see test_cluster_settings.py.
    assert "HIVE_LOCKS" not in tables
    assert database.query('select "NAME" from "DBS"') == ["default"]
    assert not (tmp_path / "state" / "metastore").exists(), "Derby made a database"


@pytest.mark.services
def test_lost_connections_are_replaced(tmp_path: Path, database: Server) -> None:
    """As after a restart of PostgreSQL."""
    environment = variables(tmp_path, database, free_port())
    others = "from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()"
    with served(environment) as process:
        wait_until_ready(process, environment)
        ended = database.query(f"select pg_terminate_backend(pid) {others}")
        assert ended and set(ended) == {"t"}
        run_module("stack", "ready", "metastore", expect=0, timeout=60, environment=environment)
        assert database.query(f"select count(*) > 0 {others}") == ["t"]


@pytest.mark.services
def test_a_wrong_password_is_named_in_the_log(tmp_path: Path, database: Server) -> None:
    environment = variables(tmp_path, database, free_port())
    (tmp_path / "password").write_text("wrong")
    with served(environment) as process:
        deadline = time.monotonic() + READY_SECONDS
        while "password authentication failed" not in (tmp_path / "metastore.log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert processes.is_alive(process), "it does not wait for the right one"
        run_module("stack", "ready", "metastore", expect=4, timeout=60, environment=environment)


def test_the_password_is_in_the_environment_of_the_metastore_only(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = Settings(
        state=tmp_path,
        cluster=True,
        metastore_url="jdbc:postgresql://db/metastore",
        metastore_password_file=file,
    )
    with pytest.raises(StackError, match=r"PASSWORD_FILE names .* cannot be read"):
        _ = services.known_services(settings)["metastore"].variables
    file.write_text(f"{PASSWORD}\n")
    file.chmod(stat.S_IRUSR)
    found = services.known_services(settings)
    holders = {name for name, s in found.items() if PASSWORD in s.variables.values()}
    assert holders == {"metastore"}
    assert PASSWORD not in str(services.environment(settings))
    for name, service in found.items():
        if name != "spark":
            assert not any(PASSWORD in word for word in service.command())


def test_a_database_without_a_password_is_refused(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, cluster=True, metastore_url="jdbc:postgresql://db/m")
    with pytest.raises(StackError, match="without ASSAY_METASTORE_PASSWORD_FILE"):
        _ = services.known_services(settings)["metastore"].variables


def test_the_local_services_do_not_take_postgresql_for_derby(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, metastore_url="jdbc:postgresql://db/metastore")
    with pytest.raises(StackError, match="the local services keep their tables in Derby"):
        services.known_services(settings)["spark"].prepare({})


def test_another_kind_of_database_is_refused() -> None:
    said = run_module(
        "stack",
        "status",
        expect=1,
        timeout=60,
        environment={"ASSAY_METASTORE_URL": "jdbc:mysql://db/metastore"},
    )
    assert "ASSAY_METASTORE_URL is 'jdbc:mysql://db/metastore'" in said
