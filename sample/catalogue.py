"""The exams of `courses.csv`, with random ids, questions and difficulties.

A row of `courses.csv` is one exam:

- `course`: its name; a course with two exams has two rows.
- `attempts`: number of attempts in one study, without redelivered messages.
- `questions`: number of questions of an attempt; of two numbers, each attempt has one.
- `bank`: number of questions that those are chosen from, if it is larger.
- `sequence`: exams with the same value share the sequence's id and its questions.
- `copies`: for each attempt whose message is redelivered, how many times the message arrives.
- `traits`: `fixed` if nothing is shuffled, `always_correct` if one question is always answered
  correctly, `verbose` if distractors have `"correct":false`, `test` if results are not recorded.
"""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from sample.rng import Rng

# (number of options, number of correct options) of a question, repeated in proportion to its odds.
SHAPES = (
    [(2, 1)] * 3 + [(3, 1)] * 46 + [(4, 1)] * 90 + [(5, 1)] * 2 + [(6, 1)] * 3
    + [(3, 2)] * 7 + [(4, 2)] * 24 + [(4, 3)] * 20 + [(5, 2), (5, 3), (5, 4), (5, 4)]
    + [(6, 2), (6, 3), (6, 4), (6, 4), (6, 5)]
)  # fmt: skip
ATTRACTIVENESS = (1, 1, 2, 3, 5, 8)
ALWAYS_CORRECT = -100.0  # a difficulty that every ability exceeds


@dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One option: the parts of its JSON that are the same in every attempt."""

    untouched: str
    """The whole JSON of an option that was never clicked."""
    clicked: str
    """The JSON after the time of the last click."""
    submitted: str
    """The same, for an option that is selected and submitted."""


@dataclass(frozen=True, eq=False)
class Question:
    """One question, with its options in the order of an exam that is not shuffled."""

    id: str
    options: tuple[Option, ...]
    correct: tuple[Option, ...]
    distractors: tuple[Option, ...]
    """The wrong options, each repeated in proportion to its attractiveness."""
    difficulty: float
    """The discrimination times the ability with even odds, in standard deviations of ability."""
    discrimination: float
    """The weight of ability."""

    @cached_property
    def key(self) -> frozenset[Option]:
        """The correct options."""
        return frozenset(self.correct)


@dataclass(frozen=True, eq=False)
class Exam:
    """One exam of a course."""

    id: str
    sequence_id: str
    course_json: str
    """The course's name, quoted for JSON."""
    questions: tuple[Question, ...]
    sizes: tuple[int, ...]
    """The possible numbers of questions of an attempt."""
    arrivals: tuple[int, ...]
    """For each attempt in a study: how many times its message arrives."""
    is_test: bool
    is_shuffled: bool

    @cached_property
    def always_correct_count(self) -> int:
        """Number of questions that are always answered correctly."""
        return sum(question.difficulty == ALWAYS_CORRECT for question in self.questions)


@dataclass(frozen=True)
class Sequence:
    """The questions that exams are made of."""

    id: str
    questions: list[Question]


def build(rng: Rng) -> tuple[Exam, ...]:
    """Return all exams of `courses.csv`, with new ids, questions and difficulties."""
    text = files(__package__).joinpath("courses.csv").read_text("utf-8")
    sequences: dict[str, Sequence] = {}
    return tuple(_exam(row, sequences, rng) for row in csv.DictReader(text.splitlines()))


def _exam(row: dict[str, str], sequences: dict[str, Sequence], rng: Rng) -> Exam:
    exam_id = rng.uuid()
    sequence = sequences.setdefault(row["sequence"] or exam_id, Sequence(rng.uuid(), []))
    sizes = tuple(int(size) for size in row["questions"].split())
    bank = int(row["bank"] or max(sizes))
    traits = row["traits"].split()
    while len(sequence.questions) < bank:
        is_always_correct = "always_correct" in traits and not sequence.questions
        sequence.questions.append(_question(is_always_correct, "verbose" in traits, rng))
    copies = tuple(int(times) for times in row["copies"].split())
    return Exam(
        id="example-id" if "test" in traits else exam_id,
        sequence_id=sequence.id,
        course_json=json.dumps(row["course"], ensure_ascii=False),
        questions=tuple(sequence.questions[:bank]),
        sizes=sizes,
        arrivals=copies + (1,) * (int(row["attempts"]) - len(copies)),
        is_test="test" in traits,
        is_shuffled="fixed" not in traits,
    )


def _question(is_always_correct: bool, is_verbose: bool, rng: Rng) -> Question:
    size, correct_count = rng.pick(SHAPES)
    correct = tuple(_option('"correct":true', rng) for _ in range(correct_count))
    says_wrong = '"correct":false' if is_verbose else ""
    wrong = [_option(says_wrong, rng) for _ in range(size - correct_count)]
    usual = -0.45 if correct_count == 1 else 0.3
    return Question(
        id=rng.uuid(),
        options=tuple(rng.shuffled([*correct, *wrong])),
        correct=correct,
        distractors=tuple(option for option in wrong for _ in range(rng.pick(ATTRACTIVENESS))),
        difficulty=ALWAYS_CORRECT if is_always_correct else usual - 0.7 * rng.gauss(),
        discrimination=0.3 + 1.2 * rng.uniform(),
    )


def _option(correct: str, rng: Rng) -> Option:
    id_ = f'"id":"{rng.uuid()}"'
    before, after = (f"{correct},", f",{correct}") if correct else ("", "")
    return Option(
        untouched=f'{{"checked":false,{before}{id_}}}',
        clicked=f"{id_}{after}}}",
        submitted=f'{id_},"submitted":1{after}}}',
    )
