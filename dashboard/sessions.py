"""Sessions of the Spark Thrift Server: opened with time limits, reused, and opened again.

A connection of PyHive must not be used by two threads at once, so a session is taken out of the
pool while it runs a statement.
"""

import logging
import queue
import socket
import time
from typing import Any

import thrift_sasl
from pyhive import hive
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket

from dashboard.errors import ServerDown, StatementFailed
from stack.thrift_client import message_of

OPEN_SECONDS = 3.0
STATEMENT_SECONDS = 30.0
SLOW_SECONDS = 0.5
# A page reads hundreds of rows at most, so one fetch brings them all.
FETCHED_ROWS = 10_000

log = logging.getLogger("assay.dashboard")


class _Broken(Exception):
    """The session cannot be used any more."""


class _Session:
    """One connection, with the time limits that PyHive does not set."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = TSocket(host, port)
        self.socket.setTimeout(OPEN_SECONDS * 1000)
        transport = thrift_sasl.TSaslClientTransport(
            # The server asks for no password, but the protocol for a word.
            lambda: hive.get_installed_sasl(host, "PLAIN", username="assay", password="none"),  # noqa: S106
            "PLAIN",
            self.socket,
        )
        self.connection = hive.connect(username="assay", thrift_transport=transport)

    def fetch(self, sql: str, parameters: dict[str, str] | None, limit: float) -> list[Any]:
        """Run a statement and return its rows.

        Raises:
            _Broken: the connection is closed, or the server has forgotten the session.
            TimeoutError: there was no answer within `limit` seconds.
            hive.Error: Spark refused the statement.
        """
        self.socket.setTimeout(limit * 1000)
        begun = time.monotonic()
        cursor = self.connection.cursor(arraysize=FETCHED_ROWS)
        try:
            cursor.execute(sql, parameters)
            rows: list[Any] = cursor.fetchall()
            cursor.close()
        except (TException, OSError, EOFError) as error:
            if time.monotonic() - begun >= limit:
                raise TimeoutError from error
            raise _Broken from error
        except hive.Error as error:
            if "SessionHandle" in str(error):
                raise _Broken from error
            raise
        return rows

    def close(self) -> None:
        """Close the socket; the server ends the session."""
        self.socket.close()


class Sessions:
    """A pool of sessions of one server, for all threads of the process.

    Args:
        host: name of the server.
        port: its Thrift port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._idle: queue.LifoQueue[_Session] = queue.LifoQueue()

    def is_listening(self) -> bool:
        """Return within a second whether the server's port accepts connections."""
        try:
            with socket.create_connection((self.host, self.port), timeout=1):
                return True
        except OSError:
            return False

    def open(self, number: int) -> None:
        """Open sessions for statements to come.

        Raises:
            ServerDown: no connection could be opened.
        """
        for _ in range(number):
            self._idle.put(self._open())

    def fetch(
        self,
        name: str,
        sql: str,
        parameters: dict[str, str] | None = None,
        limit: float = STATEMENT_SECONDS,
    ) -> list[Any]:
        """Run a statement, log it with its seconds, and return its rows.

        Args:
            name: what the log calls the statement.
            sql: the statement, with `%(name)s` where a parameter belongs.
            parameters: values of the parameters.
            limit: seconds after which the server counts as down.

        Raises:
            ServerDown: no connection could be opened, or there was no answer in time.
            StatementFailed: Spark refused the statement.
        """
        begun = time.monotonic()
        try:
            rows = self._fetch(sql, parameters, limit)
        except TimeoutError as error:
            raise ServerDown(
                f"Spark at {self.host}:{self.port} has not answered for {limit:.0f} s",
                "`python -m stack status` shows its state.",
            ) from error
        except hive.Error as error:
            raise StatementFailed(
                f"Spark refused the statement {name}: {_first_line(error)}",
                "`dbt build` publishes the tables that this version of the dashboard reads.",
            ) from error
        seconds = time.monotonic() - begun
        level = logging.WARNING if seconds > SLOW_SECONDS else logging.INFO
        log.log(level, "%s: %.3f s, %d rows: %s", name, seconds, len(rows), " ".join(sql.split()))
        return rows

    def _fetch(self, sql: str, parameters: dict[str, str] | None, limit: float) -> list[Any]:
        """Run a statement in an idle session, or in a new one if those are broken."""
        while True:
            session, is_new = self._take()
            try:
                rows = session.fetch(sql, parameters, limit)
            except hive.Error:
                self._idle.put(session)
                raise
            except _Broken as error:
                session.close()
                if is_new:
                    raise self._down() from error.__cause__
            except BaseException:
                session.close()
                raise
            else:
                self._idle.put(session)
                return rows

    def _take(self) -> tuple[_Session, bool]:
        """Return an idle session, or a new one, and whether it is new."""
        try:
            return self._idle.get_nowait(), False
        except queue.Empty:
            return self._open(), True

    def _open(self) -> _Session:
        try:
            return _Session(self.host, self.port)
        except (TException, OSError, EOFError, hive.Error) as error:
            raise self._down() from error

    def _down(self) -> ServerDown:
        return ServerDown(
            f"Spark does not answer at {self.host}:{self.port}",
            "`python -m stack up` starts it. This page returns by itself.",
        )


def _first_line(error: hive.Error) -> str:
    """Return the words of Spark's message, without its stack trace."""
    message = message_of(error)
    lines = message.partition("Exception: ")[2].strip() or message
    return lines.split("\n")[0][:300]
