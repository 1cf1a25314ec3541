"""No content of a message can fail a build: thousands of odd ones, one ingest, one build.

The seed is printed; `ASSAY_TEST_SEED` replays it. What the models read otherwise than plain Python
does is shrunk by the models' own query, and belongs into `FIXED` once it is understood.
"""

import base64
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from kafka import KafkaProducer

from stack.settings import Settings
from tests.dbt import reading
from tests.dbt.staged import staged_row
from tests.end_to_end import mutated_messages
from tests.end_to_end.conftest import query
from tests.end_to_end.shrinking import shrunk, validated_by_spark
from tests.end_to_end.warehouse import build, disagreements, rows
from tests.ingest.harness import client, ingest

pytestmark = pytest.mark.services

MESSAGES = 2_000
TOPIC = "odd-messages"  # of its own: dbt is told of another topic than by the tests before it
Json = Any
Coordinates = tuple[int, int]

QUESTION: Json = {
    "id": "q",
    "user_result": "correct",
    "user_correct": True,
    "user_incomplete": False,
    "user_submitted": True,
    "options": [{"id": "o", "checked": True, "correct": True, "at": "2018-01-01T00:00:01Z"}],
}
COUNTS: Json = {
    **dict.fromkeys(("incorrect", "incomplete", "unanswered"), 0),
    **dict.fromkeys(("total", "correct", "submitted"), 5),
    "all_correct": True,
}
GOOD: Json = {
    "keen_id": "fixed",
    "user_exam_id": "u",
    "base_exam_id": "e1",
    "exam_name": "Don't panic",
    "started_at": "2018-01-01T00:00:00Z",
    "keen_timestamp": "1514764900.5",
    "keen_created_at": "95617584000",
    "max_attempts": "1e1",
    "certification": "yes",
    "sequences": {"id": "s", "attempt": 1, "counts": COUNTS, "questions": [QUESTION] * 5},
}
TEXT = json.dumps(GOOD)


def fixed(**changes: Json) -> bytes:
    return json.dumps(GOOD | changes).encode()


def counted(**changes: Json) -> bytes:
    return fixed(sequences=GOOD["sequences"] | {"counts": COUNTS | changes})


def asked(**changes: Json) -> bytes:
    return fixed(sequences=GOOD["sequences"] | {"questions": [QUESTION | changes] + [QUESTION] * 4})


def replaced(before: str, after: str) -> bytes:
    assert before in TEXT
    return TEXT.replace(before, after).encode()


# The reason why each of these is rejected, or None.
FIXED: list[tuple[bytes | None, str | None]] = [
    (TEXT.encode(), None),
    (None, "null_value"),
    (b"\xed\xa0\x80", "invalid_utf8"),
    (TEXT.encode() + b',{"keen_id":"after it"}', "not_json"),
    (TEXT.encode() + b",0", "not_json"),
    (replaced('"keen_id"', '"user_exam_id"'), "not_json"),
    (replaced('"q"', "[" * 1_500 + "]" * 1_500), "not_json"),
    (replaced('"max_attempts"', f'"deep": {"[" * 99 + "]" * 99}, "max_attempts"'), None),
    (replaced('"max_attempts"', f'"deep": {"[" * 100 + "]" * 100}, "max_attempts"'), "not_json"),
    # Spark's parser would take these, and a task's stack would overflow, which ends the server.
    (replaced('"q"', '{"a":' * 900 + "1" + "}" * 900), "not_json"),
    (replaced('"fixed"', '{"a":[' * 450 + "]}" * 450), "not_json"),
    (replaced('"fixed"', "[" * 90 + "]" * 90), "wrong_type"),
    (replaced('"max_attempts"', f'"long": {"7" * 1_000}, "max_attempts"'), None),
    (replaced('"max_attempts"', f'"long": {"7" * 1_001}, "max_attempts"'), "not_json"),
    (replaced('"total": 5', f'"total": {"7" * 5_000}'), "not_json"),
    (replaced('"max_attempts"', f'"{"k" * 50_000}": 1, "max_attempts"'), None),
    (replaced('"max_attempts"', f'"{"k" * 50_001}": 1, "max_attempts"'), "not_json"),
    (replaced('"fixed"', r'"\ud83d\ude00 \\u0000"'), None),
    (replaced('"fixed"', r'"\ud800"'), "invalid_text"),
    (replaced('"e1"', r'{"\ud800":1,"\ud801":2}'), "invalid_text"),
    (replaced('"max_attempts"', r'"\ud800":1,"\ud801"'), "invalid_text"),
    (replaced('"fixed"', r'"\u0000"'), "invalid_text"),
    (replaced('"max_attempts"', r'"\udfff": 1, "max_attempts"'), "invalid_text"),
    (replaced('"q"', '{"q": 1}'), "wrong_type"),
    (replaced('"total": 5', '"total": 2147483648'), "wrong_type"),
    (fixed(max_attempts=1.0), "wrong_type"),
    (fixed(sequences={"id": "s", "questions": [None]}), "missing_key"),
    (asked(user_result=None), "missing_key"),
    (fixed(exam_name=""), "blank_value"),
    (fixed(exam_name=" \u00a0\u3000\u200b"), "blank_value"),
    (fixed(keen_id=""), "blank_value"),
    (asked(id="\t"), "blank_value"),
    (fixed(keen_id="n1", exam_name=" Don't panic"), None),
    (fixed(keen_id="n2", exam_name="Cafe\u0301"), None),
    (fixed(keen_id="n3", exam_name="Caf\u00e9"), None),
    (fixed(started_at="0000-01-01T00:00:00Z"), "invalid_timestamp"),
    (fixed(started_at="0001-01-01T00:00:00Z"), "invalid_timestamp"),
    (fixed(started_at="9999-12-31T23:59:59Z"), "invalid_timestamp"),
    (fixed(started_at="1999-12-31T23:59:59.999999Z"), "invalid_timestamp"),
    (fixed(keen_id="first", started_at="2000-01-01T00:00:00Z"), None),
    (fixed(keen_timestamp="95617584000"), "invalid_timestamp"),
    (asked(user_result="right"), "invalid_value"),
    (counted(correct=99), "contradicting_values"),
    (counted(correct=-3), "contradicting_values"),
    (counted(total=0), "contradicting_values"),
    (asked(user_correct=False), "contradicting_values"),
    (fixed(base_exam_id="example-id"), "contradicting_values"),
]


@pytest.fixture(scope="module")
def sent(either_stack: Settings) -> Iterator[dict[Coordinates, bytes | None]]:
    """What was sent to Kafka, ingested and built, by partition and offset."""
    values = [value for value, _ in FIXED] + made(int(os.environ.get("ASSAY_TEST_SEED") or 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_TOPIC", TOPIC)
        ingest("topic", "create")
        found = publish(values)
        ingest("run")
        assert "Published" in build()
        yield found


def made(number: int) -> list[bytes | None]:
    """Odd messages.

    Args:
        number: the seed; 0 for one by chance.
    """
    number = number or random.randrange(1, 2**32)
    print(f"ASSAY_TEST_SEED={number} replays these messages")
    found: list[bytes | None] = []

    @seed(number)
    @settings(
        max_examples=-(-MESSAGES // mutated_messages.VALUES_OF_ONE),
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated_messages.values())
    def draw(values: list[bytes | None]) -> None:
        found.extend(values)

    draw()
    assert len(found) >= MESSAGES
    return found


def publish(values: list[bytes | None]) -> dict[Coordinates, bytes | None]:
    producer = KafkaProducer(**client(), linger_ms=20)
    futures = [
        (producer.send(TOPIC, value, key=b"%d" % (number % 9)), value)
        for number, value in enumerate(values)
    ]
    producer.flush()
    acknowledged = [(future.get(timeout=60), value) for future, value in futures]
    producer.close()
    return {(found.partition, found.offset): value for found, value in acknowledged}


def now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def test_each_record_is_accepted_or_rejected_for_the_right_reason(
    sent: dict[Coordinates, bytes | None],
) -> None:
    validated = query(
        "select partition, offset, null as reason from staging.stg_assess__messages union all "
        "select partition, offset, reason from staging.stg_assess__rejected_messages"
    )
    assert len(validated) == len({(p, o) for p, o, _ in validated}), "each once"
    reasons = {(p, o): reason for p, o, reason in validated}
    wrong = [
        (value, reasons.get(at, "lost"), reading.validate(value, now())[0])
        for at, value in sent.items()
        if reasons.get(at, "lost") != reading.validate(value, now())[0]
    ]
    assert not wrong, report(wrong)
    by_value = {value: reasons[at] for at, value in sent.items()}
    assert {value: by_value[value] for value, _ in FIXED} == dict(FIXED)
    assert set(reasons.values()) >= {reason for _, reason in FIXED}


def test_each_accepted_value_is_what_plain_python_reads(
    sent: dict[Coordinates, bytes | None],
) -> None:
    staged = query(
        "select partition, offset, base64(to_json(struct(attempt_id, user_exam_id, base_exam_id, "
        "exam_name, unix_micros(started_at) as started_at, "
        "unix_micros(recorded_at) as recorded_at, unix_micros(created_at) as created_at, "
        "max_attempts, is_certification, sequence_id, sequence_attempt, counts, "
        "questions, is_test_record, unknown_keys))) "
        "from staging.stg_assess__messages"
    )
    found = {(p, o): json.loads(base64.b64decode(row)) for p, o, row in staged if (p, o) in sent}
    for at, row in found.items():
        _, message = reading.validate(sent[at], now())
        assert row == staged_row(message, now()), sent[at]
    assert len(found) > MESSAGES / 4


def test_all_is_published_and_adds_up(sent: dict[Coordinates, bytes | None]) -> None:
    assert disagreements() == []
    failures = rows("select * from operations.audit_failures where severity = 'error'")
    assert failures == []
    [(days, first)] = query("select count(*), min(date_day) from core.dim_dates")
    assert str(first) == "2000-01-01"
    assert days <= (now() - reading.EARLIEST) // reading.DAY + 2
    # A client reads all moments, and what it reads is Unicode.
    assert query("select * from core.fct_attempts") and query(
        "select * from flattened.flat_options"
    )


def test_what_a_reader_should_know_is_a_warning_in_words(
    sent: dict[Coordinates, bytes | None],
) -> None:
    warnings = {
        row["test_name"]: row["rule"]
        for row in rows("select * from operations.audit_failures where severity = 'warn'")
    }
    assert "max_rejected_share" in warnings["few_records_are_rejected"]
    assert "differ only by" in warnings["courses_do_not_look_alike"]


def report(wrong: list[tuple[bytes | None, str | None, str | None]]) -> str:
    """The smallest message that shows each difference between the models and Python."""
    kinds = {(found, expected): value for value, found, expected in wrong}
    lines = [
        f"{found} instead of {expected}: {shrunk(value)!r}"
        for (found, expected), value in kinds.items()
    ]
    return f"{len(wrong)} differ; the smallest of each kind:\n" + "\n".join(lines)


def test_the_query_alone_validates_as_the_build_does(either_stack: Settings) -> None:
    assert validated_by_spark([v for v, _ in FIXED if v]) == [r for v, r in FIXED if v]


def test_a_failing_message_is_shrunk_to_what_it_is_about() -> None:
    smallest = shrunk(TEXT.encode(), lambda values: [v for v in values if b'"checked": true' in v])
    assert smallest == b'{"sequences": {"questions": [{"options": [{"checked": true}]}]}}'
