"""The sample: the same on every machine, in the real shape, with the published figures."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

import sample
from sample import files
from stack.settings import ROOT

Record = dict[str, Any]
RECORD_KEYS = [
    "keen_timestamp",
    "max_attempts",
    "started_at",
    "base_exam_id",
    "user_exam_id",
    "sequences",
    "keen_created_at",
    "certification",
    "keen_id",
    "exam_name",
]
COUNTS_KEYS = {
    "incomplete",
    "submitted",
    "incorrect",
    "all_correct",
    "correct",
    "total",
    "unanswered",
}


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    return list(sample.generate())


@pytest.fixture(scope="module")
def records(messages: list[bytes]) -> list[Record]:
    return [json.loads(message) for message in messages]


def firsts(records: list[Record]) -> list[Record]:
    """Return one record of each attempt."""
    return list({record["keen_id"]: record for record in records}.values())


def counts_of(records: list[Record]) -> list[Record]:
    return [r["sequences"]["counts"] for r in records if "counts" in r["sequences"]]


def test_the_sample_is_the_same_on_every_machine(messages: list[bytes]) -> None:
    digest = hashlib.sha256(b"\n".join(messages)).hexdigest()
    assert digest == "5cb0a4fea06ee78fd420da59db46a89c3debb0a608cb176c37db244e638628b2"
    assert list(sample.generate(seed=1)) != messages


def test_the_figures_equal_the_published_ones(records: list[Record]) -> None:
    attempts = firsts(records)
    assert (len(records), len(attempts)) == (3280, 3242)
    assert len({r["exam_name"] for r in records}) == 103
    assert len({r["base_exam_id"] for r in records}) == 107
    for some, mean, perfect, git in ((records, 62.657, 841, 394), (attempts, 62.569, 827, 390)):
        counts = counts_of(some)
        average = sum(Fraction(c["correct"], c["total"]) for c in counts) / len(counts)
        assert round(float(average) * 100, 3) == mean
        assert sum(c["all_correct"] for c in counts) == perfect
        assert Counter(r["exam_name"] for r in some).most_common(1) == [("Learning Git", git)]


def test_the_irregularities_are_those_of_the_real_data(
    messages: list[bytes], records: list[Record]
) -> None:
    tests = [r for r in records if r["base_exam_id"] == "example-id"]
    assert len(tests) == 5
    assert not any("counts" in r["sequences"] for r in tests)
    copies = Counter(r["keen_id"] for r in records)
    assert sorted(copies.values(), reverse=True)[:21] == [3] * 18 + [2] * 2 + [1]
    assert len(set(messages)) == 3242, "copies are byte-identical"
    assert any(a != b for a, b in zip(messages, sorted(messages), strict=True))
    assert sum(len(k) > 1 for k in exams_by_course(records).values()) == 4
    assert {r["certification"] for r in records} == {"false", None}
    assert any(at(o) < r["started_at"] for r in records for o in options(r) if "at" in o)
    results = Counter(q.get("user_result") for r in records for q in r["sequences"]["questions"])
    assert min(results[k] for k in ("correct", "incorrect", "missed_some", "unanswered")) > 300
    deselected = [o for r in records for o in options(r) if "at" in o and not o["checked"]]
    assert deselected, "no option was selected and deselected again"


def exams_by_course(records: list[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record["exam_name"], set()).add(record["base_exam_id"])
    return found


def options(record: Record) -> Iterator[Record]:
    for question in record["sequences"]["questions"]:
        yield from question["options"]


def at(option: Record) -> str:
    return str(option["at"])


def check_consistent(record: Record) -> None:
    """Assert that results follow from selections, and counts from results."""
    results: Counter[str] = Counter()
    for question in record["sequences"]["questions"]:
        selected = {o["id"] for o in question["options"] if o["checked"]}
        correct = {o["id"] for o in question["options"] if o.get("correct")}
        assert 2 <= len(question["options"]) <= 6 and correct
        if "counts" not in record["sequences"]:
            assert set(question) == {"options", "id"}
            continue
        expected = (
            "unanswered" if not selected
            else "correct" if selected == correct
            else "incorrect" if selected - correct
            else "missed_some"
        )  # fmt: skip
        assert question["user_result"] == expected
        assert question["user_correct"] is (expected == "correct")
        assert question["user_incomplete"] is (expected == "missed_some")
        assert question["user_submitted"] is (expected != "unanswered")
        results[expected] += 1
    if "counts" in record["sequences"]:
        counts = record["sequences"]["counts"]
        assert set(counts) == COUNTS_KEYS
        assert counts["correct"] == results["correct"]
        assert counts["incorrect"] == results["incorrect"]
        assert counts["incomplete"] == results["missed_some"]
        assert counts["unanswered"] == results["unanswered"]
        assert counts["total"] == results.total()
        assert counts["submitted"] == results.total() - results["unanswered"]
        assert counts["all_correct"] is (counts["correct"] == counts["total"])


def test_results_follow_from_selections_and_counts_from_results(records: list[Record]) -> None:
    for record in records:
        assert list(record) == RECORD_KEYS
        check_consistent(record)


@pytest.mark.parametrize("n", [1, 2, 7, 100, 3279, 3281, 10_000])
def test_any_length_is_exact_and_has_nearly_the_same_figures(n: int) -> None:
    records = [json.loads(message) for message in sample.generate(n)]
    assert len(records) == n
    counts = counts_of(records)
    if n >= 100:
        assert sum(c["correct"] / c["total"] for c in counts) / n == pytest.approx(0.626, abs=0.005)
        assert sum(c["all_correct"] for c in counts) / n == pytest.approx(0.256, abs=0.02)
    for record in records[:1000]:
        check_consistent(record)
    assert len({r["keen_id"] for r in records}) == len({r["user_exam_id"] for r in records})


def test_less_than_one_message_is_refused() -> None:
    with pytest.raises(ValueError, match="messages is 0"):
        sample.generate(0)


def test_the_command_prints_or_writes_the_sample(tmp_path: Any) -> None:
    path = tmp_path / "some.jsonl"
    command = [sys.executable, "-m", "sample", "generate", "--messages", "50"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run([*command, "-o", str(path)], cwd=ROOT, check=True)
    assert printed == path.read_bytes() == b"".join(m + b"\n" for m in sample.generate(50))
    failed = subprocess.run(
        [*command, "-o", str(tmp_path / "no" / "x")], cwd=ROOT, capture_output=True, check=False
    )
    assert failed.returncode == 10 and b"remedy:" in failed.stderr


def test_the_shape_is_that_of_the_real_export(messages: list[bytes], real_export: Any) -> None:
    def shapes(values: list[bytes]) -> set[tuple[str, ...]]:
        return {shape for value in values for shape in shapes_in(json.loads(value), "")}

    real = [value for value, _ in files.messages(str(real_export))]
    assert shapes(messages) == shapes(real)
    names = {json.loads(value)["exam_name"] for value in real}
    assert {json.loads(value)["exam_name"] for value in messages} & names == {"Learning Git"}


def shapes_in(value: Any, path: str) -> Iterator[tuple[str, ...]]:
    """Yield each object's keys in their order, and each scalar's type, with their path."""
    if isinstance(value, dict):
        yield (path, *value)
        for key, inner in value.items():
            yield from shapes_in(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from shapes_in(inner, f"{path}[]")
    else:
        yield (path, type(value).__name__)
