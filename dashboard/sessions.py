"""Sessions of the Spark Thrift Server: opened with time limits, reused, and opened again.

A connection of PyHive must not be used by two threads at once, so a session is taken out of the
pool while it runs a statement.
"""

import logging
import queue
import socket
import time
from typing import Any

from pyhive import hive
from thrift.Thrift import TException

from dashboard.errors import ServerDown, StatementFailed
from stack.errors import NotRunning
from stack.thrift_client import Server, message_of, not_connected, open_session

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

    def __init__(self, server: Server) -> None:
        self.connection, self.socket = open_session(server, OPEN_SECONDS)

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
        server: the server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._idle: queue.LifoQueue[_Session] = queue.LifoQueue()

    def is_listening(self) -> bool:
        """Return within a second whether the server's port accepts connections."""
        try:
            with socket.create_connection((self.server.host, self.server.port), timeout=1):
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
                f"Spark at {self.server} has not answered for {limit:.0f} s",
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
                    raise self._down(error.__cause__) from error.__cause__
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
            return _Session(self.server)
        except (TException, OSError, EOFError, hive.Error) as error:
            raise self._down(error) from error

    def _down(self, error: BaseException | None) -> ServerDown:
        reason = not_connected(self.server, error)
        if not isinstance(reason, NotRunning):  # the password, or the certificate
            return ServerDown(reason.problem, reason.remedy)
        return ServerDown(
            f"Spark does not answer at {self.server}",
            "`python -m stack up` starts it. This page returns by itself.",
        )


def _first_line(error: hive.Error) -> str:
    """Return the words of Spark's message, without its stack trace."""
    message = message_of(error)
    lines = message.partition("Exception: ")[2].strip() or message
    return lines.split("\n")[0][:300]
