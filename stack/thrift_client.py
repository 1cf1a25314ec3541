"""Ask the Spark Thrift Server, and say in words why it did not answer."""

import logging
import re
from contextlib import closing
from typing import Any

from pyhive import hive
from thrift.Thrift import TException

from stack.errors import NothingPublished, NotRunning, ServiceFailed
from stack.settings import Settings

logging.getLogger("thrift").addHandler(logging.NullHandler())  # its errors are also raised


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query.

    Raises:
        NotRunning: no Thrift Server answers.
        NothingPublished: the table is not there.
        ServiceFailed: the server reported another error.
    """
    host = settings.builder_host
    try:
        with closing(hive.connect(host, port=settings.thrift_port, username="assay")) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
    except (TException, OSError) as error:
        raise NotRunning(
            f"no Thrift Server answers at {host}:{settings.thrift_port}",
            "`make up` starts the services; `python -m stack status` shows them",
        ) from error
    except hive.Error as error:
        raise _translated(error) from error
    return rows


def message_of(error: hive.Error) -> str:
    """Return the server's message; PyHive passes on its whole response."""
    response = error.args[0] if error.args else None
    return str(getattr(getattr(response, "status", None), "errorMessage", None) or error)


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
