"""The exams: what `courses.csv` says about them, and what chance fills in.

A row of `courses.csv` is one exam:

- `course`: its name; a course with two exams has two rows.
- `attempts`: of it in one study, however often their messages arrive.
- `questions`: how many an attempt gets; of two numbers, each attempt gets one.
- `bank`: how many questions these are chosen from, where not all are used at once.
- `sequence`: exams with the same one share its id and its questions.
- `copies`: a number for each attempt that arrives several times: how often.
- `traits`: `fixed` where nothing is shuffled, `giveaway` where a question is always answered right,
  `verbose` where wrong options say that they are, `test` where results are not recorded.
"""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from ingest.sample.chance import Chance

# (options, right ones) of a question: each pair as often as it is likely.
SHAPES = (
    [(2, 1)] * 3 + [(3, 1)] * 46 + [(4, 1)] * 90 + [(5, 1)] * 2 + [(6, 1)] * 3
    + [(3, 2)] * 7 + [(4, 2)] * 24 + [(4, 3)] * 20 + [(5, 2), (5, 3), (5, 4), (5, 4)]
    + [(6, 2), (6, 3), (6, 4), (6, 4), (6, 5)]
)  # fmt: skip
ATTRACTIVENESS = (1, 1, 2, 3, 5, 8)
CERTAIN = 100.0


@dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One option: the parts of its JSON that are the same in every attempt."""

    untouched: str
    """The whole, where it was never clicked."""
    clicked: str
    """What follows the moment of the last click."""
    submitted: str
    """The same, where it is ticked and handed in."""


@dataclass(frozen=True, eq=False)
class Question:
    """One question, with its options in the order of an exam that is not shuffled."""

    id: str
    options: tuple[Option, ...]
    right: tuple[Option, ...]
    lures: tuple[Option, ...]
    """The wrong options, each as often as it is attractive."""
    easiness: float
    """How far below the average an ability has even odds; in its standard deviations."""
    discrimination: float
    """How much ability matters."""

    @cached_property
    def key(self) -> frozenset[Option]:
        """The right options."""
        return frozenset(self.right)


@dataclass(frozen=True, eq=False)
class Exam:
    """One exam of a course."""

    id: str
    sequence_id: str
    course_json: str
    """The course's name, quoted for JSON."""
    questions: tuple[Question, ...]
    sizes: tuple[int, ...]
    """Of these, how many questions an attempt gets."""
    arrivals: tuple[int, ...]
    """For each attempt in a study: how often its message arrives."""
    is_test: bool
    is_shuffled: bool

    @cached_property
    def giveaways(self) -> int:
        """How many questions are always answered right."""
        return sum(question.easiness == CERTAIN for question in self.questions)


@dataclass(frozen=True)
class Sequence:
    """The questions that exams are made of."""

    id: str
    questions: list[Question]


def build(chance: Chance) -> tuple[Exam, ...]:
    """All exams of `courses.csv`, with new ids, questions and difficulties."""
    text = files(__package__).joinpath("courses.csv").read_text("utf-8")
    sequences: dict[str, Sequence] = {}
    return tuple(_exam(row, sequences, chance) for row in csv.DictReader(text.splitlines()))


def _exam(row: dict[str, str], sequences: dict[str, Sequence], chance: Chance) -> Exam:
    exam_id = chance.uuid()
    sequence = sequences.setdefault(row["sequence"] or exam_id, Sequence(chance.uuid(), []))
    sizes = tuple(int(size) for size in row["questions"].split())
    bank = int(row["bank"] or max(sizes))
    traits = row["traits"].split()
    while len(sequence.questions) < bank:
        is_giveaway = "giveaway" in traits and not sequence.questions
        sequence.questions.append(_question(is_giveaway, "verbose" in traits, chance))
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


def _question(is_giveaway: bool, is_verbose: bool, chance: Chance) -> Question:
    size, rights = chance.pick(SHAPES)
    right = tuple(_option('"correct":true', chance) for _ in range(rights))
    says_wrong = '"correct":false' if is_verbose else ""
    wrong = [_option(says_wrong, chance) for _ in range(size - rights)]
    usual = 0.45 if rights == 1 else -0.3
    return Question(
        id=chance.uuid(),
        options=tuple(chance.shuffled([*right, *wrong])),
        right=right,
        lures=tuple(option for option in wrong for _ in range(chance.pick(ATTRACTIVENESS))),
        easiness=CERTAIN if is_giveaway else usual + 0.7 * chance.bell(),
        discrimination=0.3 + 1.2 * chance.uniform(),
    )


def _option(correct: str, chance: Chance) -> Option:
    id_ = f'"id":"{chance.uuid()}"'
    before, after = (f"{correct},", f",{correct}") if correct else ("", "")
    return Option(
        untouched=f'{{"checked":false,{before}{id_}}}',
        clicked=f"{id_}{after}}}",
        submitted=f'{id_},"submitted":1{after}}}',
    )
