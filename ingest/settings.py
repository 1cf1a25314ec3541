"""The settings of ingest: addresses, authentication, topics, tables and limits of a batch."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError

from ingest.errors import BadSetting, BrokerUnavailable, TableNameClash, UnknownTopic

CONFIG_VARIABLE = "ASSAY_CONFIG"
CONFIG_FILE = "ingest.toml"
MAX_INT64 = 2**63 - 1
MAX_PORT = 65_535


# The table of every topic's batches, see `ingest.batch_log`.
BATCH_LOG = "raw.ingest_batches"


def default_table(topic: str) -> str:
    """Return the default raw table of a topic.

    It is `raw.` and the topic's name, in lower case because the metastore has no other, with `_`
    for each `-` and `.`: `Exam-2.a` goes to `raw.exam_2_a`.
    """
    return "raw." + topic.lower().replace("-", "_").replace(".", "_")


def _table_name(name: str) -> str:
    """Return a table's name as the metastore stores it.

    Raises:
        ValueError: SQL does not accept the name without quotes.
    """
    part = r"(?!\d+([eE]\d+)?([dDfFlLsSyY]|[bB][dD])?(\.|$))\w+"
    if not re.fullmatch(rf"{part}\.{part}", name, re.ASCII):
        raise ValueError("give schema.table, of letters, digits and _, neither of them a number")
    return name.lower()


TableName = Annotated[str, AfterValidator(_table_name)]


class TopicSettings(BaseModel):
    """The settings of one topic: the table `[topics.NAME]` of the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: TableName | None = None
    max_messages: int | None = Field(None, ge=1, le=MAX_INT64)
    max_bytes: int | None = Field(None, ge=1, le=MAX_INT64)


class Settings(BaseSettings):
    """Read from the environment (`ASSAY_KAFKA`, …) and, with lower precedence, from a TOML file.

    The file is `ingest.toml` in the current folder, or the one that `ASSAY_CONFIG` names; its keys
    are the fields. Each secret can also be in a file of its own, named by the field with `_file`.
    """

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    kafka: str = Field("127.0.0.1:9092", description="bootstrap servers, separated by commas")
    spark: str = Field("sc://127.0.0.1:15002", description="address of Spark Connect")
    spark_token: SecretStr | None = None
    spark_token_file: Path | None = None
    topic: str = Field("assess", description="the topic of the attempts")
    table: TableName | None = Field(None, description="the raw table; default: raw.TOPIC")
    topics: dict[str, TopicSettings] = Field({}, description="settings of single topics")

    max_messages: int | None = Field(
        None, ge=1, le=MAX_INT64, description="maximum offsets of one batch"
    )
    max_bytes: int | None = Field(
        None, ge=1, le=MAX_INT64, description="approximate maximum bytes of one batch"
    )
    stall_seconds: float = Field(
        60, gt=0, le=86_400, description="reading fails after so many seconds without progress"
    )
    metrics_file: Path | None = Field(None, description="Prometheus text file, replaced atomically")

    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_password_file: Path | None = None
    kafka_ca_file: Path | None = Field(None, description="PEM: authorities to trust")
    kafka_cert_file: Path | None = Field(None, description="PEM: our certificate, for mutual TLS")
    kafka_key_file: Path | None = Field(None, description="PEM: its key")
    kafka_key_password: SecretStr | None = None
    kafka_key_password_file: Path | None = None
    kafka_oauth_token: SecretStr | None = None
    kafka_oauth_token_file: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line takes precedence over the environment, and that over the file."""
        file = TomlConfigSettingsSource(settings_cls, os.environ.get(CONFIG_VARIABLE, CONFIG_FILE))
        return init_settings, env_settings, file

    @property
    def raw_table(self) -> str:
        """The table that holds the topic's records."""
        return self.table or default_table(self.topic)

    def connect_token(self) -> str | None:
        """Return the token that Spark Connect asks for, None if it asks for none.

        Raises:
            BadSetting: its file cannot be read.
        """
        return self._secret("spark_token")

    def connection(self) -> dict[str, object]:
        """Return the arguments of a Kafka client, with secrets and certificates by value.

        By value, because Spark's workers cannot read this machine's files.

        Raises:
            BadSetting: a file cannot be read, or a setting that another one needs is missing.
            BrokerUnavailable: the address of Kafka is invalid.
        """
        found: dict[str, object] = {
            "bootstrap_servers": self._servers(),
            "security_protocol": self.kafka_security,
        }
        if self.kafka_security.startswith("SASL"):
            found |= self._sasl()
        if self.kafka_security.endswith("SSL"):
            found |= {
                "ca_pem": self._authorities(),
                "cert_pem": _text("kafka_cert_file", self.kafka_cert_file),
                "key_pem": _text("kafka_key_file", self.kafka_key_file),
                "key_password": self._secret("kafka_key_password"),
            }
        return {name: value for name, value in found.items() if value is not None}

    def _servers(self) -> list[str]:
        servers = [server.strip() for server in self.kafka.split(",")]
        for server in servers:
            found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:([0-9]{1,5}))?", server, re.ASCII)
            if found is None or not 1 <= int(found[3] or 1) <= MAX_PORT:
                raise BrokerUnavailable(
                    f"{server!r} in ASSAY_KAFKA is not a valid address",
                    f"give host:port, with a port from 1 to {MAX_PORT}; several with commas",
                )
        return servers

    def _authorities(self) -> str | None:
        """Read the certificate authorities to trust, and check that Python can load them."""
        text = _text("kafka_ca_file", self.kafka_ca_file)
        if text is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
            except (ssl.SSLError, ValueError, TypeError) as error:
                raise BadSetting(
                    f"{self.kafka_ca_file} (ASSAY_KAFKA_CA_FILE) holds no certificates: {error}",
                    "name a file with the authorities' certificates in PEM",
                ) from error
        return text

    def _sasl(self) -> dict[str, object]:
        if self.kafka_sasl is None:
            raise BadSetting(
                f"ASSAY_KAFKA_SECURITY is {self.kafka_security}, but ASSAY_KAFKA_SASL is not set",
                "set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            )
        if self.kafka_sasl == "OAUTHBEARER":
            needed: dict[str, object] = {"oauth_token": self._secret("kafka_oauth_token")}
        else:
            needed = {
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self._secret("kafka_password"),
            }
        if None in needed.values():
            raise BadSetting(
                f"{self.kafka_sasl} needs more settings",
                "set ASSAY_KAFKA_OAUTH_TOKEN_FILE"
                if self.kafka_sasl == "OAUTHBEARER"
                else "set ASSAY_KAFKA_USERNAME, and ASSAY_KAFKA_PASSWORD_FILE",
            )
        return {"sasl_mechanism": self.kafka_sasl, **needed}

    def _secret(self, name: str) -> str | None:
        value: SecretStr | None = getattr(self, name)
        if value is not None:
            return value.get_secret_value()
        text = _text(f"{name}_file", getattr(self, f"{name}_file"))
        return None if text is None else text.strip()


def load(**given: Any) -> Settings:
    """Load the settings of one topic; the arguments come from the command line.

    Raises:
        BadSetting: a variable or key is invalid; its value is never shown.
        UnknownTopic: the topic's name is invalid in Kafka.
        TableNameClash: two topics have the same table.
    """
    given = {name: value for name, value in given.items() if value is not None}
    file = os.environ.get(CONFIG_VARIABLE)
    if file and not os.path.isfile(file):  # noqa: PTH113 -- takes every name
        raise BadSetting(f"there is no file {file}", f"correct or unset {CONFIG_VARIABLE}")
    try:
        configured = Settings(**given)
        _check_topic_name(configured.topic)
        own = configured.topics.get(configured.topic)
        if own is not None:
            # The command line takes precedence over the file's settings of the topic.
            update = {**own.model_dump(exclude_none=True), **given}
            configured = configured.model_copy(update=update)
        others = {name: own.table or default_table(name) for name, own in configured.topics.items()}
        check_tables({**others, configured.topic: configured.raw_table})
        return configured
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise BadSetting(
            f"the setting {name} (ASSAY_{name.upper()} in the environment): {first['msg']}",
            f"correct it there or in {os.environ.get(CONFIG_VARIABLE, CONFIG_FILE)}, or unset it",
        ) from None
    except (SettingsError, ValueError, OSError, RecursionError) as error:
        # A variable with invalid JSON; a file that is not TOML, not UTF-8, or not readable.
        raise BadSetting(
            f"the settings cannot be read: {error}",
            f"correct what it names, or {os.environ.get(CONFIG_VARIABLE, CONFIG_FILE)}",
        ) from None


def _check_topic_name(topic: str) -> None:
    """Refuse a topic name that Kafka would refuse."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic) or topic in (".", ".."):
        raise UnknownTopic(
            f"{topic!r} cannot be the name of a topic",
            "a name has 1 to 249 letters, digits, . _ and -; give one in ASSAY_TOPIC or --topic",
        )


def check_tables(tables: Mapping[str, str]) -> None:
    """Check that no two topics, nor a topic and the batch log, have the same table.

    Args:
        tables: the raw table by topic.

    Raises:
        BadSetting: a table's name is invalid.
        TableNameClash: two have the same table.
    """
    owners = {BATCH_LOG: "the batch log of ingest"}
    for topic, table in tables.items():
        try:
            _table_name(table)
        except ValueError as error:
            raise BadSetting(
                f"the topic {topic!r} cannot be in a table {table}: {error}",
                "give the topic a table of its own, in ASSAY_TABLE or ingest.toml",
            ) from None
        if table in owners:
            raise TableNameClash(
                f"the topic {topic!r} goes to {table}, "
                f"which is the table of {owners[table]} as well",
                f'give one of them another: `[topics."{topic}"]` with '
                '`table = "raw.ANOTHER_NAME"` in ingest.toml',
            )
        owners[table] = f"the topic {topic!r}"


def _text(name: str, path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, ValueError) as error:  # not UTF-8, a path with a NUL
        raise BadSetting(
            f"cannot read {path} (ASSAY_{name.upper()}): {error}", "name a readable file"
        ) from error
