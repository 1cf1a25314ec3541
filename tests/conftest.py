"""What all tests share: the real export, and one real stack for all tests that need services."""

import os
import socket
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from xdist.workermanage import WorkerController

from stack import environment, jars, java, lifecycle, services
from stack.settings import HOST, MAX_OFFSET, ROOT, Settings
from tests.surroundings import HOSTILE

INHERITED = dict(os.environ)
# Each of pytest-xdist's workers has services of its own.
STATE = ROOT / f".stack-test{os.environ.get('PYTEST_XDIST_WORKER', '')}"
# What is set in the shell that runs the tests has no say in them.
environment.keep_only([f"ASSAY_{field.upper()}" for field in Settings.model_fields])

REAL_EXPORT = ROOT.parent / "shared" / "data" / "assessment-attempts-20180128-121051-nested.json.gz"


@pytest.fixture(scope="session")
def real_export() -> Path:
    """The published study's data, which lies beside the checkout, if at all."""
    if not REAL_EXPORT.exists():
        pytest.skip("the real export is not beside this checkout (../shared/data)")
    return REAL_EXPORT


def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker of the shell's variables, of which it inherits only what was kept."""
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
    """Show beside a failure the last words of each service that does not run."""
    report = yield
    settings = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(settings, Settings) and settings.state == STATE:
        for found in lifecycle.status(settings):
            if found.health is not lifecycle.Health.READY:
                name = found.service.name
                words = lifecycle.last_words(settings, name, 30)
                report.sections.append((f"{name} is {found.health}", words))
    return report


@pytest.fixture(scope="session")
def stack() -> Iterator[Settings]:
    """The services of all tests."""
    with own_stack() as settings:
        yield settings


@contextmanager
def own_stack() -> Iterator[Settings]:
    """Real services, empty at first, on ports that no other checkout uses; gone at the end.

    They are started among the variables of a user of other Sparks, Hadoops and Javas.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as claim:
        patch.setenv("ASSAY_STATE", str(STATE))
        lifecycle.reset(Settings())  # what a killed run of these tests left
        patch.setenv("ASSAY_PORT_OFFSET", str(claim_offset(claim)))
        patch.setenv("ASSAY_SPARK_COMPILERS", "early")  # services are started again and again
        patch.setenv("DBT_TARGET_PATH", str(STATE / "dbt"))
        patch.setenv("DBT_LOG_PATH", str(STATE / "logs"))
        settings = Settings()
        for name, value in settings.client_environment().items():
            patch.setenv(name, value)
        # Before the surroundings: jars go through a user's proxy, and theirs answers nobody.
        jars.ensure(settings.cache, jars.locked(), print)
        try:
            with pytest.MonkeyPatch.context() as surroundings:
                for name, value in HOSTILE.items():
                    surroundings.setenv(name, value)
                lifecycle.up(settings, print)
                if not java.has_kept_classes():
                    # At its first end a service takes longer than tests that stop one wait.
                    lifecycle.down(settings)
                    lifecycle.up(settings, print)
            yield settings
        finally:
            lifecycle.down(settings)


def claim_offset(claim: ExitStack) -> int:
    """An offset whose ports are all free, claimed until the tests end.

    The claim is a bound port beside the services' own, so that two checkouts that test at the same
    time cannot choose the same offset.
    """
    start = zlib.crc32(str(ROOT).encode())
    for attempt in range(100):
        offset = 1000 + (start + attempt * 37) % ((MAX_OFFSET - 1000) // 20) * 20
        settings = Settings(port_offset=offset)
        guard = socket.socket()
        try:
            guard.bind((HOST, settings.kafka_port - 1))
            guard.listen()
            for service in services.all_services(settings):
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
