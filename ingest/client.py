"""What a Kafka client is made of, in the job's own process and in Spark's workers alike.

Secrets and certificates come by value and go nowhere else. Spark's workers get this module by value
too, so it needs kafka-python only.
"""

import os
import ssl
import tempfile
from pathlib import Path

from kafka.net.sasl.oauth import AbstractTokenProvider

# kafka-python's defaults would create a mistyped topic and jump over what is gone.
READ_ONLY: dict[str, object] = {
    "group_id": None,
    "auto_offset_reset": "none",
    "allow_auto_create_topics": False,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
}


def arguments(connection: dict[str, object]) -> dict[str, object]:
    """kafka-python's arguments, with certificates and token as the objects it takes.

    Args:
        connection: kafka-python's own settings, and `ca_pem`, `cert_pem`, `key_pem`,
            `key_password` and `oauth_token`, each a text or absent.
    """
    known = dict(connection)
    authorities, certificate, key, password, token = (
        known.pop(name, None)
        for name in ("ca_pem", "cert_pem", "key_pem", "key_password", "oauth_token")
    )
    if str(known.get("security_protocol", "")).endswith("SSL"):
        context = ssl.create_default_context(cadata=authorities)  # type: ignore[arg-type]
        if certificate is not None:
            _present(context, f"{certificate}\n{key or ''}", password)
        known["ssl_context"] = context
    if token is not None:
        known["sasl_oauth_token_provider"] = _Token(str(token))
    return known


def _present(context: ssl.SSLContext, pem: str, password: object) -> None:
    """Load our certificate and key, which Python reads from files only, and leave no file."""
    handle, path = tempfile.mkstemp()  # nobody else can read it
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
