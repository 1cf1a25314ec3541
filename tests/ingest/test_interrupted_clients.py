"""Interrupted clients must not harm the server that all clients share."""

import contextlib
import threading
import time

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ingest import batch_log
from stack.settings import Settings
from tests.end_to_end.conftest import query

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

STORM_SECONDS = 6.0
CLIENTS = 4


def test_the_metastore_survives_interrupted_clients(
    stack: Settings,
) -> None:
    """An interrupt breaks a connection to Derby; with a pool, all were lost in the end."""
    session = SparkSession.builder.remote(stack.client_environment()["ASSAY_SPARK"]).create()
    session.sql("create schema if not exists raw")
    batch_log.ensure(session)
    ended = threading.Event()
    interrupted = 0

    def ask() -> None:
        nonlocal interrupted
        while not ended.is_set():
            try:
                session.sql("show table extended in raw like '*'").collect()
            except Exception:
                interrupted += 1

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    end = time.monotonic() + STORM_SECONDS
    while time.monotonic() < end:
        time.sleep(0.05)
        with contextlib.suppress(PySparkException):  # a query may end before its interrupt
            session.interruptAll()
    ended.set()
    for client in clients:
        client.join(timeout=5)  # a client may retry an interrupted query
    session.stop()
    assert interrupted > CLIENTS
    assert ("ingest_batches",) in [row[1:2] for row in query("show tables in raw")]
