"""What commands print, and how they end: in words and with an exit code, whatever happens."""

import errno
import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import typer
from rich.console import Console

from ingest.errors import IngestError, OutputLost, Unexpected

INTERRUPTED = 130
TRACEBACK_VARIABLE = "ASSAY_TRACEBACK"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Output(Console):
    """A console that leaves a reader's end (`| head`) to `reporting_errors`."""

    def on_broken_pipe(self) -> None:
        """Pass the error on; rich would exit with code 1."""
        raise BrokenPipeError


console = Output(highlight=False, soft_wrap=True)
errors = Output(stderr=True, highlight=False, soft_wrap=True)


def say(message: str, style: str | None = None) -> None:
    """Print a line on standard error, if anybody takes it: it stops nothing."""
    with suppress(OSError):
        errors.print(message, style=style, markup=False)


def prepare() -> None:
    """Let no character, and no stream that is closed, stop what is printed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 -- until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard(stream: TextIO) -> None:
    """Let nothing more be written to a stream, not even at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def finish() -> None:
    """Write out standard error; where that fails, Python would end with a code of its own."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        discard(sys.stderr)


@contextmanager
def reporting() -> Iterator[None]:
    """End what fails with one clear message and the error's exit code.

    Raises:
        typer.Exit: with the code.
    """
    try:
        try:
            yield
            sys.stdout.flush()
        except (IngestError, BrokenPipeError, typer.Exit):
            raise
        except Exception as error:
            raise _translated(error) from error
    except IngestError as error:
        say(f"error: {error.problem}", style="red")
        say(f"remedy: {error.remedy}")
        if isinstance(error, OutputLost):
            discard(sys.stdout)
        raise typer.Exit(error.exit_code) from error
    except BrokenPipeError:
        # The reader of our output (`| head`) has seen enough.
        discard(sys.stdout)
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        say("interrupted; what was not complete was not committed: run it again")
        raise typer.Exit(INTERRUPTED) from None


def _translated(error: Exception) -> IngestError:
    """What an error means that nothing else has explained."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return OutputLost(
            f"the output cannot be written: {error.strerror}; what the command did stays done",
            "send it to a place with room; `python -m ingest status` says what is committed",
        )
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    return Unexpected(
        f"this is a defect of ingest: {type(error).__name__}: {error}",
        f"report it, with what is printed when {TRACEBACK_VARIABLE}=1 is set",
    )
