"""What all commands of `python -m stack` share: settings, progress, and reports of failures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from stack.errors import StackError
from stack.settings import ROOT, Settings

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Commands(typer.core.TyperGroup):
    """A group of commands that report each failure as one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with reporting():
            return super().invoke(ctx)


def settings() -> Settings:
    """Return the settings.

    Raises:
        StackError: a variable is invalid, or the file .env cannot be read.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "ASSAY_" + "_".join(map(str, first["loc"])).upper()
        raise StackError(
            f"{name} is {str(first['input'])!r}: {first['msg'].removeprefix('Value error, ')}",
            f"give {name} another value, in the environment or in the file .env",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(
            f"the file {ROOT / '.env'} cannot be read: {error}", "correct it, or delete it"
        ) from error


@contextmanager
def reporting() -> Iterator[None]:
    """Report a failure as one message, and exit with the error's exit code.

    Raises:
        typer.Exit: with the exit code.
    """
    try:
        yield
    except StackError as error:
        errors.print(f"error: {error.problem}", style="red", markup=False)
        errors.print(f"remedy: {error.remedy}", markup=False)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        errors.print(
            "interrupted; started services keep running: run the same command again to "
            "continue, or `python -m stack down` to stop them"
        )
        raise typer.Exit(130) from None


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show progress: a spinner on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield lambda message: console.print(f"  {message}", markup=False)
        return
    with console.status(doing) as spinner:
        yield lambda message: spinner.update(f"{doing}: {message}")
