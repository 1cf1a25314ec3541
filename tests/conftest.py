"""The fixtures of all tests: the real export, one stack for those that need services, the demo."""

import os
import socket
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from stack import environment, jars, java, lifecycle, services
from stack.settings import HOST, MAX_OFFSET, ROOT, Settings
from tests.end_to_end.conftest import demo, holds_the_sample
from tests.surroundings import HOSTILE

INHERITED = dict(os.environ)
# Each of pytest-xdist's workers has services of its own.
STATE = ROOT / f".stack-test{os.environ.get('PYTEST_XDIST_WORKER', '')}"
# Variables of the shell that runs the tests must not affect them.
environment.keep_only([f"ASSAY_{field.upper()}" for field in Settings.model_fields])

# Tests that read the sample's tables: one worker runs all of them, so that it builds them once.
ON_THE_SAMPLE = (
    "tests/analysts/",
    "tests/dashboard/",
    "tests/end_to_end/test_demo.py",
    "tests/end_to_end/test_tutorial.py",
)
FIRST_DEMO = pytest.StashKey[str]()

REAL_EXPORT = ROOT.parent / "shared" / "data" / "assessment-attempts-20180128-121051-nested.json.gz"


@pytest.fixture(scope="session")
def real_export() -> Path:
    """The data of the published study; skips the test if it is not beside the checkout."""
    if not REAL_EXPORT.exists():
        pytest.skip("the real export is not beside this checkout (../shared/data)")
    return REAL_EXPORT


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives each worker whole files, and one of them all files that read the sample's tables."""

    def _split_scope(self, nodeid: str) -> str:
        return "the sample" if nodeid.startswith(ON_THE_SAMPLE) else nodeid.split("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """With `--dist loadfile`, keep files together that read the sample's tables."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_configure_node(node: WorkerController) -> None:
    """Pass the shell's variables to a worker, which inherits only some of them."""
    node.workerinput["inherited"] = INHERITED


@pytest.fixture(scope="session")
def inherited(pytestconfig: pytest.Config) -> dict[str, str]:
    """All variables of the shell that runs the tests."""
    found: dict[str, str] = getattr(pytestconfig, "workerinput", {}).get("inherited", INHERITED)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the log of each service that does not run to the report of a failure."""
    report = yield
    settings = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(settings, Settings) and settings.state == STATE:
        for found in lifecycle.status(settings):
            if found.health is not lifecycle.Health.READY:
                name = found.service.name
                excerpt = lifecycle.log_excerpt(settings, name, 30)
                report.sections.append((f"{name} is {found.health}", excerpt))
    return report


@pytest.fixture(scope="session")
def stack() -> Iterator[Settings]:
    """The services of all tests."""
    with own_stack() as settings:
        yield settings


@pytest.fixture(
    scope="module",
    params=["local", pytest.param("cluster", marks=[pytest.mark.cluster, pytest.mark.long])],
)
def either_stack(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """The services of all tests; and, in the long tests, a cluster without data."""
    if request.param == "local":
        yield request.getfixturevalue("stack")
    else:
        with own_stack(STATE.with_name(f"{STATE.name}-cluster"), cluster=True) as settings:
            yield settings


@pytest.fixture(scope="module")
def sample_demo(stack: Settings, pytestconfig: pytest.Config) -> str:
    """What the first demo with the sample printed; its tables are published."""
    if FIRST_DEMO not in pytestconfig.stash or not holds_the_sample():
        said = demo()
        pytestconfig.stash.setdefault(FIRST_DEMO, said)
    return pytestconfig.stash[FIRST_DEMO]


@contextmanager
def own_stack(state: Path = STATE, *, cluster: bool = False) -> Iterator[Settings]:
    """Run services without data on ports that no other checkout uses; stop them at the end.

    They are started with the variables of a user of other installations of Spark, Hadoop and Java.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as claim:
        forget_services(patch)
        patch.setenv("ASSAY_STATE", str(state))
        lifecycle.reset(Settings())  # of a killed run of these tests
        patch.setenv("ASSAY_PORT_OFFSET", str(claim_offset(claim)))
        patch.setenv("ASSAY_SPARK_COMPILERS", "early")  # services are started again and again
        patch.setenv("DBT_TARGET_PATH", str(state / "dbt"))
        patch.setenv("DBT_LOG_PATH", str(state / "logs"))
        settings = Settings().model_copy(update={"cluster": cluster})
        for name, value in settings.client_environment().items():
            patch.setenv(name, value)
        # Before the hostile variables: jars are fetched through a proxy, and theirs does not exist.
        jars.ensure(settings.cache, jars.locked(), print)
        try:
            with pytest.MonkeyPatch.context() as surroundings:
                for name, value in HOSTILE.items():
                    surroundings.setenv(name, value)
                lifecycle.up(settings, print)
                if not java.has_class_archive():
                    # The first stop of a service takes longer than the tests wait for one.
                    lifecycle.down(settings)
                    lifecycle.up(settings, print)
            yield settings
        finally:
            lifecycle.down(settings)


def forget_services(patch: pytest.MonkeyPatch) -> None:
    """Delete the variables with which clients find other services that these tests run."""
    for name in (*Settings().client_environment(), *Settings().unset_variables()):
        patch.delenv(name, raising=False)


def claim_offset(claim: ExitStack) -> int:
    """Return an offset whose ports are all free, and reserve it until the tests end.

    The reservation is a bound port beside those of the services, so that two checkouts that test at
    the same time cannot choose the same offset.
    """
    start = zlib.crc32(str(ROOT).encode())
    for attempt in range(100):
        offset = 1000 + (start + attempt * 37) % ((MAX_OFFSET - 1000) // 20) * 20
        settings = Settings(port_offset=offset)
        guard = socket.socket()
        try:
            guard.bind((HOST, settings.kafka_port - 1))
            guard.listen()
            for service in services.known_services(settings).values():
                for port in service.ports.values():
                    with socket.socket() as probe:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        probe.bind((HOST, port))
        except OSError:
            guard.close()
            continue
        claim.enter_context(guard)
        return offset
    raise RuntimeError("no free range of ports found in 100 attempts")
