"""Run commands in processes that are forked from a server with their imports.

Importing takes two to three seconds, and dbt's first parse another one: most of the time of a short
command. A forked process has its own pid, environment and streams.
"""

import logging
import multiprocessing
import os
import runpy
import sys
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from stack.settings import ROOT

_fork_server = multiprocessing.get_context("forkserver")
_fork_server.set_forkserver_preload(
    [
        *("ingest.cli", "sample.cli", "sample.publish"),
        *(f"ingest.operations.{name}" for name in ("accept", "follow", "maintain", "replay")),
        *("pyspark.sql.connect.session", "pyspark.sql.connect.functions", "pyarrow"),
        *("dbt.adapters.spark", "tests.parsed"),
    ]
)


def start(program: str, *arguments: str, **environment: str) -> tuple[BaseProcess, Connection]:
    """Start `dbt`, or `python -m` another program, with additional variables.

    Returns:
        The process, and a pipe with all its output.
    """
    output, write = _fork_server.Pipe(duplex=False)
    process = _started(program, arguments, environment, write, write)
    write.close()
    return process, output


def run(program: str, *arguments: str, timeout: float, **environment: str) -> tuple[int, str]:
    """Run a program to its end, and return its exit code and its output.

    Raises:
        TimeoutError: it did not end after so many seconds, and is killed.
    """
    process, pipe = start(program, *arguments, **environment)
    code, outputs = _ended(process, [pipe], timeout)
    return code, outputs[0]


def run_apart(
    program: str, *arguments: str, timeout: float, **environment: str
) -> tuple[int, str, str]:
    """Run a program to its end, and return its exit code, its output and its errors.

    Raises:
        TimeoutError: it did not end after so many seconds, and is killed.
    """
    ends = [_fork_server.Pipe(duplex=False) for _ in ("output", "errors")]
    process = _started(program, arguments, environment, *(write for _, write in ends))
    for _, write in ends:
        write.close()
    code, (output, errors) = _ended(process, [read for read, _ in ends], timeout)
    return code, output, errors


def _ended(process: BaseProcess, pipes: list[Connection], timeout: float) -> tuple[int, list[str]]:
    outputs = dict.fromkeys(pipes, b"")
    deadline = time.monotonic() + timeout
    left = list(pipes)
    with ExitStack() as stack:
        for pipe in pipes:
            stack.enter_context(pipe)
        while left:
            ready = wait(left, max(0, deadline - time.monotonic()))
            if not ready:
                process.kill()
                raise TimeoutError(
                    f"{process.name} has not ended in {timeout} s: {list(outputs.values())}"
                )
            for pipe in [pipe for pipe in left if pipe in ready]:
                if text := os.read(pipe.fileno(), 65536):
                    outputs[pipe] += text
                else:
                    left.remove(pipe)
    process.join()
    assert process.exitcode is not None
    return process.exitcode, [text.decode(errors="replace") for text in outputs.values()]


def _started(
    program: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    output: Connection,
    errors: Connection,
) -> BaseProcess:
    variables = {**os.environ, **environment}
    process = _fork_server.Process(
        name=f"{program} {arguments}",
        target=_become,
        args=(program, arguments, variables, output, errors),
        daemon=True,
    )
    process.start()
    return process


def _become(
    program: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    output: Connection,
    errors: Connection,
) -> None:
    os.dup2(output.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    output.close()
    errors.close()  # which may be the same pipe
    # The streams of the fork server may be files, and these are pipes.
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = [program, *arguments]
    if program == "dbt":
        from dbt.cli.main import cli

        cli()
    else:
        # The import of dbt added a handler, which would print the log of the Kafka client.
        logging.getLogger().handlers.clear()
        runpy.run_module(program, run_name="__main__")
