"""Messages in files: a JSON array or JSON lines, plain or gzipped, from a path or standard input.

Every message is passed on as the very bytes the file holds, never parsed and written again.
"""

import codecs
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ingest.errors import BadFile

CHUNK_BYTES = 1 << 20
# Kafka takes no larger message than this, so a longer one is an error wherever it ends.
MAX_MESSAGE_BYTES = 16 * 1024**2
GZIP_MAGIC = b"\x1f\x8b"

DELIMITERS = tuple(" \t\r\n,]")

Message = tuple[bytes, object]


def messages(path: str) -> Iterator[Message]:
    """Yield each message of a file as its bytes and what they mean as JSON.

    Args:
        path: of the file, or `-` for standard input.

    Raises:
        BadFile: the file cannot be read, or some place in it is not JSON.
    """
    name = "standard input" if path == "-" else path
    try:
        with _opened(path) as file:
            yield from _messages(file, name)
    except UnicodeDecodeError as error:
        raise BadFile(f"{name} is not UTF-8: {error.reason}", "convert it to UTF-8") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{name} is a damaged gzip file: {error}", "fetch the file again") from error
    except OSError as error:
        raise BadFile(f"cannot read {name}: {error.strerror or error}", "check the path") from error


def _messages(file: io.BufferedReader, name: str) -> Iterator[Message]:
    start = file.peek(1).lstrip()[:1]
    while not start and file.read(CHUNK_BYTES):  # white space only, so far
        start = file.peek(1).lstrip()[:1]
    found = _array_elements(file, name) if start == b"[" else _lines(file, name)
    empty = True
    for message in found:
        empty = False
        yield message
    if empty:
        raise BadFile(f"{name} holds no messages", "name a file with a JSON array or JSON lines")


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader]:
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        buffered = cast(io.BufferedReader, file)
        if buffered.peek(2)[:2] != GZIP_MAGIC:
            yield buffered
            return
        with gzip.open(buffered) as unzipped:
            yield io.BufferedReader(cast(io.RawIOBase, unzipped), CHUNK_BYTES)


def _lines(file: BinaryIO, name: str) -> Iterator[Message]:
    for number, line in enumerate(file, start=1):
        value = line.strip()
        if not value:
            continue
        try:
            yield value, json.loads(value, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise BadFile(
                f"{name}, line {number}, column {error.colno}: not JSON ({error.msg})",
                "mend or remove that line; nothing of this file was published",
            ) from error


def _refuse_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)


def _array_elements(file: BinaryIO, name: str) -> Iterator[Message]:
    """Walk through `[element, element, …]`, holding one element and one chunk at a time."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    utf8 = codecs.getincrementaldecoder("utf-8")()
    text, position, consumed = "", 0, 0
    at_end = False

    def bad(problem: str) -> BadFile:
        return BadFile(
            f"{name}, character {consumed + position}: {problem}",
            "mend the file; nothing of it was published",
        )

    def read_on() -> bool:
        """Drop what is done with, append the next chunk, and say whether there was one."""
        nonlocal text, position, consumed, at_end
        chunk = file.read(CHUNK_BYTES)
        consumed += position
        text, position = text[position:] + utf8.decode(chunk, final=not chunk), 0
        at_end = not chunk
        return not at_end

    def skip_space() -> str:
        """Move to the next character that means something; empty at the end of the file."""
        nonlocal position
        while True:
            while position < len(text) and text[position] in " \t\r\n":
                position += 1
            if position < len(text) or not read_on():
                return text[position : position + 1]

    skip_space()
    position += 1  # the opening bracket
    if skip_space() == "]":
        position += 1
    else:
        while True:
            skip_space()
            try:
                element, end = decoder.raw_decode(text, position)
                # What seems to end with the chunk might go on: 1 in 1.5, say.
                complete = at_end or text[end : end + 1] in DELIMITERS
            except json.JSONDecodeError as error:
                if at_end or len(text) - position > MAX_MESSAGE_BYTES:
                    raise bad(f"not JSON ({error.msg}), or longer than 16 MiB") from error
                complete = False
            if not complete:
                read_on()
                continue
            value = text[position:end].encode()
            position = end
            yield value, element
            separator = skip_space()
            position += 1
            if separator == "]":
                break
            if separator != ",":
                position -= 1
                raise bad(f"expected a comma or ], found {separator or 'the end of the file'}")
    if skip_space():
        raise bad("something follows after the array's end")
