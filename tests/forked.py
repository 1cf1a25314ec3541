"""Commands in processes that are forked from one which has imported what they need.

Importing takes two to three seconds, and dbt's first parse another one: most of a short command's
time. What is forked is a process like any other, with a pid, variables and streams of its own.
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

_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(
    [
        *("ingest.cli", "ingest.accept", "ingest.follow", "ingest.maintain", "ingest.replay"),
        *("pyspark.sql.connect.session", "pyspark.sql.connect.functions", "pyarrow"),
        *("dbt.adapters.spark", "tests.parsed"),
    ]
)


def start(program: str, *arguments: str, **environment: str) -> tuple[BaseProcess, Connection]:
    """Start `dbt`, or `python -m` another program, with these variables besides.

    Returns:
        The process, and a pipe from which all that it prints can be read.
    """
    output, write = _nursery.Pipe(duplex=False)
    process = _started(program, arguments, environment, write, write)
    write.close()
    return process, output


def run(program: str, *arguments: str, timeout: float, **environment: str) -> tuple[int, str]:
    """Run it to its end, and return its exit code and what it printed.

    Raises:
        TimeoutError: it has not ended after so many seconds, and is killed.
    """
    process, output = start(program, *arguments, **environment)
    code, said = _ended(process, [output], timeout)
    return code, said[0]


def run_apart(
    program: str, *arguments: str, timeout: float, **environment: str
) -> tuple[int, str, str]:
    """Run it to its end, and return its exit code, its output and its errors.

    Raises:
        TimeoutError: it has not ended after so many seconds, and is killed.
    """
    ends = [_nursery.Pipe(duplex=False) for _ in ("output", "errors")]
    process = _started(program, arguments, environment, *(write for _, write in ends))
    for _, write in ends:
        write.close()
    code, (output, errors) = _ended(process, [read for read, _ in ends], timeout)
    return code, output, errors


def _ended(process: BaseProcess, pipes: list[Connection], timeout: float) -> tuple[int, list[str]]:
    said = dict.fromkeys(pipes, b"")
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
                    f"{process.name} has not ended in {timeout} s: {list(said.values())}"
                )
            for pipe in [pipe for pipe in left if pipe in ready]:
                if text := os.read(pipe.fileno(), 65536):
                    said[pipe] += text
                else:
                    left.remove(pipe)
    process.join()
    assert process.exitcode is not None
    return process.exitcode, [text.decode(errors="replace") for text in said.values()]


def _started(
    program: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    output: Connection,
    errors: Connection,
) -> BaseProcess:
    variables = {**os.environ, **environment}
    process = _nursery.Process(
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
        # One that dbt's import gave to all, and through which Kafka's client would be heard.
        logging.getLogger().handlers.clear()
        runpy.run_module(program, run_name="__main__")
