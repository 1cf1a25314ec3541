"""Messages made by Hypothesis to break the models: what is odd, and what cannot be used at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Json = dict[str, Any]

# Few names and ids, so that ties, duplicates and shared exams come up often.
NAMES = ["Don't panic", "A, b / c", 'Ärger \\ "quotes"', "100 %", "学习", "Test'; drop table x --"]
EXAMS = ["e1", "e2", "e3", "example-id"]
BEGIN = datetime(2018, 1, 1, tzinfo=UTC)


@st.composite
def options(draw: st.DrawFn) -> list[Json]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        option: Json = {"id": f"o{number}", "checked": draw(st.booleans())}
        if draw(st.booleans()):
            option["correct"] = draw(st.sampled_from([True, False, None]))
        if draw(st.booleans()):
            option["at"] = draw(st.sampled_from([iso(BEGIN), "never", "2018-02-30T00:00:00Z"]))
        if draw(st.integers(0, 9)) == 0:
            option["colour"] = draw(st.sampled_from(["red", None, {"deep": [1]}]))
        found.append(option)
    return found


def result(shown: list[Json]) -> str:
    """What follows from the selected options."""
    selected = [o for o in shown if o["checked"]]
    correct = [o for o in shown if o.get("correct")]
    if not selected:
        return "unanswered"
    if any(not o.get("correct") for o in selected):
        return "incorrect"
    return "correct" if len(selected) == len(correct) else "missed_some"


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@st.composite
def messages(draw: st.DrawFn) -> Json:
    """A message that can be used and agrees with itself."""
    exam = draw(st.sampled_from(EXAMS))
    is_test = exam == "example-id"
    number = draw(st.integers(0, 400))
    questions: list[Json] = []
    for _ in range(draw(st.integers(0, 5))):
        question: Json = {"id": f"q{draw(st.integers(0, 6))}", "options": draw(options())}
        if not is_test:
            said = result(question["options"])
            question |= {
                "user_result": said,
                "user_correct": said == "correct",
                "user_incomplete": said == "missed_some",
                "user_submitted": said != "unanswered",
            }
        questions.append(question)
    started = BEGIN + timedelta(seconds=draw(st.integers(-200_000, 900_000)))
    seconds = draw(st.sampled_from([-1.5, 0, 0.000001, 59.5, 60, 7200, 7200.000001, 90_000]))
    recorded = started + timedelta(seconds=seconds)
    said_at = f"{recorded.timestamp():.6f}"
    sequences: Json = {"id": "s", "attempt": 1, "questions": questions}
    if not is_test:
        results = [q["user_result"] for q in questions]
        sequences["counts"] = {
            "total": len(results),
            "correct": results.count("correct"),
            "incorrect": results.count("incorrect"),
            "incomplete": results.count("missed_some"),
            "unanswered": results.count("unanswered"),
            "submitted": len(results) - results.count("unanswered"),
            "all_correct": results.count("correct") == len(results),
        }
    message: Json = {
        "keen_id": f"k{number}",
        "user_exam_id": f"u{number}",
        "base_exam_id": exam,
        "exam_name": draw(st.sampled_from(NAMES)),
        "started_at": iso(started),
        "keen_timestamp": said_at,
        "keen_created_at": said_at,
        "max_attempts": draw(st.sampled_from(["1.0", None])),
        "certification": draw(st.sampled_from(["false", None])),
        "sequences": sequences,
    }
    if draw(st.integers(0, 9)) == 0:
        message[draw(st.sampled_from(["extra", "schema version", "näme"]))] = draw(
            st.sampled_from([None, 1, "x", [], {"a": 1}])
        )
    return message


def _without(key: str) -> Callable[[Json], bytes]:
    return lambda m: json.dumps({k: v for k, v in m.items() if k != key}).encode()


def _with(**changes: Any) -> Callable[[Json], bytes]:
    return lambda m: json.dumps(m | changes).encode()


# What makes a good message unusable, each in its own way.
SPOILED: list[Callable[[Json], bytes | None]] = [
    lambda m: None,
    lambda m: b"\xff" + json.dumps(m).encode(),
    lambda m: json.dumps(m).encode()[:-1],
    lambda m: json.dumps(m).encode() + b" x",
    lambda m: json.dumps([m]).encode(),
    lambda m: b'{"keen_id": "twice", ' + json.dumps(m).encode()[1:],
    lambda m: b"",
    lambda m: b"{}",
    lambda m: b'{"ping": "pong"}',
    lambda m: b"NaN",
    _without("keen_id"),
    _without("sequences"),
    _with(exam_name=None),
    _with(exam_name=7),
    _with(sequences=[]),
    _with(sequences={"id": "s", "questions": None}),
    _with(sequences={"id": "s", "questions": [{"id": "q", "options": [{"id": "o"}]}]}),
    _with(sequences={"id": "s", "questions": [{"id": "q", "options": "none"}]}),
    _with(started_at="2018-13-01T00:00:00Z"),
    _with(started_at="2018-01-01T00:00:00"),
    _with(keen_timestamp="yesterday"),
    _with(keen_timestamp="1e9"),
    _with(started_at="1999-12-31T23:59:59Z"),
    lambda m: json.dumps(m | {"sequences": m["sequences"] | {"attempt": 0}}).encode(),
    _with(exam_name=" \u3000"),
    _with(exam_name="\ud83d"),
    _with(
        base_exam_id="example-id", sequences={"id": "s", "counts": {"total": 1}, "questions": []}
    ),
]


@st.composite
def values(draw: st.DrawFn) -> bytes | None:
    """The value of a record: mostly one that can be used."""
    message = draw(messages())
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(SPOILED))(message)
    return json.dumps(message, ensure_ascii=draw(st.booleans())).encode()


def sample(examples: int) -> list[bytes | None]:
    """The same values on every run, each way of being unusable among them."""
    found: list[bytes | None] = []
    good: list[Json] = []

    @seed(20180128)
    @settings(
        max_examples=examples,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values(), messages())
    def draw(value: bytes | None, message: Json) -> None:
        found.append(value)
        good.append(message)

    draw()
    return found + [spoil(message) for spoil, message in zip(SPOILED, good, strict=False)]
