"""The arguments of the Kafka clients, in the job's own process and in Spark's workers.

Secrets and certificates are passed by value and stored nowhere. Spark's workers get this module by
value too, so it imports kafka-python only.
"""

import os
import ssl
import tempfile
from pathlib import Path

from kafka.net.sasl.oauth import AbstractTokenProvider

# By default kafka-python creates a mistyped topic, and silently skips deleted offsets.
READ_ONLY: dict[str, object] = {
    "group_id": None,
    "auto_offset_reset": "none",
    "allow_auto_create_topics": False,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
}


def arguments(connection: dict[str, object]) -> dict[str, object]:
    """Return kafka-python's arguments, with certificates and token as the objects that it takes.

    Args:
        connection: kafka-python's own arguments, and `ca_pem`, `cert_pem`, `key_pem`,
            `key_password` and `oauth_token`, each a string or absent.
    """
    known = dict(connection)
    authorities, certificate, key, password, token = (
        known.pop(name, None)
        for name in ("ca_pem", "cert_pem", "key_pem", "key_password", "oauth_token")
    )
    if str(known.get("security_protocol", "")).endswith("SSL"):
        context = ssl.create_default_context(cadata=authorities)  # type: ignore[arg-type]
        if certificate is not None:
            _load_client_certificate(context, f"{certificate}\n{key or ''}", password)
        known["ssl_context"] = context
    if token is not None:
        known["sasl_oauth_token_provider"] = _Token(str(token))
    return known


def _load_client_certificate(context: ssl.SSLContext, pem: str, password: object) -> None:
    """Load the client's certificate and key: Python reads a file only, which is deleted then."""
    handle, path = tempfile.mkstemp()  # only this user can read it
    try:
        with os.fdopen(handle, "w") as file:
            file.write(pem)
        context.load_cert_chain(path, password=password)  # type: ignore[arg-type]
    finally:
        Path(path).unlink()


class _Token(AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def token(self) -> str:
        return self._token
