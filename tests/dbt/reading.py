"""A record's value as plain Python reads it: why it cannot be used, or the message that it is.

It shares no code with the models and knows no Spark.
"""

import json
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

Json = Any

# Milliseconds since 1970: the first moment that can be one, and how far clocks may differ.
EARLIEST = 946_684_800_000
DAY = 86_400_000
# What is taken at most: levels of nesting; and by Spark's parser: digits of a number, UTF-16 units
# of a key.
MAX_DEPTH, MAX_DIGITS, MAX_KEY = 100, 1_000, 50_000

INT, BOOL, TEXT = "int", "bool", "text"
OPTION = {"id": TEXT, "checked": BOOL, "correct": BOOL, "at": TEXT, "submitted": INT}
QUESTION = {
    "id": TEXT,
    "user_incomplete": BOOL,
    "user_correct": BOOL,
    "user_submitted": BOOL,
    "user_result": TEXT,
    "options": [OPTION],
}
COUNTED = ("incomplete", "submitted", "incorrect", "correct", "total", "unanswered")
COUNTS = dict.fromkeys(COUNTED, INT) | {"all_correct": BOOL}
SEQUENCES = {"id": TEXT, "attempt": INT, "counts": COUNTS, "questions": [QUESTION]}
NAMES = ("keen_id", "user_exam_id", "base_exam_id", "exam_name")
NEEDED = (*NAMES, "started_at", "keen_timestamp")
MESSAGE = dict.fromkeys((*NEEDED, "keen_created_at", "max_attempts", "certification"), TEXT) | {
    "sequences": SEQUENCES
}
RESULTS = ("correct", "incorrect", "missed_some", "unanswered")
ISO = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-7]):[0-5]\d)", re.ASCII
)
SECONDS = re.compile(r"\d{1,11}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True)
class Record:
    """A row of the raw table; `timestamp` and `ingested` in milliseconds since 1970."""

    topic_id: str
    partition: int
    offset: int
    timestamp: int
    ingested: int
    value: bytes | None

    @property
    def written(self) -> int:
        """When it was written, in milliseconds: Kafka's timestamp, unless that cannot be."""
        possible = EARLIEST <= self.timestamp <= self.ingested + DAY
        return self.timestamp if possible else self.ingested


def validate(value: bytes | None, written: int) -> tuple[str | None, Json]:
    """Why a value cannot be used, or None and its message.

    Args:
        value: of the record.
        written: when the record was written, in milliseconds since 1970.
    """
    if value is None:
        return "null_value", None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "invalid_utf8", None
    try:
        message = parse(text)
    except ValueError:
        return "not_json", None
    if not isinstance(message, dict):
        return "not_an_object", None
    if not message.keys() & MESSAGE.keys():
        return "unknown_schema", None
    checks: list[tuple[str, Callable[[], bool]]] = [
        ("invalid_text", lambda: any(map(_is_broken, strings(message)))),
        ("wrong_type", lambda: not _fits(message, MESSAGE)),
        ("missing_key", lambda: _misses(message)),
        ("blank_value", lambda: any(map(is_blank, _names(message)))),
        ("invalid_timestamp", lambda: _has_invalid_timestamp(message, written)),
        ("invalid_value", lambda: _has_invalid_value(message)),
        ("contradicting_values", lambda: _contradicts(message)),
    ]
    for reason, applies in checks:
        if applies():
            return reason, None
    return None, message


def parse(text: str) -> Json:
    """One JSON value without repeated keys, within the limits of Spark's parser.

    Raises:
        ValueError: it is none.
    """
    if _depth(text) > MAX_DEPTH:
        raise ValueError("too deep")
    sys.setrecursionlimit(max(10_000, sys.getrecursionlimit()))  # for Python's own parser
    return json.loads(
        text,
        object_pairs_hook=_once,
        parse_constant=_refuse,
        parse_int=lambda digits: int(_short(digits)),
        parse_float=lambda digits: float(_short(digits)),
    )


def strings(value: Json) -> Iterator[str]:
    """All strings of a value, keys included."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            waiting += [*found, *found.values()]


def is_blank(text: str) -> bool:
    """Whether a string shows nothing."""
    return all(unicodedata.category(c) in ("Zs", "Zl", "Zp", "Cc", "Cf") for c in text)


def is_test(message: Json) -> bool:
    """Whether it is a test record."""
    return bool(message["base_exam_id"] == "example-id")


def iso_moment(text: str | None) -> int | None:
    """Microseconds since 1970 of an ISO moment with its zone."""
    if text is None or not ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    local = moment.replace(tzinfo=None) - datetime(1970, 1, 1)
    return (local - (moment.utcoffset() or timedelta())) // timedelta(microseconds=1)


def unix_moment(text: str | None) -> int | None:
    """Microseconds since 1970 of seconds since then."""
    if text is None or not SECONDS.fullmatch(text):
        return None
    return math.floor(Fraction(text) * 1_000_000)


def possible(moment: int | None, written: int) -> int | None:
    """The moment, in microseconds, if one can be there that early, or that late."""
    if moment is None or not EARLIEST * 1000 <= moment <= (written + DAY) * 1000:
        return None
    return moment


def result(options: list[Json]) -> str:
    """How a question was answered, by its selected options."""
    selected = {n for n, option in enumerate(options) if option["checked"]}
    correct = {n for n, option in enumerate(options) if option.get("correct")}
    if not selected:
        return "unanswered"
    if selected - correct:
        return "incorrect"
    return "correct" if selected == correct else "missed_some"


def _depth(text: str) -> int:
    """How deep arrays and objects are nested; strings are left out."""
    deepest = level = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        level += (token[0] in "[{") - (token[0] in "]}")
        deepest = max(deepest, level)
    return deepest


def _once(pairs: list[tuple[str, Json]]) -> Json:
    too_long = any(len(k.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEY for k, _ in pairs)
    if too_long or len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice, or too long")
    return dict(pairs)


def _short(number: str) -> str:
    return number if sum(map(str.isdigit, number)) <= MAX_DIGITS else _refuse(number)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _is_broken(text: str) -> bool:
    return any(c == "\0" or 0xD800 <= ord(c) <= 0xDFFF for c in text)


def _fits(value: Json, schema: Json) -> bool:
    if value is None:
        return True
    if isinstance(schema, dict):
        return isinstance(value, dict) and all(
            _fits(value.get(k), inner) for k, inner in schema.items()
        )
    if isinstance(schema, list):
        return isinstance(value, list) and all(_fits(v, schema[0]) for v in value)
    if schema == BOOL:
        return isinstance(value, bool)
    if schema == INT:
        return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
    return isinstance(value, str)


def _misses(message: Json) -> bool:
    sequences: Json = message.get("sequences") or {}
    questions = sequences.get("questions")
    needed = [message.get(key) for key in NEEDED]
    if None in (*needed, sequences.get("id"), questions):
        return True
    for question in questions:
        if question is None or question.get("id") is None or question.get("options") is None:
            return True
        for option in question["options"]:
            if option is None or option.get("id") is None or option.get("checked") is None:
                return True
    if is_test(message):
        return False
    counts = sequences.get("counts") or {}
    return any(counts.get(key) is None for key in COUNTS) or any(
        question.get(key) is None
        for question in questions
        for key in ("user_result", "user_correct", "user_incomplete", "user_submitted")
    )


def _names(message: Json) -> Iterator[str]:
    yield from (message[key] for key in NAMES)
    yield message["sequences"]["id"]
    for question in message["sequences"]["questions"]:
        yield question["id"]
        yield from (option["id"] for option in question["options"])


def _has_invalid_timestamp(message: Json, written: int) -> bool:
    moments = (iso_moment(message["started_at"]), unix_moment(message["keen_timestamp"]))
    return any(possible(moment, written) is None for moment in moments)


def _has_invalid_value(message: Json) -> bool:
    sequences = message["sequences"]
    attempt = sequences.get("attempt")
    return (attempt is not None and attempt < 1) or any(
        q.get("user_result") not in (None, *RESULTS) for q in sequences["questions"]
    )


def _contradicts(message: Json) -> bool:
    sequences = message["sequences"]
    counts = sequences.get("counts") or {}
    expected_counts: Json = {}
    results = [result(q["options"]) for q in sequences["questions"]]
    if not is_test(message):
        times = Counter(results)
        expected_counts = {
            "total": len(results),
            "correct": times["correct"],
            "incorrect": times["incorrect"],
            "incomplete": times["missed_some"],
            "unanswered": times["unanswered"],
            "submitted": len(results) - times["unanswered"],
            "all_correct": times["correct"] == len(results),
        }
    if any(counts.get(key) != expected_counts.get(key) for key in COUNTS):
        return True
    for question, given in zip(sequences["questions"], results, strict=True):
        expected: Json = {}
        if not is_test(message):
            expected = {
                "user_result": given,
                "user_correct": given == "correct",
                "user_incomplete": given == "missed_some",
                "user_submitted": given != "unanswered",
            }
        for key in ("user_result", "user_correct", "user_incomplete", "user_submitted"):
            if question.get(key) != expected.get(key):
                return True
    return False
