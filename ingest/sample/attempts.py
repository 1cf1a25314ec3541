"""An attempt as the message that reports it: ticks, results, counts and clocks, as JSON.

Text is put together directly, for speed: all of it but the course's name is ours and plain.
"""

from collections.abc import Set as AbstractSet

from ingest.sample import clock
from ingest.sample.catalogue import Exam, Option, Question
from ingest.sample.chance import Chance
from ingest.sample.study import Sitting

# Probabilities.
GIVES_UP = 0.125  # of an attempt: leaves most of what it does not know
LEAVES = 0.75  # of such an attempt, for a question it does not know
MISSES_SOME = 0.57  # of a question with several right options: no wrong one is ticked
FINDS = 0.6  # of each right option, beside a wrong one
CHANGES_MIND = 0.03  # of each option that is not ticked: it was, for a while
NOT_SAID = 0.04  # of an attempt: nothing about certification

# What comes before and after the options of a question, by its result; %s is the question's id.
AROUND_OPTIONS = {
    result: (
        f'{{"user_incomplete":{incomplete},"user_correct":{correct},"options":[',
        f'],"user_submitted":{submitted},"id":"%s","user_result":"{result}"}}',
    )
    for result, incomplete, correct, submitted in (
        ("correct", "false", "true", "true"),
        ("incorrect", "false", "false", "true"),
        ("missed_some", "true", "false", "true"),
        ("unanswered", "false", "false", "false"),
    )
}
AROUND_TEST_OPTIONS = '{"options":[', '],"id":"%s"}'


def render(sitting: Sitting, chance: Chance) -> bytes:
    """The message of an attempt: compact JSON in UTF-8, keys in the order of the real export."""
    exam = sitting.exam
    known = set(sitting.questions[: sitting.right])
    gives_up = chance.uniform() < GIVES_UP
    skew = clock.skew(chance)
    span = clock.duration(len(sitting.questions), chance) // len(sitting.questions)
    opened = last_click = sitting.started_at + skew
    questions, results = [], []
    for question in _in_order(sitting, chance):
        ticks = question.key if question in known else _ticks(question, gives_up, chance)
        result = _result(question, ticks)
        before, after = AROUND_TEST_OPTIONS if exam.is_test else AROUND_OPTIONS[result]
        options, clicked_at = _options(question, ticks, exam, opened, span, chance)
        questions.append(f"{before}{options}{after % question.id}")
        results.append(result)
        last_click = max(last_click, clicked_at)
        opened += span
    sent_at = last_click - skew + clock.time_to_send(chance)
    keen_timestamp = clock.unix_seconds(sent_at, chance)
    certification = "null" if chance.uniform() < NOT_SAID else '"false"'
    return (
        f'{{"keen_timestamp":"{keen_timestamp}","max_attempts":"1.0",'
        f'"started_at":"{clock.iso(sitting.started_at)}","base_exam_id":"{exam.id}",'
        f'"user_exam_id":"{chance.uuid()}",'
        f'"sequences":{_sequences(exam, ",".join(questions), results)},'
        f'"keen_created_at":"{keen_timestamp}","certification":{certification},'
        f'"keen_id":"{_keen_id(sent_at, chance)}","exam_name":{exam.course_json}}}'
    ).encode()


def _in_order(sitting: Sitting, chance: Chance) -> list[Question]:
    if sitting.exam.is_shuffled:
        return chance.shuffled(sitting.questions)
    return [question for question in sitting.exam.questions if question in sitting.questions]


def _ticks(question: Question, gives_up: bool, chance: Chance) -> AbstractSet[Option]:
    """Ticks that are not the key: none, only right ones, or at least one that is wrong."""
    if gives_up and chance.uniform() < LEAVES:
        return frozenset()
    if len(question.right) == 1:  # only one can be ticked
        return {chance.pick(question.lures)}
    if chance.uniform() < MISSES_SOME:
        found = 1 + int(chance.uniform() * (len(question.right) - 1))
        return set(chance.shuffled(question.right)[:found])
    wrong = {chance.pick(question.lures), chance.pick(question.lures)}
    return wrong | {option for option in question.right if chance.uniform() < FINDS}


def _result(question: Question, ticks: AbstractSet[Option]) -> str:
    if not ticks:
        return "unanswered"
    if ticks == question.key:
        return "correct"
    return "missed_some" if ticks < question.key else "incorrect"


def _options(
    question: Question,
    ticks: AbstractSet[Option],
    exam: Exam,
    opened: int,
    span: int,
    chance: Chance,
) -> tuple[str, int]:
    """The options as JSON, and when one was last clicked, `opened` if none was."""
    uniform = chance.uniform
    last_click = opened
    parts = []
    for option in chance.shuffled(question.options) if exam.is_shuffled else question.options:
        is_ticked = option in ticks
        if is_ticked or uniform() < CHANGES_MIND:
            clicked_at = opened + int(uniform() * span)
            last_click = max(last_click, clicked_at)
            rest = option.submitted if is_ticked and not exam.is_test else option.clicked
            checked = "true" if is_ticked else "false"
            parts.append(f'{{"checked":{checked},"at":"{clock.iso(clicked_at)}",{rest}')
        else:
            parts.append(option.untouched)
    return ",".join(parts), last_click


def _sequences(exam: Exam, questions: str, results: list[str]) -> str:
    if exam.is_test:
        return f'{{"attempt":1,"id":"{exam.sequence_id}","questions":[{questions}]}}'
    total, correct, unanswered = len(results), results.count("correct"), results.count("unanswered")
    all_correct = "true" if correct == total else "false"
    return (
        f'{{"questions":[{questions}],"attempt":1,"id":"{exam.sequence_id}",'
        f'"counts":{{"incomplete":{results.count("missed_some")},'
        f'"submitted":{total - unanswered},"incorrect":{results.count("incorrect")},'
        f'"all_correct":{all_correct},"correct":{correct},"total":{total},'
        f'"unanswered":{unanswered}}}}}'
    )


def _keen_id(moment: int, chance: Chance) -> str:
    """Like a MongoDB ObjectId: the seconds, which start over in 2106, a machine and a counter."""
    seconds = moment // clock.SECOND % 2**32
    return f"{seconds:08x}{chance.bits(24):06x}0001{chance.bits(24):06x}"
