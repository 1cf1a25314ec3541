"""The user's variables change neither the services nor the commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack import bootstrap, environment, services
from stack.settings import ROOT, Settings
from tests.surroundings import HOSTILE, PROXIES, PYTHON

HARMLESS = {"TERM", "TMPDIR", "XDG_CACHE_HOME"}


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("hostile")
def test_a_service_inherits_none_of_the_users_variables() -> None:
    seen = services.environment(Settings())
    assert not {n for n in HOSTILE if n not in HARMLESS and seen.get(n) == HOSTILE[n]}
    assert not set(seen) & set(PROXIES)
    assert not {name for name in seen if name.startswith(("JAVA", "JDK", "_JAVA", "KAFKA_", "DBT"))}
    assert (seen["LC_ALL"], seen["TZ"]) == ("C.UTF-8", "UTC")
    assert seen["HADOOP_CONF_DIR"] == str(ROOT / "stack" / "config" / "hadoop")


@pytest.mark.usefixtures("hostile")
def test_a_step_of_the_demo_inherits_only_settings_of_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = dict(os.environ)
    monkeypatch.setenv("ASSAY_PORT_OFFSET", "100")
    try:
        environment.keep_only(["ASSAY_PORT_OFFSET"])
        seen = dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert {name for name in seen if name.startswith("ASSAY_")} == {"ASSAY_PORT_OFFSET"}
    assert not {name for name in seen if name.startswith(("PYTHON", "SPARK", "PYSPARK"))}
    assert not {name for name in seen if name.startswith("DBT_")} - {
        "DBT_TARGET_PATH",
        "DBT_LOG_PATH",
    }
    assert seen["https_proxy"] == HOSTILE["https_proxy"], "jars are fetched through it"
    assert seen["no_proxy"].endswith("127.0.0.1,localhost,::1")
    assert "no_grpc_proxy" not in seen, "gRPC would look there, and not in no_proxy"


@pytest.mark.usefixtures("hostile")
def test_pip_and_uv_inherit_only_how_to_reach_an_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reach = {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://mirror.example/more",
        "PIP_NO_INDEX": "0",
        "PIP_FIND_LINKS": "/wheels",
        "PIP_CERT": "/ca.pem",
        "PIP_DEFAULT_TIMEOUT": "30",
        "UV_INDEX_MIRROR_PASSWORD": "secret",
        "UV_CACHE_DIR": "/cache",
        "UV_NO_CACHE": "1",
        "UV_HTTP_TIMEOUT": "30",
        "https_proxy": HOSTILE["https_proxy"],
    }
    for name, value in reach.items():
        monkeypatch.setenv(name, value)
    seen = bootstrap.environment()
    assert {n for n in seen if n.startswith(("PIP_", "UV_"))} - set(reach) == {
        "UV_DEFAULT_INDEX",
        "UV_SYSTEM_CERTS",
    }
    assert reach.items() <= seen.items()
    assert seen["UV_DEFAULT_INDEX"] == reach["PIP_INDEX_URL"]
    assert not set(seen) & set(PYTHON)


@pytest.mark.parametrize("path", ["", "/only/this"])
def test_programs_of_the_system_are_found_whatever_the_path_is(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PATH", path)
    assert shutil.which("bash", path=environment.basic()["PATH"])


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({}, []),
        (
            {"https_proxy": "http://proxy.example:3128"},
            ["-Dhttps.proxyHost=proxy.example", "-Dhttps.proxyPort=3128"],
        ),
        (
            {"HTTP_PROXY": "proxy.example:81", "no_proxy": "inner.example, .lan"},
            [
                "-Dhttp.proxyHost=proxy.example",
                "-Dhttp.proxyPort=81",
                "-Dhttp.nonProxyHosts=localhost|127.*|[::1]|inner.example|*.inner.example|lan|*.lan",
            ],
        ),
        (
            {"https_proxy": "http://joe:p%40ss@proxy.example"},
            ["-Dhttps.proxyPort=80", "-Dhttp.proxyUser=joe", "-Dhttp.proxyPassword=p@ss"],
        ),
        (
            {"all_proxy": "socks5://proxy.example"},
            ["-DsocksProxyHost=proxy.example", "-DsocksProxyPort=1080"],
        ),
    ],
)
def test_proxies_become_options_of_java(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], options: list[str]
) -> None:
    for name in (*PROXIES, "no_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = environment.java_proxy_options()
    assert set(options) <= set(found)
    assert bool(found) == bool(options)


@pytest.mark.parametrize("name", [*PYTHON, "PYTHONPATH", "LC_ALL", "USER", "HOME"])
def test_one_variable_alone_changes_no_command(tmp_path: Path, name: str) -> None:
    variables = dict(os.environ)
    for module in ("kafka", "typer", "requests", "rich", "pydantic"):
        (tmp_path / f"{module}.py").write_text("raise RuntimeError('the wrong module')")
    if name in ("USER", "HOME"):
        variables.pop(name, None)
    else:
        variables[name] = HOSTILE.get(name, str(tmp_path))
    result = subprocess.run(
        [sys.executable, "-m", "stack", "env"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    wanted = Settings().client_environment()
    assert result.stdout.splitlines() == [
        f"unset {' '.join(Settings().unset_variables())}",
        *(f"export {n}={v}" for n, v in wanted.items()),
    ]


@pytest.mark.parametrize(
    "command", [("-m", "stack", "status"), ("-m", "ingest", "plan"), ("demo.py",)], ids=" ".join
)
def test_outside_the_virtual_environment_the_remedy_is_named(command: tuple[str, ...]) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    result = subprocess.run(
        [base, "-S", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "has no module" in result.stderr and "remedy: `make setup`" in result.stderr


AS_IF = "import runpy, sys; sys.version_info = ({}, {}, 0); "
CHECK = "runpy.run_path('stack/check_python.py', run_name='__main__')"


@pytest.mark.parametrize(
    ("version", "is_supported"),
    [
        ((2, 7), False),
        ((3, 10), False),
        ((3, 11), True),
        ((3, 12), True),
        ((3, 13), True),
        ((3, 14), False),
        ((4, 0), False),
    ],
)
@pytest.mark.parametrize("has_another", [True, False])
def test_a_python_without_packages_is_refused_at_once(
    tmp_path: Path, version: tuple[int, int], is_supported: bool, has_another: bool
) -> None:
    this = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (tmp_path / "python3.13").write_text(
        "#!/bin/sh\nexit 127\n"
    )  # as a shim of pyenv without a version
    (tmp_path / "python3.13").chmod(0o755)
    if has_another:
        (tmp_path / this).unlink(missing_ok=True)
        (tmp_path / this).symlink_to(sys.executable)
    result = subprocess.run(
        [sys.executable, "-c", AS_IF.format(*version) + CHECK],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if is_supported:
        assert (result.returncode, result.stderr) == (0, "")
        return
    assert result.returncode == 1 and "Traceback" not in result.stderr
    problem, remedy = result.stderr.splitlines()
    assert problem.startswith("error: Python {}.{} (".format(*version))
    assert problem.endswith("python3.13, python3.12, python3.11")
    wanted = f"add PYTHON={this} to" if has_another else "install one of them, and add PYTHON="
    assert remedy.startswith(f"remedy: {wanted}")


@pytest.mark.parametrize(
    "program", ["python2.7", "python3.6", "python3.8", "python3.10", "python3.14"]
)
def test_other_pythons_of_this_machine_can_read_the_check(program: str) -> None:
    if subprocess.run(["sh", "-c", f"{program} -V"], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no {program}")
    result = subprocess.run(
        ["make", "setup", f"PYTHON={program}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "cannot be used" in result.stderr and "remedy: " in result.stderr
    assert "Traceback" not in result.stderr and "SyntaxError" not in result.stderr
