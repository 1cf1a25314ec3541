"""Start, stop, inspect and reset all services."""

import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

import psutil

from stack import jars, java, preconditions, processes, services, turns
from stack.errors import ServiceFailed, StateUnusable
from stack.settings import Settings

START_TIMEOUT_SECONDS = 120
# At its first stop a service writes its class archive, which takes 10 seconds or more.
STOP_GRACE_SECONDS = 60
POLL_SECONDS = 0.25
# A fault that may be seen in the middle of a start has to last.
FAULT_SECONDS = 10
STOPPED_TOGETHER = (
    ("dashboard",),
    ("spark", "builder", "connect", "reader"),
    ("worker-1", "worker-2"),
    ("master", "metastore", "directory", "datanode", "datanode-2", "kafka"),
    ("namenode",),
)

Progress = Callable[[str], None]


class Health(StrEnum):
    """The state of a service."""

    READY = "ready"
    STARTING = "not answering"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Status:
    """The current status of one service.

    Attributes:
        pid: pid of its process, None if it does not run.
        memory_bytes: resident memory of the process and its children.
        uptime_seconds: since the process started.
    """

    service: services.Service
    health: Health
    pid: int | None = None
    memory_bytes: int = 0
    uptime_seconds: float = 0.0


def up(settings: Settings, progress: Progress, *, with_dashboard: bool = False) -> None:
    """Start the services that do not run, and wait until all answer.

    Args:
        settings: folders and ports, and the mode. Without the cluster, what runs decides.
        progress: called with each progress message.
        with_dashboard: start the dashboard too.

    Raises:
        PackagesMissing: the dashboard's packages are not installed.
        PortTaken: another process listens on a port.
        ServiceFailed: a service died or was not ready in time.
        JarsUnavailable: a jar could not be fetched.
        StateUnusable: the state folder cannot be written, another `up` is running, the cluster is
            asked for while the local services run, or blocks are missing.
        StackError: the limit of open files is too low.
    """
    preconditions.check_open_files()
    if with_dashboard:
        services.Dashboard(settings).check_packages()
    with preconditions.exclusive(settings):
        jars.ensure(settings.cache, jars.locked(), progress)
        running = processes.find(settings.state)
        settings = _mode(settings, running, progress)
        wanted = services.pipeline_services(settings)
        if with_dashboard:
            wanted.append(services.Dashboard(settings))
        if not any(running.values()):
            processes.rotate(settings.log(services.Dashboard.name))  # see `_was_started`
        mains = {service: _main(running, service) for service in wanted}
        missing = [service for service, main in mains.items() if main is None]
        for service in missing:
            processes.stop(running[service.name], grace_seconds=2)  # children of a killed service
        preconditions.check_ports(missing)
        environment = services.environment(settings)
        java.create_jdk_archive()

        def start(service: services.Service) -> None:
            service.prepare(environment)
            mains[service] = processes.start(
                settings.state,
                service.name,
                service.start_command(),
                {**environment, **service.variables},
                settings.log(service.name),
            )
            progress(f"starting {service.name}")

        _start_and_await(settings, mains, missing, start, progress)
        if missing:
            turns.settle(settings, environment, progress)


def serve(settings: Settings, service: services.Service) -> NoReturn:
    """Prepare one service, and replace this process by its program.

    Raises:
        JarsUnavailable: a jar could not be fetched.
        StateUnusable: the state folder cannot be written.
        ServiceFailed: it could not be prepared.
    """
    jars.ensure(settings.cache, jars.locked())
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
        os.chdir(settings.state)  # for what a program writes into the current folder
    except OSError as error:
        raise StateUnusable(
            f"cannot write {settings.state}: {error.strerror}",
            "correct its permissions, or point ASSAY_STATE at another folder",
        ) from error
    environment = {
        **services.environment(service.settings),
        **service.variables,
        **processes.marks(settings.state, service.name),
    }
    service.prepare(environment)
    command = service.command()
    os.execve(command[0], command, environment)


def down(settings: Settings) -> int:
    """Stop every process of this state folder and return how many services ran."""
    running = processes.find(settings.state)
    # Clients first, so that each can close its connections to the services it depends on.
    for names in STOPPED_TOGETHER:
        processes.stop([p for name in names for p in running[name]], STOP_GRACE_SECONDS)
    processes.stop([p for left in processes.find(settings.state).values() for p in left], 2)
    return sum(bool(found) for found in running.values())


def reset(settings: Settings) -> None:
    """Stop the services and delete their state: topics, blocks, metastore and logs."""
    down(settings)
    if not settings.state.exists():
        return
    if not (settings.state / preconditions.STATE_FILE).exists():
        raise StateUnusable(
            f"{settings.state} was not created by the stack, so it is not deleted",
            "point ASSAY_STATE at the right folder, or delete this one by hand",
        )
    # Renamed first, because a process that ends late may write a file during the deletion.
    doomed = settings.state.with_name(settings.state.name + ".deleted")
    shutil.rmtree(doomed, ignore_errors=True)
    try:
        settings.state.rename(doomed)
    except OSError:
        doomed = settings.state  # a mount point cannot be moved
    shutil.rmtree(doomed, ignore_errors=True)


def status(settings: Settings) -> list[Status]:
    """Return the status of every service; each one is probed.

    The dashboard is among them if it was started since the services were last down.
    """
    running = processes.find(settings.state)
    settings = turns.as_running(settings, running)
    found = []
    for service in services.all_services(settings):
        main = _main(running, service)
        if main is None:
            health = Health.DIED if any(running.values()) else Health.STOPPED
            if _was_started(settings, service, running):
                found.append(Status(service, health))
            continue
        health = Health.READY if service.is_ready() else Health.STARTING
        memory = processes.resident_bytes(running[service.name])
        if processes.is_alive(main):
            uptime = time.time() - main.create_time()
            found.append(Status(service, health, main.pid, memory, uptime))
        else:
            found.append(Status(service, Health.DIED))
    return found


def log_tail(settings: Settings, name: str, lines: int) -> str:
    """Return the last lines of a service's log, or a note that there is none."""
    log = settings.log(name)
    if not log.exists():
        return f"(no log at {log})"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def log_excerpt(settings: Settings, name: str, lines: int) -> str:
    """Return the end of a service's log without Java's stack frames: the reason is before them."""
    log = log_tail(settings, name, 200).splitlines()
    messages = [line for line in log if not re.match(r"\s+(at |\.\.\. )", line)]
    return "\n".join(messages[-lines:])


def _was_started(
    settings: Settings, service: services.Service, running: dict[str, list[psutil.Process]]
) -> bool:
    """Return whether a service that does not run was to run: the dashboard is not always.

    Its log is there if it was started: `up` puts an earlier one aside when nothing runs.
    """
    if service.name != services.Dashboard.name:
        return True
    return any(running.values()) and settings.log(service.name).exists()


def as_running(settings: Settings) -> Settings:
    """Return the settings with the mode of the services that run; as they are if none runs."""
    return turns.as_running(settings, processes.find(settings.state))


def _mode(
    wanted: Settings, running: dict[str, list[psutil.Process]], progress: Progress
) -> Settings:
    """Return the settings with the mode to start: that of the services that run."""
    found = turns.as_running(wanted, running)
    if wanted.cluster and not found.cluster:
        raise StateUnusable(
            f"the local services run in {wanted.state}, whose data the cluster would use",
            "`python -m stack down` stops them; then `python -m stack up --cluster`",
        )
    if found.cluster and not wanted.cluster:
        progress("the cluster runs here; to change to the local services, stop it first")
    return found


def _main(
    running: dict[str, list[psutil.Process]], service: services.Service
) -> psutil.Process | None:
    """Return the main process of a service, not one of its workers; None if it does not run."""
    program = service.command()[0]
    for process in running[service.name]:
        try:
            # Executors are Java too, but not the first process of the service's session.
            is_program = process.cmdline()[:1] == [program]
            is_first = os.getsid(process.pid) == process.pid
            if is_program and is_first and processes.is_alive(process):
                return process
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return None


def _start_and_await(
    settings: Settings,
    mains: dict[services.Service, psutil.Process | None],
    missing: list[services.Service],
    start: Callable[[services.Service], None],
    progress: Progress,
) -> None:
    """Start each missing service once those that it needs are ready, and wait for all."""
    waiting = list(missing)
    pending = list(mains)
    faulty_since: dict[services.Service, float] = {}
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while pending:
        not_ready = {service.name for service in pending}
        for service in [one for one in waiting if not_ready.isdisjoint(one.after)]:
            start(service)
            waiting.remove(service)
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
        for service in [one for one in pending if one not in waiting]:
            # Not searched in the process table, which has no command line during an exec.
            main = mains[service]
            if main is None or not processes.is_alive(main):
                raise ServiceFailed(
                    f"{service.name} died while it started; the end of its log:\n"
                    + log_excerpt(settings, service.name, 40),
                    f"the whole log: `python -m stack logs {service.name}`; "
                    "then the same command again starts what is missing",
                )
            if service.is_ready():
                pending.remove(service)
                progress(f"{service.name} is ready")
            elif fault := service.fault():
                since = faulty_since.setdefault(service, time.monotonic())
                if time.monotonic() > since + FAULT_SECONDS:
                    raise fault
        if time.monotonic() > deadline:
            names = ", ".join(service.name for service in pending)
            raise ServiceFailed(
                f"{names} did not answer within {START_TIMEOUT_SECONDS} s; the end of the log:\n"
                + log_excerpt(settings, pending[0].name, 12),
                "if the machine is slow, the same command again continues to wait",
            )
        if pending:
            time.sleep(POLL_SECONDS)
