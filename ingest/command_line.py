"""What all commands share: output, error messages and exit codes."""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table

from ingest.errors import IngestError, OutputLost, Unexpected

INTERRUPTED = 130
TRACEBACK_VARIABLE = "ASSAY_TRACEBACK"
TopicOption = Annotated[str | None, typer.Option("--topic", help="default: ASSAY_TOPIC, assess")]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Output(Console):
    """A console that lets `reporting` handle a closed pipe (`| head`)."""

    def on_broken_pipe(self) -> None:
        """Raise the error; rich would exit with code 1."""
        raise BrokenPipeError


console = Output(highlight=False, soft_wrap=True)
errors = Output(stderr=True, highlight=False, soft_wrap=True)


class Commands(typer.core.TyperGroup):
    """A group of commands that report each failure as one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with reporting():
            return super().invoke(ctx)


def command_group(help_text: str) -> typer.Typer:
    """Create the command line of a package; its help is in Markdown."""
    return typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        help=help_text,
    )


def main(app: typer.Typer, name: str) -> None:
    """Run a command line and exit with its exit code; nothing is printed after its last message."""
    prepare()
    try:
        with reporting():  # also for `--help`
            app(prog_name=name)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    finally:
        finish()
        # Ctrl-C must not interrupt the closing of connections and threads at the end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def say(message: str, style: str | None = None) -> None:
    """Print a line on standard error; a failure to write it is ignored."""
    with suppress(OSError):
        errors.print(message, style=style, markup=False)


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error: a spinner on a terminal, plain lines elsewhere."""
    if not errors.is_terminal:
        yield lambda message: say(f"  {message}")
        return
    with errors.status(doing) as spinner:
        yield lambda message: spinner.update(f"{doing}: {message}")


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows, which have the same keys, as a table; None is printed as `none`."""
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None)
    for row in rows:
        table.add_row(
            *(
                "none" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
                for cell in row.values()
            )
        )
    console.print(table)


def prepare() -> None:
    """Escape characters that the output streams cannot encode, and replace closed streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 -- until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard(stream: TextIO) -> None:
    """Redirect a stream to /dev/null, so that no later flush of it fails either."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def finish() -> None:
    """Flush standard error; a failure at exit would let Python change the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        discard(sys.stderr)


@contextmanager
def reporting() -> Iterator[None]:
    """Report a failure as one message, and exit with the error's exit code.

    Raises:
        typer.Exit: with the exit code.
        typer.TyperException: an invalid option; typer prints it.
    """
    try:
        try:
            yield
            sys.stdout.flush()
        except (IngestError, BrokenPipeError, typer.Exit, typer.TyperException, typer.Abort):
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
        # The reader of the output (`| head`) has closed the pipe.
        discard(sys.stdout)
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        say("interrupted; an incomplete batch is not committed: run the command again")
        raise typer.Exit(INTERRUPTED) from None


def _translated(error: Exception) -> IngestError:
    """Return the error to report for an exception that no other code has translated."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return OutputLost(
            f"the output cannot be written: {error.strerror}; the command's work is not undone",
            "write it to a disk with free space; `python -m ingest status` shows what is committed",
        )
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    return Unexpected(
        f"this is a defect of assay: {type(error).__name__}: {error}",
        f"report it, with the traceback that is printed when {TRACEBACK_VARIABLE}=1 is set",
    )
