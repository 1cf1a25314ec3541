"""Translate kafka-python's errors into ours."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
)

from ingest.errors import AuthError, BrokerUnavailable, UnknownTopic, UnsupportedCodec
from ingest.settings import Settings


def unknown_topic(settings: Settings, name: str) -> UnknownTopic:
    """Return the error for a topic that does not exist."""
    return UnknownTopic(
        f"there is no topic {name!r} at {settings.kafka}",
        f"check the spelling, or create it: `python -m ingest topic create --topic {name}`",
    )


@contextmanager
def translate_kafka_errors(settings: Settings) -> Iterator[None]:
    """Translate kafka-python's errors into ours.

    Raises:
        BrokerUnavailable: no broker answers at the address, or it does not answer correctly.
        AuthError: a wrong password, an untrusted certificate, or a missing permission.
        UnsupportedCodec: the library for the messages' codec is not installed.
    """
    failures = _AuthFailures()
    try:
        with failures:
            yield
    except (SaslAuthenticationFailedError, AuthorizationError, ssl.SSLError) as error:
        raise auth_error(settings, f"{type(error).__name__}: {error}") from error
    except UnsupportedCodecError as error:
        raise UnsupportedCodec(
            str(error), "install the requirements again: `make setup`"
        ) from error
    except KafkaError as error:
        if reason := error if _is_auth_failure(error) else failures.last:
            raise auth_error(settings, f"{type(reason).__name__}: {reason}") from error
        raise BrokerUnavailable(
            f"Kafka at {settings.kafka} does not answer correctly: {type(error).__name__}: {error}",
            "start the services (`python -m stack up`); if their ports are not the defaults, or "
            'they ask for a password, `eval "$(python -m stack env)"`; for another cluster, set '
            "ASSAY_KAFKA, and ASSAY_KAFKA_SECURITY",
        ) from error
    except UnicodeError as error:  # a label of the host name is empty or too long
        raise BrokerUnavailable(
            f"{settings.kafka!r} is not a valid address: {error}",
            "give host:port in ASSAY_KAFKA",
        ) from error


class _AuthFailures(logging.Handler):
    """Records why authentication failed, which kafka-python writes to its log only.

    kafka-python retries until a timeout, and raises only that.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Exception | None = None

    def __enter__(self) -> Self:
        logging.getLogger("kafka.net.manager").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kafka.net.manager").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Record the error of a log message, if it is a failed authentication or authorization."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, Exception) and _is_auth_failure(argument):
                self.last = argument


def _is_auth_failure(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes is a failed authentication or authorization."""
    while error is not None:
        if isinstance(error, SaslAuthenticationFailedError | AuthorizationError | ssl.SSLError):
            return True
        if isinstance(error, KafkaConnectionError) and "[SSL" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def auth_error(settings: Settings, reason: str) -> AuthError:
    """Return the error for refused authentication or authorization."""
    return AuthError(
        f"Kafka at {settings.kafka} refused: {reason}",
        "check ASSAY_KAFKA_SECURITY, ASSAY_KAFKA_SASL, the user, its password and permissions "
        "(reading needs Read and Describe on the topic), and ASSAY_KAFKA_CA_FILE",
    )
