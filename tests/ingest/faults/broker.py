"""A second broker, which tests may kill; it also serves tests with a proxy or authentication.

It runs from the stack's jars. Its log cleaner starts without delay. One listener advertises the
address of a proxy, one uses SASL_SSL with passwords, tokens and ACLs, and one requires a client
certificate.
"""

import base64
import datetime
import ipaddress
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stack import jars, java, processes
from stack.services.kafka import formatting, has_broker
from stack.settings import HOST, Settings
from tests.ingest.faults.job import until
from tests.ingest.faults.proxy import Proxy

# Added to the stack's Kafka port; no service has such a port under any offset.
DIRECT, PROXIED, PROXY, SECURE, CONTROLLER, MUTUAL = 3, 4, 5, 6, 7, 8

USER = "ingest"
PASSWORD = "Correct-Horse-7-Battery"  # tests search for it where it must not be


class Broker:
    """One KRaft node.

    Attributes:
        kafka: address without proxy and authentication.
        slow_kafka: address of the proxy.
        secure_kafka: address with SASL_SSL: SCRAM-SHA-512, PLAIN or OAUTHBEARER.
        mutual_kafka: address with mutual TLS.
        folder: folder of its data and certificates.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        base = settings.kafka_port
        self.kafka = f"{HOST}:{base + DIRECT}"
        self.slow_kafka = f"{HOST}:{base + PROXY}"
        self.secure_kafka = f"{HOST}:{base + SECURE}"
        self.mutual_kafka = f"{HOST}:{base + MUTUAL}"
        self.folder = settings.state / "faults-broker"
        self._process: psutil.Process | None = None

    def format(self) -> None:
        """Create the log folder, the certificates and the user with a password."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        write_certificates(self.folder)
        (self.folder / "server.properties").write_text(self._properties())
        scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        subprocess.run(
            self._java(*formatting(self.folder / "server.properties"), "--add-scram", scram),
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        # Marked as the stack's, so that `down` finds it if these tests are killed.
        self._process = processes.start(
            self._settings.state,
            "faults-broker",
            self._java("kafka.Kafka", str(self.folder / "server.properties")),
            {},
            self._settings.logs / "faults-broker.log",
        )
        until(lambda: has_broker(self.kafka), "the second broker answers", 90)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def log_file(self, topic: str, partition: int) -> Path:
        """The first segment of a partition."""
        return self.folder / "log" / f"{topic}-{partition}" / f"{0:020d}.log"

    def secure_environment(self, **changes: str) -> dict[str, str]:
        """Return the variables that the job needs for the SASL_SSL listener."""
        return {
            "ASSAY_KAFKA": self.secure_kafka,
            "ASSAY_KAFKA_SECURITY": "SASL_SSL",
            "ASSAY_KAFKA_SASL": "SCRAM-SHA-512",
            "ASSAY_KAFKA_USERNAME": USER,
            "ASSAY_KAFKA_PASSWORD": PASSWORD,
            "ASSAY_KAFKA_CA_FILE": str(self.folder / "ca.pem"),
            **changes,
        }

    def mutual_environment(self) -> dict[str, str]:
        """Return the variables that the job needs for the listener with mutual TLS."""
        return {
            "ASSAY_KAFKA": self.mutual_kafka,
            "ASSAY_KAFKA_SECURITY": "SSL",
            "ASSAY_KAFKA_CA_FILE": str(self.folder / "ca.pem"),
            "ASSAY_KAFKA_CERT_FILE": str(self.folder / "client.pem"),
            "ASSAY_KAFKA_KEY_FILE": str(self.folder / "client-key.pem"),
            "ASSAY_KAFKA_KEY_PASSWORD": PASSWORD,
        }

    def _java(self, main: str, *arguments: str) -> list[str]:
        return java.command(
            main,
            *arguments,
            classpath=jars.classpath(self._settings.cache, "kafka"),
            options=["-Xmx384m", *java.SMALL_JVM_OPTIONS],
        )

    def _properties(self) -> str:
        base = self._settings.kafka_port
        return f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{base + CONTROLLER}
controller.listener.names=CONTROLLER
inter.broker.listener.name=DIRECT
listener.security.protocol.map=\
CONTROLLER:PLAINTEXT,DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL
listeners=DIRECT://{HOST}:{base + DIRECT},PROXIED://{HOST}:{base + PROXIED},\
SECURE://{HOST}:{base + SECURE},MUTUAL://{HOST}:{base + MUTUAL},\
CONTROLLER://{HOST}:{base + CONTROLLER}
advertised.listeners=DIRECT://{HOST}:{base + DIRECT},PROXIED://{HOST}:{base + PROXY},\
SECURE://{HOST}:{base + SECURE},MUTUAL://{HOST}:{base + MUTUAL}
log.dirs={self.folder / "log"}
auto.create.topics.enable=true
log.retention.hours=-1
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# Compaction without delay.
log.cleaner.backoff.ms=200
log.cleaner.min.cleanable.ratio=0.01

# Authentication and ACLs on two listeners; anonymous clients may do all. Tokens are unsigned.
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
listener.name.secure.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={self.folder / "broker.pem"}
listener.name.mutual.ssl.keystore.type=PEM
listener.name.mutual.ssl.keystore.location={self.folder / "broker.pem"}
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={self.folder / "ca.pem"}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
"""


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Broker, Proxy]]:
    """Run a broker and its proxy."""
    broker = Broker(settings)
    base = settings.kafka_port
    with Proxy(base + PROXY, base + PROXIED) as proxy:
        broker.format()
        try:
            broker.start()
            yield broker, proxy
        finally:
            broker.kill()


def token(user: str) -> str:
    """Return an unsigned token of a user, valid for an hour."""
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    parts = [{"alg": "none"}, {"sub": user, "iat": now, "exp": now + 3600}]
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join(part.rstrip("=") for part in encoded) + "."


def write_certificates(folder: Path) -> None:
    """Write an authority, certificates of a broker and a user from it, and another authority."""
    ca_key, ca = _certificate("assay test authority", None)
    broker_key, broker = _certificate(HOST, (ca_key, ca))
    user_key, user = _certificate(USER, (ca_key, ca))
    _, stranger = _certificate("somebody else", None)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = broker_key.private_bytes(pem, form, serialization.NoEncryption())
    locked = serialization.BestAvailableEncryption(PASSWORD.encode())
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "stranger.pem").write_bytes(stranger.public_bytes(pem))
    (folder / "broker.pem").write_bytes(key + broker.public_bytes(pem) + ca.public_bytes(pem))
    (folder / "client.pem").write_bytes(user.public_bytes(pem))
    (folder / "client-key.pem").write_bytes(user_key.private_bytes(pem, form, locked))


def _certificate(
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        address = x509.IPAddress(ipaddress.ip_address(HOST))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())
