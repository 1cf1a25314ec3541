"""Settings: precedence, secrets that are never shown, and errors that name the setting."""

from pathlib import Path

import pytest

from ingest.errors import BadSetting
from ingest.settings import Settings, load
from tests.ingest.faults.broker import write_certificates


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable of ingest, and an empty current folder."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ASSAY_{name}".upper(), raising=False)
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_comes_before_the_environment_before_the_file(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean / "ingest.toml").write_text('kafka = "file:1"\nspark = "sc://file:1"\ntopic = "file"\n')
    monkeypatch.setenv("ASSAY_SPARK", "sc://environment:1")
    monkeypatch.setenv("ASSAY_TOPIC", "environment")
    found = load(topic="command-line")
    assert (found.kafka, found.spark, found.topic) == (
        "file:1",
        "sc://environment:1",
        "command-line",
    )


def test_each_topic_has_a_table_of_its_own(clean: Path) -> None:
    (clean / "ingest.toml").write_text(
        "max_messages = 10\n[topics.a]\ntable = 'raw.first'\n[topics.b]\nmax_messages = 20\n"
    )
    a, b, c = load(topic="a"), load(topic="b"), load(topic="c-d.e")
    assert (a.raw_table, a.max_messages) == ("raw.first", 10)
    assert (b.raw_table, b.max_messages) == ("raw.b", 20)
    assert (c.raw_table, c.max_messages) == ("raw.c_d_e", 10)
    assert load(topic="b", max_messages=3).max_messages == 3


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("kafkaa = 'x'", "kafkaa"),
        ("max_messages = 0", "max_messages"),
        ("table = 'raw.a; drop'", "table"),
        ("[topics.a]\ntabel = 'raw.b'", "topics.a.tabel"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_wrong_key_or_value_of_the_file_is_named(clean: Path, content: str, named: str) -> None:
    (clean / "ingest.toml").write_text(content)
    with pytest.raises(BadSetting) as error:
        load()
    assert named in error.value.problem


def test_a_missing_configuration_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CONFIG", "elsewhere.toml")
    with pytest.raises(BadSetting, match=r"elsewhere\.toml"):
        load()


def test_a_secret_is_never_shown(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KAFKA_SECURITY", "SASL_PLAINTEXT")
    monkeypatch.setenv("ASSAY_KAFKA_SASL", "PLAIN")
    monkeypatch.setenv("ASSAY_KAFKA_USERNAME", "user")
    monkeypatch.setenv("ASSAY_KAFKA_PASSWORD", "s3cret")
    found = load()
    assert found.connection()["sasl_plain_password"] == "s3cret"
    assert "s3cret" not in repr(found) + str(found) + found.model_dump_json()
    monkeypatch.setenv("ASSAY_KAFKA_SASL", "s3cret")
    with pytest.raises(BadSetting) as error:
        load()
    assert "s3cret" not in str(error.value) + error.value.remedy


def test_secrets_and_certificates_come_from_files_by_value(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean / "password").write_text("from a file\n")
    write_certificates(clean)
    monkeypatch.setenv("ASSAY_KAFKA_SECURITY", "SASL_SSL")
    monkeypatch.setenv("ASSAY_KAFKA_SASL", "SCRAM-SHA-512")
    monkeypatch.setenv("ASSAY_KAFKA_USERNAME", "user")
    with pytest.raises(BadSetting, match="SCRAM-SHA-512 needs more"):
        load().connection()
    monkeypatch.setenv("ASSAY_KAFKA_PASSWORD_FILE", "password")
    monkeypatch.setenv("ASSAY_KAFKA_CA_FILE", "ca.pem")
    assert load().connection() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "user",
        "sasl_plain_password": "from a file",
        "ca_pem": (clean / "ca.pem").read_text(),
    }
    monkeypatch.setenv("ASSAY_KAFKA_CA_FILE", "none.pem")
    with pytest.raises(BadSetting, match=r"none\.pem \(ASSAY_KAFKA_CA_FILE\)"):
        load().connection()


def test_sasl_without_a_mechanism_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KAFKA_SECURITY", "SASL_SSL")
    with pytest.raises(BadSetting, match="ASSAY_KAFKA_SASL is not set"):
        load().connection()
