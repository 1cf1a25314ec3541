"""A study: who takes which exam, how many questions are right, and when the messages arrive.

The sample repeats the published study: whole, as often as it fits, then the part that is left. Its
figures are declared here and reached by planning, for each attempt, how many questions are right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm

from ingest.sample import clock
from ingest.sample.catalogue import Exam, Question
from ingest.sample.chance import Chance

# As published, or counted in the study's data. Only messages with counts: all but 5 test records.
# How many messages, attempts and courses there are, and what repeats, follows from `courses.csv`.
MESSAGES = 3280
COUNTED_MESSAGES, COUNTED_ATTEMPTS = 3275, 3237
PERFECT_MESSAGES, PERFECT_ATTEMPTS = 841, 827
MEAN_OF_MESSAGES, MEAN_OF_ATTEMPTS = 62_657, 62_569  # correct/total in thousandths of a per cent

# Marks: an exam that is all right has FULL, and a question of any exam is worth a whole number.
FULL = lcm(*range(1, 11), 20)
UNSEEN = 10  # marks: too few to show in a mean's third decimal
MARKS_OF_MESSAGES = MEAN_OF_MESSAGES * COUNTED_MESSAGES * FULL // 100_000
MARKS_OF_ATTEMPTS = MEAN_OF_ATTEMPTS * COUNTED_ATTEMPTS * FULL // 100_000


@dataclass(eq=False, slots=True)
class Sitting:
    """An attempt as planned."""

    exam: Exam
    questions: list[Question]
    """The one that is most surely right first."""
    right: int
    """How many are right: so many of the first."""
    arrivals: int
    """How often its message arrives."""
    started_at: int
    """In milliseconds since 1970."""

    @property
    def is_perfect(self) -> bool:
        """Whether all is right."""
        return self.right == len(self.questions)

    @property
    def step(self) -> int:
        """The marks of one question."""
        return FULL // len(self.questions)


Weights = dict[Sitting, int]


def arrivals(exams: tuple[Exam, ...], study: int, messages: int, chance: Chance) -> list[Sitting]:
    """Sittings in the order in which their messages arrive; who arrives again is there again.

    Args:
        exams: what can be taken.
        study: counts from 0; each has its own weeks.
        messages: how many, at most what a whole study has.
        chance: what decides.
    """
    sittings = [_sit(exam, times, study, chance) for exam, times in _seats(exams, messages, chance)]
    _reach_targets([sitting for sitting in sittings if not sitting.exam.is_test])
    due = [
        (moment, place, sitting)
        for place, sitting in enumerate(sittings)
        for moment in clock.arrivals(sitting.started_at, sitting.arrivals, study, chance)
    ]
    return [sitting for _, _, sitting in sorted(due, key=lambda one: one[:2])]


def _seats(exams: tuple[Exam, ...], messages: int, chance: Chance) -> Iterator[tuple[Exam, int]]:
    """Exams to take, drawn from all seats of a study, and how often each result arrives."""
    seats = [(exam, times) for exam in exams for times in exam.arrivals]
    for exam, times in chance.shuffled(seats):
        if messages:
            yield exam, min(times, messages)
            messages -= min(times, messages)


def _sit(exam: Exam, times: int, study: int, chance: Chance) -> Sitting:
    size = chance.pick(exam.sizes)
    questions = exam.questions
    if size < len(questions):
        questions = tuple(chance.shuffled(questions)[:size])
    ability = chance.bell()
    # By how much an answer is better than one that is just right.
    margins = {
        question: question.easiness + question.discrimination * ability + chance.bell()
        for question in questions
    }
    return Sitting(
        exam,
        questions=sorted(questions, key=margins.__getitem__, reverse=True),
        right=sum(margin > 0 for margin in margins.values()),
        arrivals=times,
        started_at=clock.start(study, times > 1, chance),
    )


def _reach_targets(counted: list[Sitting]) -> None:
    """Change how many are right until the published figures come out, in proportion to the part.

    The messages' figures are the attempts' plus what the copies add. So first those who arrive
    again are settled, weighed by their copies, then the others to what is left.
    """
    again = {sitting: sitting.arrivals - 1 for sitting in counted if sitting.arrivals > 1}
    once = {sitting: 1 for sitting in counted if sitting.arrivals == 1}

    copies, all_copies = sum(again.values()), COUNTED_MESSAGES - COUNTED_ATTEMPTS
    _settle_perfect(again, _share(PERFECT_MESSAGES - PERFECT_ATTEMPTS, copies, all_copies))
    _settle_marks(again, _share(MARKS_OF_MESSAGES - MARKS_OF_ATTEMPTS, copies, all_copies))

    perfect = sum(sitting.is_perfect for sitting in again)
    marks = sum(sitting.right * sitting.step for sitting in again)
    part = len(counted)
    _settle_perfect(once, _share(PERFECT_ATTEMPTS, part, COUNTED_ATTEMPTS) - perfect)
    _settle_marks(once, _share(MARKS_OF_ATTEMPTS, part, COUNTED_ATTEMPTS) - marks)


def _share(total: int, part: int, whole: int) -> int:
    return (2 * total * part + whole) // (2 * whole)


def _settle_perfect(weights: Weights, target: int) -> None:
    """Take a question from the perfect, or give the nearly perfect what they lack."""
    excess = sum(weight for sitting, weight in weights.items() if sitting.is_perfect) - target
    for sitting, weight in weights.items():
        if excess > 0 and sitting.is_perfect:
            sitting.right -= 1
            excess -= weight
    for sitting in sorted(weights, key=lambda sitting: len(sitting.questions) - sitting.right):
        if excess + weights[sitting] <= 0 and not sitting.is_perfect:
            sitting.right = len(sitting.questions)
            excess += weights[sitting]


def _settle_marks(weights: Weights, target: int) -> None:
    """Give or take single questions until the marks are right; who is perfect stays so."""
    gap = target - sum(weight * sitting.right * sitting.step for sitting, weight in weights.items())
    for sitting, weight in weights.items():
        change, worth = (1 if gap > 0 else -1), weight * sitting.step
        if abs(gap) >= worth and _can_change(sitting, change):
            sitting.right += change
            gap -= change * worth

    # What is left is less than a question: find changes of different worth that make it up.
    changes = [
        (change * weight * sitting.step, (sitting, change))
        for sitting, weight in weights.items()
        for change in (1, -1)
        if _can_change(sitting, change)
    ]
    for sitting, change in _sum_nearest(gap, changes):
        sitting.right += change


def _can_change(sitting: Sitting, change: int) -> bool:
    """Whether it stays imperfect, and right where nobody is wrong."""
    total = len(sitting.questions)
    return not sitting.is_perfect and sitting.exam.giveaways <= sitting.right + change < total


def _sum_nearest(
    goal: int, changes: list[tuple[int, tuple[Sitting, int]]]
) -> tuple[tuple[Sitting, int], ...]:
    """The first changes found whose worth adds up to the goal, or the nearest there are."""
    sums: dict[int, tuple[tuple[Sitting, int], ...]] = {0: ()}
    nearest = 0
    for worth, change in changes:
        if abs(goal - nearest) <= UNSEEN:
            break
        longer = {total + worth: (*made, change) for total, made in sums.items()}
        sums = longer | sums
        nearest = min(sums, key=lambda total: abs(goal - total))
    return sums[nearest]
