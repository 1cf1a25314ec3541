"""What the staging models have to say of a message that can be used, in plain Python."""

from typing import Any

from tests.dbt import reading
from tests.dbt.oracle import max_attempts

Json = Any


def staged_row(message: Json, written: int) -> Json:
    """A row of `stg_assess__messages`, without what is null; moments in microseconds.

    Args:
        message: one that can be used.
        written: when its record was, in milliseconds since 1970.
    """
    sequences = message["sequences"]
    created = reading.unix_moment(message.get("keen_created_at"))
    certified = {"true": True, "false": False}
    row = {
        "attempt_id": message["keen_id"],
        **{key: message[key] for key in ("user_exam_id", "base_exam_id", "exam_name")},
        "started_at": reading.iso_moment(message["started_at"]),
        "recorded_at": reading.unix_moment(message["keen_timestamp"]),
        "created_at": reading.possible(created, written),
        "max_attempts": max_attempts(message),
        "is_certification": certified.get(message.get("certification")),
        "sequence_id": sequences["id"],
        "sequence_attempt": sequences.get("attempt"),
        "counts": known(sequences.get("counts"), reading.COUNTS),
        "questions": known(sequences["questions"], [reading.QUESTION]),
        "is_test_record": reading.is_test(message),
        "unknown_keys": sorted(unknown(message), key=lambda key: key.encode()) or None,
    }
    return without_nulls(row)


def known(value: Json, schema: Json) -> Json:
    """What of a value is in the schema."""
    if isinstance(value, dict) and isinstance(schema, dict):
        return {k: known(v, schema[k]) for k, v in value.items() if k in schema}
    if isinstance(value, list) and isinstance(schema, list):
        return [known(v, schema[0]) for v in value]
    return value


def unknown(message: Json) -> set[str]:
    """Paths of the keys beyond the schema."""
    sequences = message["sequences"]
    options = [o for q in sequences["questions"] for o in q["options"]]
    found = set(message) - set(reading.MESSAGE)
    for name, objects, schema in (
        ("sequences", [sequences], reading.SEQUENCES),
        ("counts", [sequences.get("counts") or {}], reading.COUNTS),
        ("questions", sequences["questions"], reading.QUESTION),
        ("options", options, reading.OPTION),
    ):
        found |= {f"{name}.{key}" for o in objects for key in set(o) - set(schema)}
    return found


def without_nulls(value: Json) -> Json:
    """As Spark writes JSON."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value
