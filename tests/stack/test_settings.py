"""Ports and folders are configurable, and an invalid value is named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from stack.cli import app
from stack.settings import HOST, REFUSED_IN_PATHS, ROOT, Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_PORT_OFFSET", "ASSAY_THRIFT_PORT", "ASSAY_STATE", "ASSAY_KAFKA_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_an_offset_changes_all_ports_that_are_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASSAY_PORT_OFFSET", "100")
    monkeypatch.setenv("ASSAY_THRIFT_PORT", "11111")
    moved = Settings()
    assert moved.kafka_port == 9192
    assert moved.connect_port == 15102
    assert moved.thrift_port == 11111
    assert moved.client_environment() == {
        "ASSAY_KAFKA": "127.0.0.1:9192",
        "ASSAY_SPARK": "sc://127.0.0.1:15102",
        "ASSAY_THRIFT_HOST": "127.0.0.1",
        "ASSAY_THRIFT_PORT": "11111",
    }


def test_everything_binds_to_this_machine_by_default() -> None:
    settings = Settings()
    assert settings.bind == "127.0.0.1"
    assert "0.0.0.0" not in str(settings.service_environment())


def test_clients_are_told_where_services_on_other_hosts_are() -> None:
    settings = Settings(kafka_host="a", connect_host="b", builder_host="c", _env_file=None)
    assert settings.client_environment() == {
        "ASSAY_KAFKA": "a:9092",
        "ASSAY_SPARK": "sc://b:15002",
        "ASSAY_THRIFT_HOST": "c",
        "ASSAY_THRIFT_PORT": "10000",
    }


@pytest.mark.parametrize(
    ("bind", "own"), [("127.0.0.1", "127.0.0.1"), ("10.1.2.3", "10.1.2.3"), ("0.0.0.0", HOST)]
)
def test_a_host_reaches_its_own_servers(bind: str, own: str) -> None:
    assert Settings(bind=bind).own_address == own


def test_the_state_folder_does_not_depend_on_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_STATE", "here")
    monkeypatch.setenv("ASSAY_CACHE", "~/there")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().state == ROOT / "here"
    assert Settings().cache == tmp_path / "there"


@pytest.mark.parametrize("name", ["ASSAY_STATE", "ASSAY_CACHE"])
@pytest.mark.parametrize("character", REFUSED_IN_PATHS + "\n")
def test_a_path_that_a_service_would_misread_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, character: str
) -> None:
    monkeypatch.setenv(name, f"/somewhere/a{character}b")
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert name in result.stderr and f"contains {character!r}" in result.stderr
    assert "remedy:" in result.stderr


def test_an_unknown_home_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_STATE", "~nobody-of-this-name/state")
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1 and "ASSAY_STATE is '~nobody-of-this-name" in result.stderr


def test_a_file_env_that_is_not_text_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes("ASSAY_PORT_OFFSET=100".encode("utf-16"))
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1
    assert ".env cannot be read" in result.stderr and "remedy:" in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSAY_PORT_OFFSET", "many"),
        ("ASSAY_PORT_OFFSET", "60000"),
        ("ASSAY_SPARK_MEMORY", "lots"),
        ("ASSAY_SPARK_COMPILERS", "late"),
        ("ASSAY_KAFKA_PORT", "x"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1
    assert name in result.stderr and value in result.stderr and "remedy:" in result.stderr
