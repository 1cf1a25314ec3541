"""Ask the Spark Thrift Server, and say in words why it did not answer."""

import logging
import re
import ssl
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import thrift_sasl
from pyhive import hive
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket

from stack import secret_files
from stack.errors import NothingPublished, NotRunning, ServiceFailed, StackError
from stack.settings import Settings

logging.getLogger("thrift").addHandler(logging.NullHandler())  # its errors are also raised


@dataclass(frozen=True)
class Server:
    """A Thrift Server, and who asks it.

    Attributes:
        host: its name.
        port: its Thrift port.
        user: name of the user.
        password: the user's password; servers that ask for none take any word.
        authority: the authority of its certificate, in PEM; None if it does not speak TLS.
    """

    host: str
    port: int
    user: str = "assay"
    password: str = "none"  # noqa: S105 - a word, which is no secret
    authority: str | None = None

    def __str__(self) -> str:
        """The address."""
        return f"{self.host}:{self.port}"


class _TlsSocket(TSocket):  # type: ignore[misc]
    """A socket that accepts only a certificate of the server's name and of a known authority."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.host, server.port)
        self._context = ssl.create_default_context(cadata=server.authority)

    def open(self) -> None:
        super().open()
        try:
            plain: Any = self.handle  # type: ignore[has-type]
            self.handle = self._context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            self.close()
            raise


def server_for_readers(settings: Settings) -> Server:
    """Return the server that answers readers: their own where it runs, else the only one.

    Raises:
        StackError: the password or the certificate cannot be read.
    """
    if not settings.cluster and settings.reader_host is None:
        return Server(settings.builder_host, settings.thrift_port)
    client = settings.reader_environment()
    return reader(
        client["ASSAY_READER_HOST"],
        settings.reader_port,
        settings.reader_user,
        password_file=Path(client["ASSAY_READER_PASSWORD_FILE"]),
        ca_file=Path(client["ASSAY_READER_CA_FILE"]),
    )


def reader(host: str, port: int, user: str, *, password_file: Path, ca_file: Path) -> Server:
    """Return the server of readers, with the password and the authority that the files hold.

    Raises:
        StackError: one of the files cannot be read.
    """
    password = secret_files.read("ASSAY_READER_PASSWORD_FILE", password_file)
    return Server(host, port, user, password, secret_files.read("ASSAY_READER_CA_FILE", ca_file))


def open_session(
    server: Server, seconds: float | None = None, **session: Any
) -> tuple[hive.Connection, TSocket]:
    """Open a session, and return it with its socket.

    Args:
        server: the server.
        seconds: how long to wait for each of its answers; the socket's `setTimeout` changes it.
        session: other arguments of PyHive's connection.

    Raises:
        TException: the server does not answer, or refuses the password.
        OSError: the connection failed, or (`ssl.SSLError`) the certificate is not trusted.
        hive.Error: the server refused the session.
    """
    socket = _TlsSocket(server) if server.authority else TSocket(server.host, server.port)
    socket.setTimeout(seconds and seconds * 1000)
    transport = thrift_sasl.TSaslClientTransport(
        lambda: hive.get_installed_sasl(
            server.host, "PLAIN", username=server.user, password=server.password
        ),
        "PLAIN",
        socket,
    )
    return hive.connect(username=server.user, thrift_transport=transport, **session), socket


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query.

    Raises:
        NotRunning: no Thrift Server answers.
        NothingPublished: the table is not there.
        ServiceFailed: the server reported another error.
        StackError: the server refuses the password, or its certificate is not trusted.
    """
    server = server_for_readers(settings)
    try:
        connection, _ = open_session(server)
        with closing(connection):
            cursor = connection.cursor()
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
    except (TException, OSError) as error:
        raise not_connected(server, error) from error
    except hive.Error as error:
        raise _translated(error) from error
    return rows


def message_of(error: hive.Error) -> str:
    """Return the server's message; PyHive passes on its whole response."""
    response = error.args[0] if error.args else None
    return str(getattr(getattr(response, "status", None), "errorMessage", None) or error)


def not_connected(server: Server, error: BaseException | None) -> StackError:
    """Return in words why there is no session."""
    if isinstance(error, ssl.SSLError):
        return StackError(
            f"the certificate of {server} is not trusted: {error.reason or error}",
            "name its authority in ASSAY_READER_CA_FILE",
        )
    if "Error validating the login" in str(error):
        return StackError(
            f"{server} refuses the password of {server.user}",
            "correct ASSAY_READER_USER, or the file that ASSAY_READER_PASSWORD_FILE names",
        )
    return NotRunning(
        f"no Thrift Server answers at {server}",
        "`make up` starts the services; `python -m stack status` shows them",
    )


def _translated(error: hive.Error) -> NothingPublished | ServiceFailed:
    """Return the error in words."""
    message = message_of(error)
    if missing := re.search(r"\[(?:TABLE_OR_VIEW|SCHEMA)_NOT_FOUND\].*?(`[\w.`]+`)", message):
        return NothingPublished(
            f"there is no {missing[1].replace('`', '')}: no build has published it yet",
            "`make demo` runs the pipeline; `dbt build` builds from the messages that are there",
        )
    return ServiceFailed(
        f"the Thrift Server failed: {message.splitlines()[0]}",
        "`python -m stack status` shows why; `python -m stack up` starts what is missing",
    )
