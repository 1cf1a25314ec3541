"""docker-compose.yml agrees with its schema and the stack; no container engine is needed."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from stack import services
from stack.settings import ROOT, Settings

COMPOSE = ROOT / "docker-compose.yml"
SERVERS = {"kafka", "namenode", "datanode", "spark"}
JOBS = {"ingest", "dbt"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def test_it_follows_the_compose_specification() -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            COMPOSE,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_it_has_the_services_of_the_stack_and_two_jobs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == SERVERS | JOBS
    assert {service.name for service in services.pipeline_services(Settings())} == SERVERS
    for name in SERVERS:
        assert compose["services"][name]["command"] == ["python", "-m", "stack", "serve", name]


def test_images_have_exact_versions(compose: dict[str, Any]) -> None:
    assert all(re.search(r":\d+\.\d+\.\d+$", s["image"]) for s in compose["services"].values())
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base and re.search(r":\d+\.\d+\.\d+-", base[1])


def test_ports_are_reachable_from_this_machine_only(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)


def test_ports_are_the_stacks_defaults(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ASSAY_PORT_OFFSET", "ASSAY_THRIFT_PORT"):
        monkeypatch.delenv(variable, raising=False)
    for service in services.pipeline_services(Settings(_env_file=None)):
        for port in compose["services"][service.name].get("ports", []):
            _, outside, inside = port.split(":")
            assert outside == inside
            assert int(inside) in service.ports.values()


def test_servers_mount_the_configuration_of_the_stack(
    compose: dict[str, Any],
) -> None:
    for name in SERVERS:
        volumes = compose["services"][name]["volumes"]
        assert "./stack/config:/opt/assay/stack/config:ro" in volumes
        assert f"{name}:/var/lib/assay" in volumes
        assert name in compose["volumes"]


def test_servers_have_health_checks_and_wait_for_each_other(compose: dict[str, Any]) -> None:
    for name in SERVERS:
        check = compose["services"][name]["healthcheck"]["test"]
        assert check == ["CMD", "python", "-m", "stack", "ready", name]
    waits = {n: set(s.get("depends_on", {})) for n, s in compose["services"].items()}
    assert waits == {
        "kafka": set(),
        "namenode": set(),
        "datanode": {"namenode"},
        "spark": {"datanode"},
        "ingest": {"kafka", "spark"},
        "dbt": {"spark"},
    }
    for service in compose["services"].values():
        for condition in service.get("depends_on", {}).values():
            assert condition == {"condition": "service_healthy"}


def test_its_variables_are_known(compose: dict[str, Any]) -> None:
    known = {f"ASSAY_{field}".upper() for field in Settings.model_fields}
    known |= set(Settings().client_environment()) | {"DBT_TARGET_PATH", "DBT_LOG_PATH"}
    for service in compose["services"].values():
        assert set(service["environment"]) <= known


def test_every_variable_of_the_configuration_files_is_set() -> None:
    wanted = set()
    for path in (ROOT / "stack" / "config").rglob("*.*"):
        if path.is_file():
            wanted |= set(re.findall(r"\$\{env[:.](\w+)\}", path.read_text()))
    assert wanted
    assert wanted <= set(services.environment(Settings()))
