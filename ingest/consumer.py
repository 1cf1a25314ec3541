"""A Kafka consumer that changes nothing and skips nothing, for the job and for Spark's workers.

Settings travel to the workers pickled, never as options of a data source, which Spark shows in its
plans and on its web page. So certificates are text here, not the names of files.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer
from kafka.net.sasl.oauth import AbstractTokenProvider

# kafka-python's defaults would create a mistyped topic and jump over what is gone.
READ_ONLY: dict[str, object] = {
    "group_id": None,
    "auto_offset_reset": "none",
    "allow_auto_create_topics": False,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
}

OURS = ("ca_pem", "cert_pem", "key_pem", "key_password", "oauth_token")


class FixedToken(AbstractTokenProvider):  # type: ignore[misc]
    """An OAuth token that was fetched elsewhere."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def token(self) -> str:
        """The token as it was given."""
        return self._token


def connect(settings: Mapping[str, object]) -> KafkaConsumer:
    """Make a consumer that belongs to no group; the caller closes it.

    Args:
        settings: kafka-python's own, and `ca_pem`, `cert_pem`, `key_pem` (certificates and key as
            text; the key may be in `cert_pem`), `key_password` and `oauth_token`; None is as good
            as absent.

    Raises:
        kafka.errors.KafkaError: the cluster cannot be reached, or refuses.
        ssl.SSLError: a certificate or the key cannot be used.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    ours = {key: str(given.pop(key)) for key in OURS if key in given}
    if "ca_pem" in ours or "cert_pem" in ours:
        given["ssl_context"] = _tls(ours, bool(given.get("ssl_check_hostname", True)))
    if "oauth_token" in ours:
        given["sasl_oauth_token_provider"] = FixedToken(ours["oauth_token"])
    return KafkaConsumer(**{**READ_ONLY, **given})


def _tls(ours: Mapping[str, str], check_hostname: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ours.get("ca_pem"))
    context.check_hostname = check_hostname
    if "cert_pem" in ours:
        with _private_file(f"{ours['cert_pem']}\n{ours.get('key_pem', '')}") as path:
            # Without a password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(path, password=ours.get("key_password", ""))
    return context


@contextmanager
def _private_file(text: str) -> Iterator[str]:
    """Put a text into a file that only we can read: OpenSSL takes a key from nowhere else."""
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        yield path
    finally:
        Path(path).unlink()
