"""Killing, freezing and healing the stack's own services, and finding Spark's Python workers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from stack import jars, java, lifecycle, processes, services
from stack.errors import ServiceFailed
from stack.settings import CONFIG, Settings


def main_process(stack: Settings, name: str) -> psutil.Process:
    """The process that is the service."""
    return processes.find(stack.state)[name][0]


def kill(stack: Settings, name: str) -> None:
    """SIGKILL a service."""
    victim = main_process(stack, name)
    victim.kill()
    victim.wait(10)


def heal(stack: Settings) -> None:
    """Start what is dead, and wait until everything answers, on a busy machine for longer."""
    for left in (2, 1, 0):
        try:
            lifecycle.up(stack, lambda message: None)
            return
        except ServiceFailed:
            if not left:
                raise


@contextmanager
def frozen(stack: Settings, name: str) -> Iterator[None]:
    """SIGSTOP a service for a while; it goes on in any case."""
    process = main_process(stack, name)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def busy_workers(stack: Settings, port: int) -> list[psutil.Process]:
    """Spark's Python workers that are connected to a port of this machine: those that read."""
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
    """Let HDFS refuse all writing for a while."""
    dfsadmin(stack, "-safemode", "enter")
    try:
        yield
    finally:
        dfsadmin(stack, "-safemode", "leave")


def dfsadmin(stack: Settings, *arguments: str) -> None:
    """`hdfs dfsadmin`."""
    command = java.command(
        "org.apache.hadoop.hdfs.tools.DFSAdmin",
        *arguments,
        classpath=[
            CONFIG / "hadoop",
            *java.hadoop_classpath(),
            *jars.classpath(stack.cache, "hdfs"),
        ],
        options=services.MODEST,
    )
    subprocess.run(
        command, env=services.environment(stack), check=True, capture_output=True, timeout=60
    )
