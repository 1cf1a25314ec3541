"""Secrets that the settings name by a file, so that they are in no variable of a user's shell."""

from pathlib import Path

from stack.errors import StackError


def read(variable: str, file: Path) -> str:
    """Return the secret in a file, without the end of its line.

    Args:
        variable: the variable that names the file.
        file: the file.

    Raises:
        StackError: the file cannot be read, or is empty.
    """
    try:
        secret = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StackError(
            f"{variable} names {file}, which cannot be read: {reason}",
            "correct the variable, or the permissions of the file",
        ) from error
    if not secret:
        raise StackError(f"{variable} names {file}, which is empty", "write the secret into it")
    return secret
