"""Kill, freeze and restart the stack's services, and find Spark's Python workers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from stack import jars, java, lifecycle, processes, services
from stack.errors import ServiceFailed
from stack.settings import CONFIG, Settings


def main_process(stack: Settings, name: str) -> psutil.Process:
    """Return the main process of a service."""
    return processes.find(stack.state)[name][0]


def kill(stack: Settings, name: str) -> None:
    """SIGKILL a service."""
    victim = main_process(stack, name)
    victim.kill()
    victim.wait(10)


def heal(stack: Settings) -> None:
    """Start the dead services, and wait until all answer; a busy machine gets more time."""
    for left in (2, 1, 0):
        try:
            lifecycle.up(stack, lambda message: None)
            return
        except ServiceFailed:
            if not left:
                raise


@contextmanager
def frozen(stack: Settings, name: str) -> Iterator[None]:
    """SIGSTOP a service for a while; it is always resumed."""
    process = main_process(stack, name)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def busy_workers(stack: Settings, port: int) -> list[psutil.Process]:
    """Return the reading workers: Spark's Python workers with a connection to a local port."""
    found = []
    for process in processes.find(stack.state)["spark"]:
        try:
            if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.pid != main_process(stack, "spark").pid]


@contextmanager
def safe_mode(stack: Settings) -> Iterator[None]:
    """Set HDFS to safe mode, in which it refuses writes."""
    dfsadmin(stack, "-safemode", "enter")
    try:
        yield
    finally:
        dfsadmin(stack, "-safemode", "leave")


def dfsadmin(stack: Settings, *arguments: str) -> None:
    """Run `hdfs dfsadmin`."""
    command = java.command(
        "org.apache.hadoop.hdfs.tools.DFSAdmin",
        *arguments,
        classpath=[
            CONFIG / "hadoop",
            *java.hadoop_classpath(),
            *jars.classpath(stack.cache, "hdfs"),
        ],
        options=java.SMALL_JVM_OPTIONS,
    )
    subprocess.run(
        command, env=services.environment(stack), check=True, capture_output=True, timeout=60
    )
