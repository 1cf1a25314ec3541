"""Messages that are odd in every way one can think of: good ones, each with a change or two.

A change can need text that Python's JSON does not write: a key twice, half of a surrogate pair,
numbers of thousands of digits. A `Text` stands for it until the message is written.
"""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.end_to_end import strategies

Json = Any
Path = tuple[str | int, ...]
# Drawing an attempt takes Hypothesis longer than changing it.
VALUES_OF_ONE = 3


@dataclass(frozen=True)
class Text:
    """A JSON value as it is written."""

    text: str


TEXTS = st.one_of(
    st.text(max_size=6),
    st.characters(),  # of every plane, halves of surrogate pairs among them
    st.sampled_from(
        ["", " ", "\t\n", "\u00a0", "\u3000", "\u200b", "\ufeff", " a", "e\u0301", "é"]
    ),
)
MOMENTS = st.sampled_from(
    [
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        *("1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00Z", "2000-01-01T00:59:59+01:00"),
        *("2018-02-29T00:00:00Z", "2016-02-29T23:59:60Z", "2018-01-01T24:00:00Z"),
        *("2018-01-01T00:00:00+17:59", "2018-01-01T00:00:00-18:00", "2018-01-01 00:00:00Z"),
        *("2018-01-01T00:00:00.1234567Z", "2018-01-01T00:00:00,5Z", "\uff12018-01-01T00:00:00Z"),
        *("95617584000", "0", "-1", "946684799.999999", "946684800", "99999999999.999999999"),
        *("1516717442.1234567891", "1516717442.", ".5", "1e9", "1516717442 ", "NaN", "Infinity"),
    ]
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -1, 1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63, 1.0, 1.5, -0.0]),
    st.sampled_from(["1e400", "-1e400", "1e-400", "1E2", "-0", "01", "+1", ".5", "1."]).map(Text),
    st.sampled_from([1_000, 1_001, 5_000]).map(lambda n: Text("7" * n)),
)
DEEP = st.sampled_from([50, 94, 99, 100, 900, 1_000, 1_500]).flatmap(
    lambda n: st.sampled_from([Text("[" * n + "]" * n), Text('{"a":' * n + "1" + "}" * n)])
)
ESCAPES = st.sampled_from(
    [
        *(r'"\u0000"', r'"\ud800"', r'"a\uDFFFb"', r'"\ude00\ud83d"', r'"\ud83d\\\ude00"'),
        *(r'"\ud83d\ude00"', r'"\\u0000"', r'"\\ud800"', r'"\q"', '"\t"', r'"\u00"', '"\x00"'),
    ]
).map(Text)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    TEXTS,
    MOMENTS,
    NUMBERS,
    ESCAPES,
    DEEP,
    st.sampled_from([[], {}, [[]], [None], [{}], {"id": None}, [[{"id": "q"}]], "x" * 70_000]),
    st.sampled_from(["NaN", "Infinity", "undefined", "'a'", "/**/1", "[1,]", "{a:1}"]).map(Text),
    st.sampled_from([*strategies.EXAMS, "correct", "unanswered", "true", "false", "2.0", "1e1"]),
)


def write(value: Json) -> str:
    """A message as JSON text."""
    if isinstance(value, Text):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


def paths(value: Json, here: Path = ()) -> Iterator[Path]:
    """Where there is a value in a message, the message itself left out."""
    inner: Iterable[tuple[Any, Json]] = (
        value.items() if isinstance(value, dict) else enumerate(value)
    )
    for key, found in inner:
        yield (*here, key)
        if isinstance(found, dict | list):
            yield from paths(found, (*here, key))


def at(message: Json, path: Path) -> Json:
    """The value at a path."""
    for key in path:
        message = message[key]
    return message


@st.composite
def changed(draw: st.DrawFn, message: Json) -> Json:
    """A message with one change: a value is another, is gone, twice, or between brackets."""
    message = copy.deepcopy(message)
    everywhere = list(paths(message))
    near = [p for p in everywhere if len(p) == 1 or "counts" in p]
    results = [p for p in everywhere if str(p[-1]).startswith("user_") or p[-1] == "checked"]
    path = draw(st.sampled_from(draw(st.sampled_from([everywhere, near, results or near]))))
    parent: Json = at(message, path[:-1])
    key: Any = path[-1]
    if isinstance(parent, Text):
        return message
    what = draw(
        st.sampled_from(["odd"] * 4 + ["off"] * 3 + ["gone", "other", "twice", "wrapped", "new"])
    )
    if what == "odd":
        moment = key in ("started_at", "keen_timestamp", "keen_created_at", "at")
        parent[key] = draw(st.one_of(MOMENTS, ODD) if moment else ODD)
    elif what == "off":
        value = parent[key]
        parent[key] = (not value) if isinstance(value, bool) else draw(NUMBERS)
    elif what == "gone":
        del parent[key]
    elif what == "other":
        parent[key] = copy.deepcopy(at(message, draw(st.sampled_from(list(paths(message))))))
    elif what == "wrapped":
        parent[key] = draw(st.sampled_from([[parent[key]], {"id": parent[key]}]))
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif what == "twice":
        again = Text(f"{write(parent[key])},{json.dumps(key)}:{write(draw(ODD))}")
        parent[key] = again
    else:
        parent[draw(TEXTS)] = draw(ODD)
    return message


@st.composite
def values(draw: st.DrawFn) -> list[bytes | None]:
    """Values of records: one attempt, which is odd in other ways in each of them."""
    message: Json = draw(strategies.messages())
    return [draw(value(message)) for _ in range(VALUES_OF_ONE)]


@st.composite
def value(draw: st.DrawFn, message: Json) -> bytes | None:
    """The value of a record: mostly JSON of an attempt that is odd somewhere."""
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
        message = draw(changed(message))
    # Halves of surrogate pairs are escaped by `write`: what is not ASCII would be, too.
    good = write(message).encode()
    if draw(st.booleans()):
        good = plain(good.decode()).encode()
    match draw(st.sampled_from(range(-40, 5))):
        case 0:
            return draw(st.sampled_from([None, b"", b"\xff", good[:-1], b"\xed\xa0\x80"]))
        case 1:
            return good + draw(st.sampled_from([b" x", b",{}", b",0", b"],[0", b"\n", good]))
        case 2:
            return draw(st.sampled_from([b"\xef\xbb\xbf", b" \r\n\t", b"[", b"\x0b"])) + good
        case 3:
            return good[: draw(st.integers(0, len(good)))]
        case 4:
            place = draw(st.integers(0, len(good)))
            return good[:place] + draw(st.binary(max_size=3)) + good[place + 1 :]
    return good


def plain(text: str) -> str:
    """The same JSON with characters beyond ASCII in place of their escapes, where there are any."""
    try:
        found = json.dumps(json.loads(text), ensure_ascii=False)
        found.encode()
    except (ValueError, RecursionError):
        return text
    return text if json.loads(text) != json.loads(found) else found
