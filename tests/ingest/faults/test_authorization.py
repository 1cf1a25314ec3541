"""Failed authentication and authorization: a clear error, its exit code, nothing committed.

On a listener with SASL_SSL, SCRAM and ACLs. Secrets must appear nowhere.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
)

from stack.settings import HOST, Settings
from tests.ingest.faults import kafka_actions, thrift
from tests.ingest.faults.broker import PASSWORD, USER, Broker, token
from tests.ingest.faults.job import Job, run
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

WRONG = "Wrong-Horse-8-Battery"
MOST_QUERIES = 10_000


def test_failed_authentication_is_reported_without_secrets(
    stack: Settings, broker: Broker, kafka: str, topic: str, oracle: Oracle, tmp_path: Path
) -> None:
    kafka_actions.fill(kafka, topic, 10)
    said = []
    with watched_arguments() as arguments:
        wrong = broker.secure_environment(ASSAY_KAFKA_PASSWORD=WRONG)
        said.append(attempt(topic, 21, wrong))
        assert "password" in said[-1]

        stranger = str(broker.folder / "stranger.pem")
        distrustful = broker.secure_environment(ASSAY_KAFKA_CA_FILE=stranger)
        said.append(attempt(topic, 21, distrustful))
        assert "certificate" in said[-1].lower()

        right = broker.secure_environment()
        said.append(attempt(topic, 21, right))
        assert topic in said[-1] or USER in said[-1]
        allow(kafka, topic, ACLOperation.DESCRIBE)
        said.append(attempt(topic, 21, right))  # it may describe, but not read
        assert thrift.snapshots(topic) == []

        allow(kafka, topic, ACLOperation.READ)
        secret = tmp_path / "password"
        secret.write_text(PASSWORD + "\n")
        by_file = broker.secure_environment(ASSAY_KAFKA_PASSWORD_FILE=str(secret))
        del by_file["ASSAY_KAFKA_PASSWORD"]
        said.append(attempt(topic, 0, by_file))
    oracle.assert_right()
    assert "nothing new" in attempt(topic, 0, right)

    places = {
        "output": "".join(said),
        "Spark's log": (stack.logs / "spark.log").read_text(errors="replace"),
        "the table": thrift.metadata_of(topic),
        "arguments": "\n".join(arguments),
        "Spark's page": spark_page(stack),
    }
    assert topic in places["Spark's page"], "the page does not show these queries"
    assert any("ingest" in one for one in arguments), "no job was seen"
    for place, text in places.items():
        assert PASSWORD not in text and WRONG not in text, f"{place} shows the password"


@pytest.mark.parametrize("way", ["PLAIN", "OAUTHBEARER", "certificate"])
def test_other_ways_of_authentication(
    way: str, broker: Broker, kafka: str, topic: str, oracle: Oracle
) -> None:
    kafka_actions.fill(kafka, topic, 10)
    environment = {
        "PLAIN": broker.secure_environment(ASSAY_KAFKA_SASL="PLAIN"),
        "OAUTHBEARER": broker.secure_environment(
            ASSAY_KAFKA_SASL="OAUTHBEARER", ASSAY_KAFKA_OAUTH_TOKEN=token(USER)
        ),
        "certificate": broker.mutual_environment(),
    }[way]
    assert topic in attempt(topic, 21, environment)  # authenticated, but not authorized
    allow(kafka, topic, ACLOperation.READ)
    attempt(topic, 0, environment)
    oracle.assert_right()


def test_a_mistyped_topic_is_not_created(kafka: str, topic: str) -> None:
    """The broker creates topics automatically."""
    said = run(f"{topic}x", expect=12)
    assert f"{topic}x" in said
    with kafka_actions.admin(kafka) as client:
        assert f"{topic}x" not in client.list_topics()
    assert not thrift.exists(thrift.table_of(f"{topic}x"))


def attempt(topic: str, code: int, environment: dict[str, str]) -> str:
    """Run ingest with these settings, assert the exit code, and return the output.

    A job waits ten seconds for the broker's first answer, which a busy machine can miss: it ends
    with 11 then, and is run again.
    """
    for _ in range(3):
        with Job(topic, "run", fresh=True, **environment) as job:
            said = job.expect(code, 11)
            assert PASSWORD not in said and WRONG not in said
            if job.wait() == code:
                return said
    raise AssertionError(said)


def allow(kafka: str, topic: str, operation: ACLOperation) -> None:
    """Allow the user an operation on the topic."""
    pattern = ResourcePattern(ResourceType.TOPIC, topic)
    rule = ACL(f"User:{USER}", "*", operation, ACLPermissionType.ALLOW, pattern)
    with kafka_actions.admin(kafka) as client:
        client.create_acls([rule])


@contextmanager
def watched_arguments() -> Iterator[set[str]]:
    """Collect the arguments of all processes that run meanwhile, as `ps` shows them."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or ()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def spark_page(stack: Settings) -> str:
    """Return what Spark's web page shows of all queries, including plans and options."""
    session = requests.Session()
    session.trust_env = False
    base = f"http://{HOST}:{stack.spark_ui_port}/api/v1/applications"
    [application] = session.get(base, timeout=30).json()
    said = [session.get(f"{base}/{application['id']}/environment", timeout=30).text]
    # One at a time: if Spark has dropped the plan of one query, a longer list answers 404.
    for place in range(MOST_QUERIES):
        query: dict[str, str | int] = {
            "details": "true",
            "planDescription": "true",
            "offset": place,
            "length": 1,
        }
        answer = session.get(f"{base}/{application['id']}/sql", params=query, timeout=60)
        if answer.ok and answer.json() == []:
            return "".join(said)
        if answer.ok:
            said.append(answer.text)
        assert answer.status_code in (200, 404), answer.text
    raise AssertionError("Spark keeps more queries than it is set to")
