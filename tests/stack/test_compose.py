"""docker-compose.yml agrees with its schema, the stack and the commands; no engine is needed."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from dbt.cli.main import cli as dbt

import ingest.cli
import stack.cli
from ingest.settings import Settings as IngestSettings
from stack import services
from stack.settings import HOST, ROOT, Settings
from tests.end_to_end.blocks import blocks
from tests.stack.compose import DATABASE, FILE, Container, containers, content

CLUSTER = {service.name for service in services.all_services(Settings(cluster=True))}
JOBS = {"ingest", "dbt"}
OURS = sorted(CLUSTER | JOBS)
# What users need: producers, SQL and the dashboard.
PUBLISHED = {"kafka": 9092, "reader": 10001, "dashboard": 8501}
PROGRAMS = {
    "stack": typer.main.get_command(stack.cli.app),
    "ingest": typer.main.get_command(ingest.cli.app),
}
SECRETS_FILE = "secrets.env"


@pytest.fixture(autouse=True)
def only_the_containers_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are made of what a container has: no `.env`, and nothing of this shell."""
    for name in [n for n in os.environ if n.startswith("ASSAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


def service_of(container: Container, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The service of the stack as it is in a container, with the secrets that are mounted there."""
    for name in container.secrets:
        (folder / name).write_text("a secret")
    for name, value in container.environment_with(folder).items():
        monkeypatch.setenv(name, value)
    return services.known_services(Settings(state=folder / "state"))[container.name]


def parse(command: Any, words: list[str]) -> None:
    """Parse a command line as the program does, without running it; its errors are raised."""
    while hasattr(command, "commands"):  # typer's groups are not click's
        assert words and words[0] in command.commands, f"there is no such command: {words}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, words)


def check_command(words: list[str]) -> None:
    """A program of the image, with arguments that it accepts."""
    if words[:2] == ["python", "-m"]:
        parse(PROGRAMS[words[2]], words[3:])
        if words[2:4] == ["stack", "every"]:
            check_command(words[5:])
    elif words[0] == "dbt":
        parse(dbt, words[1:])
    else:
        assert words[:2] == ["test", "-e"], words


def test_it_follows_the_compose_specification() -> None:
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    result = subprocess.run(
        [sys.executable, "-m", *check], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_it_has_the_services_of_the_cluster_and_what_runs_beside_them() -> None:
    assert set(containers()) == CLUSTER | JOBS | {DATABASE}
    for name in CLUSTER:
        assert containers()[name].commands == [["python", "-m", "stack", "serve", name]]
        assert containers()[name].check == ["python", "-m", "stack", "ready", name]


@pytest.mark.parametrize("name", OURS)
def test_commands_are_known_to_their_programs(name: str) -> None:
    for command in (*containers()[name].commands, containers()[name].check):
        check_command(command)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stack serve", "Missing parameter: name"),
        ("stack start kafka", "there is no such command"),
        ("ingest run --fallow", "No such option: --fallow"),
        ("stack every x dbt", "valid number"),
    ],
)
def test_an_unknown_command_would_be_found(words: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        check_command(["python", "-m", *words.split()])


@pytest.mark.parametrize("name", OURS)
def test_variables_are_those_of_the_settings(name: str) -> None:
    of_programs = {
        "stack": {f"ASSAY_{field}".upper() for field in Settings.model_fields},
        "ingest": {f"ASSAY_{field}".upper() for field in IngestSettings.model_fields},
        "dbt": {"DBT_TARGET_PATH", "DBT_LOG_PATH"},
    }
    known = of_programs["ingest" if name == "ingest" else "stack"]
    if name == "dbt":
        known |= of_programs["dbt"]
    assert set(containers()[name].environment) <= known


@pytest.mark.parametrize("name", sorted(CLUSTER))
def test_services_start_with_their_variables_and_secrets(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the cluster, listening for the others and known to them by their own names."""
    container = containers()[name]
    service = service_of(container, tmp_path, monkeypatch)
    found = services.environment(service.settings) | service.variables
    assert service.command() and service.settings.cluster
    reads_file = {"directory", "dashboard"}
    assert ("a secret" in str(found)) == bool(container.secrets and name not in reads_file)
    assert service.settings.bind == "0.0.0.0"
    others = {host.removesuffix("_host") for host in Settings.model_fields if "_host" in host}
    for other in others - {"kafka"}:  # its clients are outside
        host = getattr(service.settings, f"{other}_host")
        assert host == ("kafka" if other == "kafka_broker" else other)
    if service.settings.host != HOST:
        assert service.settings.host == name


def test_services_that_others_call_back_have_a_name() -> None:
    """DataNodes, workers and the drivers of applications; and the reader, for its certificate."""
    named = {n for n, c in containers().items() if "ASSAY_HOST" in c.environment}
    others = {"kafka", "namenode", "metastore", "master", "directory", "dashboard"}
    assert named == CLUSTER - others


def test_the_metastore_is_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_of(containers()["metastore"], tmp_path, monkeypatch)
    database = containers()[DATABASE].environment
    assert service.variables == {
        "ASSAY_METASTORE_URL": f"jdbc:postgresql://{DATABASE}:5432/{database['POSTGRES_DB']}",
        "ASSAY_METASTORE_DRIVER": "org.postgresql.Driver",
        "ASSAY_METASTORE_POOL": "HikariCP",
        "ASSAY_METASTORE_USER": database["POSTGRES_USER"],
        "ASSAY_METASTORE_PASSWORD": "a secret",
    }
    both = {DATABASE, "metastore"}
    networks = {n: set(c.content.get("networks", ["default"])) for n, c in containers().items()}
    assert {name for name, found in networks.items() if "database" in found} == both
    assert {name for name, found in networks.items() if "default" not in found} == {DATABASE}
    assert content()["networks"]["database"] == {"internal": True}


def test_images_have_exact_versions() -> None:
    images = {container.content["image"] for container in containers().values()}
    assert all(re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", image) for image in images)
    assert len(images) == 2
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base and re.search(r":\d+\.\d+\.\d+-", base[1])


def test_the_image_has_what_the_containers_run() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.M):
        assert all((ROOT / source).exists() for source in line.split())
    [requirements] = re.findall(r"--requirement (requirements/(?!uv)\S+)", dockerfile)
    run, image = (
        set(re.findall(r"^[\w.-]+.*==\S+", (ROOT / file).read_text(), re.M))
        for file in ("requirements/run.txt", requirements)
    )
    assert run <= image and any(line.startswith("streamlit==") for line in image)
    assert re.search(r"^USER assay$", dockerfile, re.M)


def test_only_what_users_need_is_published_and_to_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {n: c.content["ports"] for n, c in containers().items() if c.content.get("ports")}
    assert ports == {name: [f"127.0.0.1:{port}:{port}"] for name, port in PUBLISHED.items()}
    for name, port in PUBLISHED.items():
        service = service_of(containers()[name], tmp_path, monkeypatch)
        assert port in service.ports.values()


@pytest.mark.parametrize("name", sorted(containers()))
def test_containers_are_checked_limited_and_started_again(name: str) -> None:
    content = containers()[name].content
    assert content["restart"] == "unless-stopped" and content["init"]
    assert content["mem_limit"] and content["cpus"]
    assert content["healthcheck"]["test"] and content["healthcheck"]["start_period"]


def test_containers_start_after_those_that_they_need() -> None:
    for container in containers().values():
        for condition in container.content.get("depends_on", {}).values():
            assert condition == {"condition": "service_healthy"}
    known = services.known_services(Settings(cluster=True))
    for name in CLUSTER:
        assert set(known[name].after) <= before(name), name
    assert {DATABASE, "namenode"} <= before("metastore")
    assert {"datanode", "datanode-2", "worker-1", "worker-2"} <= before("builder")
    assert {"kafka", "connect"} <= before("ingest") and {"builder", "ingest"} <= before("dbt")


def before(name: str) -> set[str]:
    """The names of all that must be healthy before a container starts."""
    direct = containers()[name].after
    return direct.union(*(before(other) for other in direct))


def test_what_is_mounted_exists_and_data_outlive_their_containers() -> None:
    data = set()
    for name, container in containers().items():
        for volume in container.content.get("volumes", []):
            source, target, *mode = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).exists() and f"/opt/assay{source[1:]}" == target
                assert mode == ["ro"]
            else:
                shared = (name, source, *mode) == ("dashboard", "reader", "ro")
                assert source == name or shared, "containers share a volume"
                data.add(source)
    assert data == set(content()["volumes"])
    assert data == {"kafka", "namenode", "datanode", "datanode-2", "master", "reader", DATABASE}
    for name in CLUSTER - {"dashboard"}:
        volumes = containers()[name].content["volumes"]
        assert "./stack/config:/opt/assay/stack/config:ro" in volumes


def test_secrets_are_in_a_file_that_is_not_shared(tmp_path: Path) -> None:
    """The command of docs/deploy.md makes them, for its owner alone."""
    made, *_ = blocks(ROOT / "docs" / "deploy.md", "sh")
    subprocess.run(["sh", "-euc", made.text], cwd=tmp_path, check=True)
    file = tmp_path / SECRETS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.split("=") for line in file.read_text().splitlines())
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    assert set(values) == {secret["environment"] for secret in content()["secrets"].values()}
    mounted = {name for container in containers().values() for name in container.secrets}
    assert mounted == set(content()["secrets"])
    for ignored in (".gitignore", ".dockerignore"):
        assert SECRETS_FILE in (ROOT / ignored).read_text().splitlines()


def test_every_variable_of_the_configuration_files_is_set(tmp_path: Path) -> None:
    wanted = set()
    for path in (ROOT / "stack" / "config").rglob("*.*"):
        if path.is_file():
            wanted |= set(re.findall(r"\$\{env[:.](\w+)\}", path.read_text()))
    assert wanted
    local = services.environment(Settings())
    kafka = services.known_services(Settings(state=tmp_path, cluster=True))["kafka"]
    assert wanted - set(local) == set(kafka.variables), "only the cluster's Kafka has a password"
