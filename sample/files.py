"""Read messages from files: a JSON array, or JSON values one after another, plain or gzipped.

Every message is passed on as the bytes of the file; it is never serialized again.
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
from sample import json_text

CHUNK_BYTES = 1 << 20
# Kafka accepts no larger message, so a longer value is an error.
MAX_MESSAGE_BYTES = 16 * 1024**2
GZIP_MAGIC = b"\x1f\x8b"
WHITE_SPACE = " \t\r\n"
# Characters to look ahead after a value, because a chunk may end within a number such as 1e+5.
LOOKAHEAD = 3

Message = tuple[bytes, object]


def messages(path: str) -> Iterator[Message]:
    """Yield each message of a file: its bytes, and the JSON value that they encode.

    Args:
        path: path of the file, or `-` for standard input.

    Raises:
        BadFile: the file cannot be read, or is not JSON in UTF-8.
    """
    name = "standard input" if path == "-" else path
    try:
        with _opened(path, name) as file:
            yield from _Text(file, name).messages()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{name} is a damaged gzip file: {error}", "fetch the file again") from error
    except OSError as error:
        raise BadFile(f"cannot read {name}: {error.strerror or error}", "check the path") from error
    except ValueError as error:  # a path with a NUL
        raise BadFile(f"cannot read {name!r}: {error}", "check the path") from error


@contextmanager
def _opened(path: str, name: str) -> Iterator[io.BufferedReader]:
    if path == "-" and sys.stdin is None:
        raise BadFile(f"{name} is closed", "name a file, or redirect one to standard input")
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        buffered = cast(io.BufferedReader, file)
        if buffered.peek(2)[:2] != GZIP_MAGIC:
            yield buffered
            return
        with gzip.open(buffered) as unzipped:
            yield io.BufferedReader(cast(io.RawIOBase, unzipped), CHUNK_BYTES)


class _Text:
    """The text of a file; only one message and one chunk are held in memory."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._position, self._at_end = "", 0, False
        self._lines, self._columns = 0, 0  # before the text that is held

    def messages(self) -> Iterator[Message]:
        """Yield the elements of an array, or else the values one after another.

        Raises:
            BadFile: with the line of the error.
        """
        self._check_encoding()
        start = self._skip_space()
        if not start:
            raise BadFile(
                f"{self.name} holds no messages", "name a file with a JSON array or JSON lines"
            )
        yield from self._elements() if start == "[" else self._values()

    def _check_encoding(self) -> None:
        """Skip UTF-8's byte order mark, and refuse other encodings."""
        first = self.file.read(4)
        found = json.detect_encoding(first) if any(first) else "utf-8"
        if not found.startswith("utf-8"):
            found = found.upper().replace("6-", "6").replace("2-", "2")  # as iconv names it
            raise BadFile(
                f"{self.name}, line 1: the text is {found}, not UTF-8",
                f"convert it: `iconv -f {found} -t UTF-8 FILE`",
            )
        self._take(first.removeprefix(codecs.BOM_UTF8))

    def _values(self) -> Iterator[Message]:
        while self._skip_space():
            yield self._value(f"{WHITE_SPACE}{{", "white space")

    def _elements(self) -> Iterator[Message]:
        self._position += 1  # the opening bracket
        if self._skip_space() == "]":
            raise BadFile(
                f"{self.name} holds no messages: its array is empty", "name a file with some"
            )
        separator = ","
        while separator == ",":
            self._skip_space()
            yield self._value(f"{WHITE_SPACE},]", "a comma or ]")
            separator = self._skip_space()
            if separator not in (",", "]"):
                raise self._bad(
                    f"expected a comma or ], found {separator or 'the end of the file'}"
                )
            self._position += 1
        if self._skip_space():
            raise self._bad(
                "something follows after the array's end",
                "publish one array, or JSON values one after another (`jq -c '.[]' FILE`)",
            )

    def _value(self, delimiters: str, expected: str) -> Message:
        """Read the value that begins at the position, which one of the delimiters must follow."""
        while True:
            try:
                parsed, end = json_text.decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if not self._at_end and len(self._text) - self._position <= MAX_MESSAGE_BYTES:
                    self._read_on()
                    continue
                if not self._at_end:
                    raise self._bad("not JSON, or a value longer than 16 MiB") from error
                place = error.pos if error.doc is self._text else self._position
                begin, line = self._place(self._position)[0], self._place(place)[0]
                within = "" if begin == line else f" in the value that begins in line {begin + 1}"
                raise self._bad(f"not JSON ({error.msg}){within}", at=place) from error
            if self._at_end or end + LOOKAHEAD <= len(self._text):
                break
            self._read_on()
        after = self._text[end : end + 1]
        if after and after not in delimiters:
            raise self._bad(f"expected {expected}, found {after}", at=end)
        value = self._text[self._position : end].encode()
        if len(value) > MAX_MESSAGE_BYTES:
            raise self._bad("a value longer than 16 MiB")
        self._position = end
        return value, parsed

    def _skip_space(self) -> str:
        """Move to the next character that is not white space; returns it, or "" at the end."""
        while True:
            while self._position < len(self._text) and self._text[self._position] in WHITE_SPACE:
                self._position += 1
            if self._position < len(self._text) or self._at_end:
                return self._text[self._position : self._position + 1]
            self._read_on()

    def _read_on(self) -> None:
        """Drop the text before the position, and append a chunk that grows with the rest."""
        held = len(self._text) - self._position
        self._lines, self._columns = self._place(self._position)
        self._text, self._position = self._text[self._position :], 0
        self._take(self.file.read(max(CHUNK_BYTES, held)))

    def _take(self, data: bytes) -> None:
        try:
            self._text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            self._text += error.object[: error.start].decode()
            raise self._bad(
                f"not UTF-8 ({error.reason})",
                "convert it, for example: `iconv -f ISO-8859-1 -t UTF-8 FILE`",
                at=len(self._text),
            ) from error
        self._at_end = not data

    def _place(self, position: int) -> tuple[int, int]:
        """Return the line and the column of a position of the text, both from 0."""
        lines = self._text.count("\n", 0, position)
        if not lines:
            return self._lines, self._columns + position
        return self._lines + lines, position - self._text.rindex("\n", 0, position) - 1

    def _bad(
        self,
        problem: str,
        remedy: str = "correct the file; nothing of it was published",
        at: int | None = None,
    ) -> BadFile:
        line, column = self._place(self._position if at is None else at)
        return BadFile(f"{self.name}, line {line + 1}, column {column + 1}: {problem}", remedy)
