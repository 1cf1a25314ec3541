"""Secrets are in files, so that they are in no variable of a user's shell."""

import os
import secrets
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


def created(file: Path) -> str:
    """Return the secret in a file of the state folder; write a random one at the first use."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, secrets.token_hex(32).encode())
    return file.read_text()


def write(file: Path, content: bytes) -> None:
    """Write a file that only this user can read, atomically."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
    unfinished.replace(file)
