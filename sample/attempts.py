"""Render an attempt as a JSON message: selections, results, counts and timestamps.

The JSON text is concatenated directly, for speed: only the course's name needs escaping.
"""

from collections.abc import Set as AbstractSet

from sample import clock
from sample.catalogue import Exam, Option, Question
from sample.rng import Rng
from sample.study import Sitting

# Probabilities.
P_LOW_EFFORT = 0.125  # of an attempt: it omits most questions that it does not know
P_OMIT = 0.75  # of a question that such an attempt does not know
P_MISSES_SOME = 0.57  # of a multiple-response question: no distractor is selected
P_SELECTS_CORRECT = 0.6  # of each correct option, if a distractor is selected
P_CHANGES_MIND = 0.03  # of each unselected option: it was selected for a while
P_NO_CERTIFICATION = 0.04  # of an attempt: the field is null

# The JSON before and after the options of a question, by its result; %s is the question's id.
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


def render(sitting: Sitting, rng: Rng) -> bytes:
    """Return the message of an attempt: compact JSON in UTF-8, keys as in the real export."""
    exam = sitting.exam
    known = set(sitting.questions[: sitting.correct_count])
    is_low_effort = rng.uniform() < P_LOW_EFFORT
    skew = clock.skew(rng)
    span = clock.duration(len(sitting.questions), rng) // len(sitting.questions)
    opened = last_click = sitting.started_at + skew
    questions, results = [], []
    for question in _in_order(sitting, rng):
        selected = question.key if question in known else _selections(question, is_low_effort, rng)
        result = _result(question, selected)
        before, after = AROUND_TEST_OPTIONS if exam.is_test else AROUND_OPTIONS[result]
        options, clicked_at = _options(question, selected, exam, opened, span, rng)
        questions.append(f"{before}{options}{after % question.id}")
        results.append(result)
        last_click = max(last_click, clicked_at)
        opened += span
    sent_at = last_click - skew + clock.time_to_send(rng)
    keen_timestamp = clock.unix_seconds(sent_at, rng)
    certification = "null" if rng.uniform() < P_NO_CERTIFICATION else '"false"'
    return (
        f'{{"keen_timestamp":"{keen_timestamp}","max_attempts":"1.0",'
        f'"started_at":"{clock.iso(sitting.started_at)}","base_exam_id":"{exam.id}",'
        f'"user_exam_id":"{rng.uuid()}",'
        f'"sequences":{_sequences(exam, ",".join(questions), results)},'
        f'"keen_created_at":"{keen_timestamp}","certification":{certification},'
        f'"keen_id":"{_keen_id(sent_at, rng)}","exam_name":{exam.course_json}}}'
    ).encode()


def _in_order(sitting: Sitting, rng: Rng) -> list[Question]:
    if sitting.exam.is_shuffled:
        return rng.shuffled(sitting.questions)
    return [question for question in sitting.exam.questions if question in sitting.questions]


def _selections(question: Question, is_low_effort: bool, rng: Rng) -> AbstractSet[Option]:
    """Return a selection other than the key: none, only correct options, or with a distractor."""
    if is_low_effort and rng.uniform() < P_OMIT:
        return frozenset()
    if len(question.correct) == 1:  # only one can be selected
        return {rng.pick(question.distractors)}
    if rng.uniform() < P_MISSES_SOME:
        found = 1 + int(rng.uniform() * (len(question.correct) - 1))
        return set(rng.shuffled(question.correct)[:found])
    wrong = {rng.pick(question.distractors), rng.pick(question.distractors)}
    return wrong | {option for option in question.correct if rng.uniform() < P_SELECTS_CORRECT}


def _result(question: Question, selected: AbstractSet[Option]) -> str:
    if not selected:
        return "unanswered"
    if selected == question.key:
        return "correct"
    return "missed_some" if selected < question.key else "incorrect"


def _options(
    question: Question,
    selected: AbstractSet[Option],
    exam: Exam,
    opened: int,
    span: int,
    rng: Rng,
) -> tuple[str, int]:
    """Return the options as JSON, and the time of the last click (`opened` if there is none)."""
    uniform = rng.uniform
    last_click = opened
    parts = []
    for option in rng.shuffled(question.options) if exam.is_shuffled else question.options:
        is_selected = option in selected
        if is_selected or uniform() < P_CHANGES_MIND:
            clicked_at = opened + int(uniform() * span)
            last_click = max(last_click, clicked_at)
            rest = option.submitted if is_selected and not exam.is_test else option.clicked
            checked = "true" if is_selected else "false"
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


def _keen_id(moment: int, rng: Rng) -> str:
    """Return an id like a MongoDB ObjectId: seconds modulo 2**32, a machine and a counter."""
    seconds = moment // clock.SECOND % 2**32
    return f"{seconds:08x}{rng.bits(24):06x}0001{rng.bits(24):06x}"
