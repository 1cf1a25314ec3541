"""Services of the cluster are killed during builds and ingest, jobs race, answers are lost."""

import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from stack import processes
from stack import services as stack_services
from stack.services.applications import Connect
from stack.services.service import is_listening
from stack.services.standalone import master_state
from stack.settings import HOST, Settings
from tests.conftest import STATE, own_stack
from tests.end_to_end import strategies
from tests.end_to_end.project import Node
from tests.end_to_end.raw_batches import Raw, emptied
from tests.end_to_end.small_project import drop_schemas, small_project
from tests.end_to_end.test_warehouse_commands import wait_until_locked
from tests.end_to_end.warehouse import build, content, disagreements, seen_by_readers
from tests.ingest.faults import broker as brokers
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.broker import Broker
from tests.ingest.faults.job import Job, run, settle, until
from tests.ingest.faults.oracle import Oracle
from tests.ingest.faults.proxy import Proxy

pytestmark = [pytest.mark.cluster, pytest.mark.services, pytest.mark.long]

VICTIMS = ("worker", "datanode", "metastore", "master")
WANTED = ("below_pass_mark", "fct_responses", "rejections_by_reason")
# Only one partition: a held reader occupies one of the two cores of the application.
ONE = (0,)
# The request by which a commit changes a table in the metastore.
COMMIT = b"alter_table_with_environment_context"


class LossyProxy(Proxy):
    """Loses the answers to requests that contain a text: the server does what they ask.

    Attributes:
        text: the text.
        lose: how many answers to lose.
        is_away: whether connections end at once after the first lost answer.
    """

    def __init__(self, port: int, target: int) -> None:
        self.text = COMMIT
        self.lose = 0
        self.is_away = False
        self.lost = 0
        self._doomed: set[socket.socket] = set()
        super().__init__(port, target)

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_response: bool) -> None:
        try:
            while chunk := source.recv(65536):
                if is_response and (source in self._doomed or (self.lost and self.is_away)):
                    break
                if not is_response and self.text in chunk and self.lost < self.lose:
                    self.lost += 1
                    self._doomed.add(sink)
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class SecondConnect(Connect):
    """A second application for ingest, outside the cluster, with its metastore behind a proxy."""

    name = "connect-2"

    def __init__(self, settings: Settings, metastore_port: int) -> None:
        changes = {
            "connect_port": free_port(),
            "connect_ui_port": free_port(),
            "metastore_port": metastore_port,
        }
        super().__init__(settings.model_copy(update=changes))

    @property
    def configuration(self) -> dict[str, str]:
        """That of the cluster's application, on this machine's cores and impatient."""
        return {
            **super().configuration,
            "spark.master": "local[2]",
            "spark.hadoop.hive.metastore.connect.retries": "1",
        }


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def cluster() -> Iterator[Settings]:
    with own_stack(STATE.with_name(f"{STATE.name}-faults"), cluster=True) as settings:
        yield settings


@pytest.fixture(autouse=True)
def _healed(cluster: Settings) -> Iterator[None]:
    yield
    services.heal(cluster)


@pytest.fixture(scope="module")
def second_broker(cluster: Settings) -> Iterator[tuple[Broker, Proxy]]:
    with brokers.running(cluster) as both:
        yield both


@pytest.fixture
def proxy(second_broker: tuple[Broker, Proxy]) -> Iterator[Proxy]:
    yield second_broker[1]
    second_broker[1].release()


@pytest.fixture
def kafka(
    second_broker: tuple[Broker, Proxy], monkeypatch: pytest.MonkeyPatch, proxy: Proxy
) -> str:
    """The address of the broker for the test's own clients; ingest reads through the proxy."""
    monkeypatch.setenv("ASSAY_KAFKA", second_broker[0].slow_kafka)
    monkeypatch.setenv("ASSAY_KAFKA_SECURITY", "PLAINTEXT")
    return second_broker[0].kafka


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"cluster-{uuid.uuid4().hex[:12]}"
    kafka_actions.create(kafka, name)
    return name


@pytest.fixture
def oracle(kafka: str, topic: str) -> Oracle:
    return Oracle(kafka, topic)


@pytest.fixture(scope="module")
def lossy(cluster: Settings) -> Iterator[tuple[LossyProxy, str]]:
    """A proxy before the metastore, and the address of the application that uses it."""
    port = free_port()
    with LossyProxy(port, cluster.metastore_port) as proxy:
        application = SecondConnect(cluster, port)
        settings = application.settings
        process = processes.start(
            cluster.state,
            application.name,
            application.command(),
            {**stack_services.environment(cluster), **application.variables},
            cluster.log(application.name),
        )
        try:
            until(lambda: is_listening(HOST, settings.connect_port), "the second application", 120)
            yield proxy, settings.client_environment()["ASSAY_SPARK"]
        finally:
            processes.stop([process], 10)


@pytest.fixture
def metastore(lossy: tuple[LossyProxy, str]) -> Iterator[LossyProxy]:
    proxy, _ = lossy
    yield proxy
    proxy.lost, proxy.lose, proxy.is_away = 0, 0, False


def reading_worker(cluster: Settings, port: int) -> str:
    """The worker whose executor has a connection to this port."""
    for name, found in processes.find(cluster.state).items():
        for process in found if name.startswith("worker") else ():
            try:
                if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
                    return name
            except psutil.Error:
                continue
    raise AssertionError("no executor reads")


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_while_a_job_reads(
    cluster: Settings,
    second_broker: tuple[Broker, Proxy],
    topic: str,
    kafka: str,
    oracle: Oracle,
    proxy: Proxy,
    victim: str,
) -> None:
    kafka_actions.fill(kafka, topic, 500, partitions=ONE)
    run(topic)
    kafka_actions.fill(kafka, topic, 1500, partitions=ONE)
    proxy.hold(after_bytes=1_000_000)
    with Job(topic) as job:
        job.await_line("reading")
        proxy.await_held()
        if victim == "worker":
            victim = reading_worker(cluster, int(second_broker[0].slow_kafka.split(":")[1]))
        services.kill(cluster, victim)
        proxy.release()
        services.heal(cluster)
        job.expect(0)
    oracle.assert_right()
    settle(topic)


@pytest.fixture(scope="module")
def project(cluster: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    with small_project(tmp_path_factory.mktemp("small"), WANTED) as models:
        yield models


@pytest.fixture(scope="module")
def raw(cluster: Settings, project: list[Node]) -> Iterator[Raw]:
    """A raw table with a batch, which is built."""
    with emptied(cluster) as table:
        drop_schemas()
        table.batch(strategies.sample(200))
        build()
        yield table


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_during_a_build(
    cluster: Settings, raw: Raw, project: list[Node], victim: str
) -> None:
    tables = seen_by_readers(project)
    before = content(tables)
    with ThreadPoolExecutor() as other:
        building = other.submit(build, "--full-refresh")
        wait_until_locked()
        time.sleep(4)  # some of its tables are made
        services.kill(cluster, "worker-1" if victim == "worker" else victim)
        services.heal(cluster)
        building.result()
    assert content(tables) == before
    assert disagreements({node["name"] for node in project}) == []


def test_of_four_jobs_over_two_applications_one_commits(
    topic: str, kafka: str, oracle: Oracle, proxy: Proxy, lossy: tuple[LossyProxy, str]
) -> None:
    kafka_actions.fill(kafka, topic, 10, partitions=ONE)
    run(topic)
    kafka_actions.fill(kafka, topic, 300, partitions=ONE)
    proxy.hold(after_bytes=100_000)
    _, second = lossy
    with (
        Job(topic) as a,
        Job(topic) as b,
        Job(topic, ASSAY_SPARK=second) as c,
        Job(topic, ASSAY_SPARK=second) as d,
    ):
        jobs = (a, b, c, d)
        for job in jobs:
            job.await_line("reading")
        proxy.await_held()
        proxy.release()
        codes = sorted(job.wait() for job in jobs)
        assert codes == [0, 19, 19, 19], [job.said for job in jobs]
    assert len(thrift.snapshots(topic)) == 2
    oracle.assert_right()
    settle(topic)


def test_a_lost_answer_is_no_lost_commit(
    topic: str, kafka: str, oracle: Oracle, lossy: tuple[LossyProxy, str], metastore: LossyProxy
) -> None:
    """The client asks the metastore again, and finds its commit."""
    _, second = lossy
    kafka_actions.fill(kafka, topic, 10)
    run(topic, ASSAY_SPARK=second)
    kafka_actions.fill(kafka, topic, 10)
    metastore.lose = 1
    assert "batch 2: 30 messages" in run(topic, ASSAY_SPARK=second)
    assert metastore.lost == 1
    oracle.assert_right()
    settle(topic)


def test_a_commit_of_unknown_state_is_found_by_the_next_run(
    topic: str, kafka: str, oracle: Oracle, lossy: tuple[LossyProxy, str], metastore: LossyProxy
) -> None:
    """The answer is lost, and the metastore cannot be asked: the job fails, its batch is there."""
    _, second = lossy
    kafka_actions.fill(kafka, topic, 10)
    run(topic, ASSAY_SPARK=second)
    kafka_actions.fill(kafka, topic, 10)
    metastore.lose, metastore.is_away = 1, True
    said = run(topic, expect=13, ASSAY_SPARK=second)
    assert metastore.lost == 1
    print(said)
    metastore.is_away = False
    assert "nothing new" in run(topic)
    assert oracle.assert_right().rows == 60
    settle(topic)


def test_ingest_goes_on_beside_a_build(
    cluster: Settings, raw: Raw, project: list[Node], topic: str, kafka: str, oracle: Oracle
) -> None:
    """Each application has cores of its own."""
    cores = {app["name"]: app["cores"] for app in master_state(cluster)["activeapps"]}
    assert cores == {"builder": 2, "connect": 2}
    kafka_actions.fill(kafka, topic, 10)
    run(topic)  # the first one compiles classes
    batches = 0
    with ThreadPoolExecutor() as other:
        building = other.submit(build, "--full-refresh")
        wait_until_locked()
        while not building.done():
            kafka_actions.fill(kafka, topic, 10)
            run(topic)
            batches += not building.done()
        building.result()
    print(f"{batches} batches during a build")
    assert batches >= 1
    oracle.assert_right()
