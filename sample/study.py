"""A study: which exams are taken, how many answers are correct, and when the messages arrive.

The sample repeats the published study as often as it fits, then has a part of it. The published
figures are constants here; the number of correct answers of each attempt is planned to reach them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm

from sample import clock
from sample.catalogue import Exam, Question
from sample.rng import Rng

# As published, or counted in the study's data. COUNTED are messages with counts: all but 5 test
# records. The numbers of messages, attempts, courses and redeliveries follow from `courses.csv`.
MESSAGES = 3280
COUNTED_MESSAGES, COUNTED_ATTEMPTS = 3275, 3237
PERFECT_MESSAGES, PERFECT_ATTEMPTS = 841, 827
MEAN_OF_MESSAGES, MEAN_OF_ATTEMPTS = 62_657, 62_569  # correct/total in thousandths of a per cent

# Marks are integers: a perfect attempt has FULL, which every number of questions divides.
FULL = lcm(*range(1, 11), 20)
TOLERANCE = 10  # marks: too few to change a mean's third decimal
MARKS_OF_MESSAGES = MEAN_OF_MESSAGES * COUNTED_MESSAGES * FULL // 100_000
MARKS_OF_ATTEMPTS = MEAN_OF_ATTEMPTS * COUNTED_ATTEMPTS * FULL // 100_000


@dataclass(eq=False, slots=True)
class Sitting:
    """A planned attempt."""

    exam: Exam
    questions: list[Question]
    """The most certainly correct answer first."""
    correct_count: int
    """Number of correct answers: those to the first questions."""
    arrivals: int
    """How many times its message arrives."""
    started_at: int
    """In milliseconds since 1970."""

    @property
    def is_perfect(self) -> bool:
        """Whether all answers are correct."""
        return self.correct_count == len(self.questions)

    @property
    def step(self) -> int:
        """The marks of one question."""
        return FULL // len(self.questions)


Weights = dict[Sitting, int]


def arrivals(exams: tuple[Exam, ...], study: int, messages: int, rng: Rng) -> list[Sitting]:
    """Return sittings in the order in which their messages arrive; redelivered ones repeatedly.

    Args:
        exams: the exams.
        study: number of the study, from 0; each has its own weeks.
        messages: number of messages, at most that of a whole study.
        rng: random numbers.
    """
    sittings = [_sit(exam, times, study, rng) for exam, times in _seats(exams, messages, rng)]
    _reach_targets([sitting for sitting in sittings if not sitting.exam.is_test])
    due = [
        (moment, place, sitting)
        for place, sitting in enumerate(sittings)
        for moment in clock.arrivals(sitting.started_at, sitting.arrivals, study, rng)
    ]
    return [sitting for _, _, sitting in sorted(due, key=lambda one: one[:2])]


def _seats(exams: tuple[Exam, ...], messages: int, rng: Rng) -> Iterator[tuple[Exam, int]]:
    """Yield exams, drawn from all seats of a study, and how many times each message arrives."""
    seats = [(exam, times) for exam in exams for times in exam.arrivals]
    for exam, times in rng.shuffled(seats):
        if messages:
            yield exam, min(times, messages)
            messages -= min(times, messages)


def _sit(exam: Exam, times: int, study: int, rng: Rng) -> Sitting:
    size = rng.pick(exam.sizes)
    questions = exam.questions
    if size < len(questions):
        questions = tuple(rng.shuffled(questions)[:size])
    ability = rng.gauss()
    # An answer is correct if its margin is positive.
    margins = {
        question: question.discrimination * ability - question.difficulty + rng.gauss()
        for question in questions
    }
    return Sitting(
        exam,
        questions=sorted(questions, key=margins.__getitem__, reverse=True),
        correct_count=sum(margin > 0 for margin in margins.values()),
        arrivals=times,
        started_at=clock.start(study, times > 1, rng),
    )


def _reach_targets(counted: list[Sitting]) -> None:
    """Adjust the correct answers to the published figures, in proportion to the part of a study.

    The figures of the messages are those of the attempts plus those of the redeliveries. So the
    redelivered attempts are adjusted first, weighted by their redeliveries, then the others to the
    remainder.
    """
    redelivered = {sitting: sitting.arrivals - 1 for sitting in counted if sitting.arrivals > 1}
    once = {sitting: 1 for sitting in counted if sitting.arrivals == 1}

    copies, all_copies = sum(redelivered.values()), COUNTED_MESSAGES - COUNTED_ATTEMPTS
    _settle_perfect(redelivered, _share(PERFECT_MESSAGES - PERFECT_ATTEMPTS, copies, all_copies))
    _settle_marks(redelivered, _share(MARKS_OF_MESSAGES - MARKS_OF_ATTEMPTS, copies, all_copies))

    perfect = sum(sitting.is_perfect for sitting in redelivered)
    marks = sum(sitting.correct_count * sitting.step for sitting in redelivered)
    part = len(counted)
    _settle_perfect(once, _share(PERFECT_ATTEMPTS, part, COUNTED_ATTEMPTS) - perfect)
    _settle_marks(once, _share(MARKS_OF_ATTEMPTS, part, COUNTED_ATTEMPTS) - marks)


def _share(total: int, part: int, whole: int) -> int:
    return (2 * total * part + whole) // (2 * whole)


def _settle_perfect(weights: Weights, target: int) -> None:
    """Adjust the weighted number of perfect attempts to the target."""
    excess = sum(weight for sitting, weight in weights.items() if sitting.is_perfect) - target
    for sitting, weight in weights.items():
        if excess > 0 and sitting.is_perfect:
            sitting.correct_count -= 1
            excess -= weight
    for sitting in sorted(
        weights, key=lambda sitting: len(sitting.questions) - sitting.correct_count
    ):
        if excess + weights[sitting] <= 0 and not sitting.is_perfect:
            sitting.correct_count = len(sitting.questions)
            excess += weights[sitting]


def _settle_marks(weights: Weights, target: int) -> None:
    """Adjust the weighted sum of marks to the target; perfect attempts stay perfect."""
    gap = target - sum(
        weight * sitting.correct_count * sitting.step for sitting, weight in weights.items()
    )
    for sitting, weight in weights.items():
        change, worth = (1 if gap > 0 else -1), weight * sitting.step
        if abs(gap) >= worth and _can_change(sitting, change):
            sitting.correct_count += change
            gap -= change * worth

    # The gap is now smaller than one question: combine changes of different worth.
    changes = [
        (change * weight * sitting.step, (sitting, change))
        for sitting, weight in weights.items()
        for change in (1, -1)
        if _can_change(sitting, change)
    ]
    for sitting, change in _sum_nearest(gap, changes):
        sitting.correct_count += change


def _can_change(sitting: Sitting, change: int) -> bool:
    """Return whether it stays imperfect and keeps the questions that are always correct."""
    total = len(sitting.questions)
    return (
        not sitting.is_perfect
        and sitting.exam.always_correct_count <= sitting.correct_count + change < total
    )


def _sum_nearest(
    goal: int, changes: list[tuple[int, tuple[Sitting, int]]]
) -> tuple[tuple[Sitting, int], ...]:
    """Return changes whose total worth is within TOLERANCE of the goal, or else the nearest."""
    sums: dict[int, tuple[tuple[Sitting, int], ...]] = {0: ()}
    nearest = 0
    for worth, change in changes:
        if abs(goal - nearest) <= TOLERANCE:
            break
        longer = {total + worth: (*made, change) for total, made in sums.items()}
        sums = longer | sums
        nearest = min(sums, key=lambda total: abs(goal - total))
    return sums[nearest]
