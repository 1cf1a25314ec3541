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
from multiprocessing.connection import Connection
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
    variables = {**os.environ, **environment}
    process = _nursery.Process(
        target=_become, args=(program, arguments, variables, write), daemon=True
    )
    process.start()
    write.close()
    return process, output


def run(program: str, *arguments: str, timeout: float, **environment: str) -> tuple[int, str]:
    """Run it to its end, and return its exit code and what it printed.

    Raises:
        TimeoutError: it has not ended after so many seconds, and is killed.
    """
    process, output = start(program, *arguments, **environment)
    deadline = time.monotonic() + timeout
    said = b""
    with output:
        while output.poll(deadline - time.monotonic()):
            if not (text := os.read(output.fileno(), 65536)):
                process.join()
                assert process.exitcode is not None
                return process.exitcode, said.decode(errors="replace")
            said += text
    process.kill()
    raise TimeoutError(f"{program} {arguments} has not ended in {timeout} s: {said!r}")


def _become(
    program: str, arguments: tuple[str, ...], environment: dict[str, str], output: Connection
) -> None:
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
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
