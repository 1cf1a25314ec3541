"""The commands of a user whose variables, folders and names are not the usual ones."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from stack import processes
from stack.settings import ROOT, Settings
from tests.conftest import claim_offset, forget_services
from tests.surroundings import DBT, HADOOP, HOSTILE, JAVA, PROXIES, PYTHON, SPARK


def run(
    *command: str,
    among: dict[str, str] | None = None,
    expect: int = 0,
    folder: Path = ROOT,
    timeout: float = 300,
) -> str:
    """Run a command among these variables, and return what it printed."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(among or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    assert result.returncode == expect, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    return result.stdout


@pytest.mark.services
def test_the_services_see_nothing_of_the_users_variables(stack: Settings) -> None:
    every = [process for each in processes.find(stack.state).values() for process in each]
    # Spark gives its Python workers variables of its own.
    found = [process for process in every if process.name() == "java"]
    assert len(found) == 4
    for process in found:
        seen = process.environ()
        wrong = {*PROXIES, *JAVA, "HADOOP_USER_NAME", "HADOOP_HOME", "SPARK_LOCAL_DIRS", "MASTER"}
        assert not wrong & set(seen), process.cmdline()
        assert seen["TZ"] == "UTC"


@pytest.mark.services
def test_commands_of_the_stack_answer_in_hostile_surroundings(stack: Settings) -> None:
    surroundings = PROXIES | SPARK | HADOOP | JAVA | PYTHON | {"LC_ALL": "C"}
    command = (sys.executable, "-m", "stack")
    assert "ready" in run(*command, "status", among=surroundings)
    said = run(*command, "sql", "--silent=true", "-e", "select 'café', 1 + 1", among=surroundings)
    assert "café" in said and "2" in said
    run(*command, "hdfs", "-mkdir", "-p", "/tmp/été", among=surroundings)
    listed = run(*command, "hdfs", "-ls", "/tmp", among=surroundings)
    assert "/tmp/été" in listed and " joe " not in listed


@pytest.mark.services
@pytest.mark.parametrize("name", ["http_proxy", "grpc_proxy", "SPARK_REMOTE", "MASTER"])
def test_ingest_asks_the_server_of_this_machine_itself(stack: Settings, name: str) -> None:
    topic = f"asked-{name.replace('_', '-')}"
    run(sys.executable, "-m", "ingest", "topic", "create", "--topic", topic)
    said = run(sys.executable, "-m", "ingest", "run", "--topic", topic, among={name: HOSTILE[name]})
    assert f"nothing new in {topic}" in said


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("DBT_TARGET", "does not have a target named 'prod'"),
        ("DBT_PROFILE", "Could not find profile named 'another'"),
        ("DBT_PROFILES_DIR", "Invalid value for '--profiles-dir'"),
        ("DBT_PROJECT_DIR", "Invalid value for '--project-dir'"),
    ],
)
def test_a_bare_dbt_says_what_it_cannot_follow(name: str, reason: str) -> None:
    program = str(Path(sys.executable).with_name("dbt"))
    said = run(program, "--no-use-colors", "ls", expect=2, among={name: DBT[name]})
    assert reason in said and DBT[name] in said


def test_data_may_have_any_name(tmp_path: Path) -> None:
    for name in ('it\'s odd, é "1".json', "~/missing.json"):
        said = run("make", "demo", f"DATA={name}", expect=2, among={"HOME": str(tmp_path)})
        wanted = name.replace("~", str(tmp_path))
        assert f"{wanted}: No such file or directory" in said.replace(f"{ROOT}/", "")
        assert "remedy:" in said


def test_the_demo_names_a_folder_that_it_cannot_use() -> None:
    said = run(sys.executable, "demo.py", expect=7, among={"ASSAY_STATE": "/proc/nowhere"})
    assert "error: cannot write /proc/nowhere.lock" in said and "remedy:" in said
    assert "defect" not in said


@pytest.mark.long
@pytest.mark.services
def test_a_new_checkout_with_an_odd_name_goes_from_setup_to_the_answers(
    tmp_path: Path, inherited: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything at once: the packages, the services and the demo, as a new user types it."""
    forget_services(monkeypatch)
    checkout = tmp_path / "a user's Ω ✓" / "assay"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".stack*", ".env", "target", "logs", ".*cache"
    )
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=left_out)
    data = tmp_path / "café 1.jsonl"
    data.write_text('{"keen_id": "1"}\n[2]\n')
    # The packages come from wherever this machine gets them, by its proxies if it has any.
    installing = {n: v for n, v in HOSTILE.items() if n not in PROXIES}
    run("make", "setup", folder=checkout, timeout=600, among=inherited | installing)
    with ExitStack() as claim:
        own = {
            "ASSAY_PORT_OFFSET": str(claim_offset(claim)),
            "ASSAY_STATE": str(tmp_path / "the state of Ω"),
        }
        try:
            said = run(
                *("make", "demo", f"DATA={data}"), folder=checkout, timeout=900, among=HOSTILE | own
            )
            assert "data: 2 messages" in said and "Answers" in said
            assert "no data" in said
        finally:
            run("make", "down", folder=checkout, among=HOSTILE | own)
