"""The password and the certificate of readers on this machine, unless others are configured."""

import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stack import secret_files
from stack.settings import HOST, Settings

VALID_DAYS = 3650


def create(settings: Settings) -> Path:
    """Create the password and the certificate, if they do not exist, and return their folder.

    Its files are `password`, `keystore.p12`, `keystore-password` and `certificate.pem`; only the
    user who runs the services can read them.
    """
    folder = settings.reader_access
    if not (folder / "certificate.pem").exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keystore_password = secrets.token_urlsafe(24).encode()
        certificate, keystore = _certificate(settings.host, keystore_password)
        secret_files.write(folder / "password", secrets.token_urlsafe(24).encode())
        secret_files.write(folder / "keystore-password", keystore_password)
        secret_files.write(folder / "keystore.p12", keystore)
        secret_files.write(folder / "certificate.pem", certificate)
    return folder


def _certificate(host: str, password: bytes) -> tuple[bytes, bytes]:
    """Return a certificate of a host that signs itself, as PEM, and a keystore with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "assay readers")])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=VALID_DAYS),
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [_alternative(name) for name in dict.fromkeys(("localhost", HOST, host))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), pkcs12.serialize_key_and_certificates(
        b"reader", key, certificate, None, BestAvailableEncryption(password)
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
