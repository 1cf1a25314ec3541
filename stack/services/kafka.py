"""Kafka: one broker."""

import base64
import re
import uuid
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from stack import jars, java, secret_files
from stack.errors import StackError
from stack.services.service import PROBE_SECONDS, JavaService, is_listening
from stack.settings import CONFIG

# A password with one of them would end, or change, the line of its configuration.
REFUSED_IN_PASSWORDS = '"\\'


class Kafka(JavaService):
    """One broker that is its own controller (KRaft)."""

    name = "kafka"

    @property
    def ports(self) -> dict[str, int]:
        """Clients, controller, and the broker's own listener."""
        return {
            "clients": self.settings.kafka_port,
            "controller": self.settings.kafka_controller_port,
            "broker": self.settings.kafka_broker_port,
        }

    @property
    def variables(self) -> dict[str, str]:
        """The user and the password of the cluster's Kafka.

        Raises:
            StackError: the file of the password cannot be read, or Kafka misreads one of them.
        """
        if not self.settings.cluster:
            return {}
        user, password = self.settings.kafka_username, self._password()
        if not re.fullmatch(r"\w+", user, re.ASCII):
            raise StackError(
                f"ASSAY_KAFKA_USERNAME is {user!r}, which Kafka's configuration cannot hold",
                "choose a name of letters, digits and underscores",
            )
        return {
            "ASSAY_KAFKA_JAAS": "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="{user}" password="{password}" user_{user}="{password}";'
        }

    def _password(self) -> str:
        default = self.settings.kafka_password
        file = self.settings.kafka_password_file or default
        if file == default:  # `stack env` names it too
            return secret_files.created(file)
        password = secret_files.read("ASSAY_KAFKA_PASSWORD_FILE", file)
        if any(c in REFUSED_IN_PASSWORDS for c in password):
            raise StackError(
                f"the password in {file} contains a quote or a backslash, which Kafka misreads",
                "choose another one, for example with `openssl rand -hex 32`",
            )
        return password

    def _java(self, main: str, *arguments: str) -> list[str]:
        return java.command(
            main,
            *arguments,
            classpath=jars.classpath(self.settings.cache, "kafka"),
            options=["-Xmx512m", *java.SMALL_JVM_OPTIONS],
        )

    def prepare(self, environment: dict[str, str]) -> None:
        """Format the log folder with a new cluster id."""
        tool = self._java(*formatting(CONFIG / "kafka" / "server.properties"))
        self.format("ASSAY_KAFKA_DATA", tool, environment)

    def command(self) -> list[str]:
        """The broker."""
        return self._java("kafka.Kafka", str(CONFIG / "kafka" / "server.properties"))

    def is_ready(self) -> bool:
        """Return whether a client gets the cluster's metadata with a broker."""
        address, port = self.settings.own_address, self.settings.kafka_port
        return is_listening(address, port) and has_broker(f"{address}:{port}", **self._client())

    def _client(self) -> dict[str, str]:
        """Return kafka-python's arguments that name the user of the cluster."""
        if not self.settings.cluster:
            return {}
        return {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": self.settings.kafka_username,
            "sasl_plain_password": self._password(),
        }


def formatting(properties: Path) -> list[str]:
    """Return Kafka's storage tool and its arguments to format a log folder for a new cluster."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # One argument, because an id that begins with a dash would be parsed as an option.
    arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(properties)]
    return ["kafka.tools.StorageTool", *arguments]


def has_broker(kafka: str, **client: str) -> bool:
    """Return whether the cluster at this address answers with metadata that has a broker.

    Args:
        kafka: host and port.
        client: kafka-python's arguments of the user, if Kafka asks for one.
    """
    timeout_ms = int(PROBE_SECONDS * 1000)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=kafka,
            **client,
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
        )
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()
