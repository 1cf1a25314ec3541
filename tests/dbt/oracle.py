"""The warehouse's figures once more, from the records, in plain Python.

It shares no code with the models and knows no Spark. A function of `QUESTIONS` or `ITEMS` is named
as the model whose rows it gives. Sums are exact (fractions); what is a double in the model is one
here, at the end.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.dbt.reading import Json, Record, is_test, iso_moment, unix_moment, validate

Row = dict[str, Any]

PASS_MARK = Fraction(70, 100)
MAX_SECONDS = 7200
MIN_ATTEMPTS = 20


@dataclass(frozen=True)
class Attempt:
    """An attempt by its canonical message, and how many there are; moments in microseconds."""

    message: Json
    messages: int
    started: int
    recorded: int

    @property
    def course(self) -> str:
        """The course's name."""
        name: str = self.message["exam_name"]
        return name

    @property
    def exam(self) -> str:
        """The exam's id."""
        exam_id: str = self.message["base_exam_id"]
        return exam_id

    @property
    def is_test(self) -> bool:
        """Whether it is a test record."""
        return is_test(self.message)

    @property
    def counts(self) -> Json:
        """The counts of the message, empty if it has none."""
        return self.message["sequences"].get("counts") or {}

    @property
    def questions(self) -> list[Json]:
        """The questions in their order."""
        found: list[Json] = self.message["sequences"]["questions"]
        return found

    @property
    def score(self) -> Fraction | None:
        """The share of questions that are answered correctly."""
        correct, total = self.counts.get("correct"), self.counts.get("total")
        return None if correct is None or not total else Fraction(correct, total)

    @property
    def seconds(self) -> Fraction | None:
        """The duration, if it is within bounds."""
        seconds = Fraction(self.recorded - self.started, 1_000_000)
        return seconds if 0 <= seconds <= MAX_SECONDS else None

    @property
    def day(self) -> date:
        """The date in UTC."""
        return date(1970, 1, 1) + timedelta(days=self.started // 86_400_000_000)


def rejections(records: Iterable[Record]) -> dict[str, int]:
    """How many records are rejected, by reason."""
    return dict(Counter(reason for r in records if (reason := validate(r.value, r.written)[0])))


def attempts(records: Iterable[Record]) -> list[Attempt]:
    """Attempts, by the earliest of their messages."""
    by_attempt: dict[str, list[Json]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (r.written, r.topic_id, r.partition, r.offset)):
        reason, message = validate(record.value, record.written)
        if reason is None:
            by_attempt[message["keen_id"]].append(message)
    return [
        Attempt(
            messages[0],
            len(messages),
            iso_moment(messages[0]["started_at"]) or 0,
            unix_moment(messages[0]["keen_timestamp"]) or 0,
        )
        for messages in by_attempt.values()
    ]


def max_attempts(message: Json) -> float | None:
    """How many attempts are allowed, if that can be read."""
    said = message.get("max_attempts")
    if said is None or not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said, re.ASCII):
        return None
    return float(said)


def core_counts(found: list[Attempt]) -> dict[str, int]:
    """How many rows each model of the core has."""
    questions = [(a.exam, q) for a in found for q in a.questions]
    options = [(exam, q["id"], o) for exam, q in questions for o in q["options"]]
    days = sorted(a.day for a in found)
    return {
        "fct_attempts": len(found),
        "fct_responses": len(questions),
        "fct_option_selections": sum(o["checked"] for _, _, o in options),
        "dim_courses": len({a.course for a in found}),
        "dim_exams": len({a.exam for a in found}),
        "dim_questions": len({(exam, q["id"]) for exam, q in questions}),
        "dim_options": len({(exam, question, o["id"]) for exam, question, o in options}),
        "dim_dates": (days[-1] - days[0]).days + 1 if days else 0,
    }


def assessments_taken(found: list[Attempt]) -> Iterator[Row]:
    tests = [a for a in found if a.is_test]
    yield _both(found) | {"test_messages": _messages(tests), "test_attempts": len(tests)}


def average_score(found: list[Attempt]) -> Iterator[Row]:
    scored = _scored(found)
    yield _both(scored) | {
        "average_over_messages": _share(
            sum(a.messages * _score(a) for a in scored), _messages(scored)
        ),
        "average_over_attempts": _share(sum(map(_score, scored)), len(scored)),
    }


def course_popularity(found: list[Attempt]) -> Iterator[Row]:
    courses = {course: _both(taken) for course, taken in _by(found, lambda a: a.course)}
    for course, counted in courses.items():
        more = sum(c["messages"] > counted["messages"] for c in courses.values())
        yield {"exam_name": course, **counted, "rank": more + 1}


def courses_assessed(found: list[Attempt]) -> Iterator[Row]:
    yield {
        "courses": len({a.course for a in found}),
        "exams": len({a.exam for a in found}),
        "test_courses": sum(
            all(a.is_test for a in taken) for _, taken in _by(found, lambda a: a.course)
        ),
    }


def unanswerable_questions(found: list[Attempt]) -> Iterator[Row]:
    certified = any(a.message.get("certification") == "true" for a in found)
    again = any(
        (max_attempts(a.message) or 0) > 1 or (a.message["sequences"].get("attempt") or 0) > 1
        for a in found
    )
    yield {"question_id": "certification_uptake", "is_measurable": certified}
    yield {"question_id": "repeat_attempts", "is_measurable": again}


def most_common_course(found: list[Attempt]) -> Iterator[Row]:
    row: Row = {}
    courses = list(course_popularity(found))
    for unit in ("messages", "attempts"):
        most = max((c[unit] for c in courses), default=None)
        names = sorted(c["exam_name"] for c in courses if c[unit] == most)
        row |= {unit: most, f"course_by_{unit}": " / ".join(names) or None}
    yield row


def perfect_scores(found: list[Attempt]) -> Iterator[Row]:
    yield _part(
        [a for a in found if a.counts.get("all_correct")],
        [a for a in found if a.counts.get("all_correct") is not None],
    )


def perfect_scores_by_course(found: list[Attempt]) -> Iterator[Row]:
    counted = [a for a in found if a.counts.get("all_correct") is not None]
    for course, taken in _by(counted, lambda a: a.course):
        whole = {"all_messages": _messages(taken), "all_attempts": len(taken)}
        yield {"exam_name": course} | next(perfect_scores(taken)) | whole


def least_common_courses(found: list[Attempt]) -> Iterator[Row]:
    courses = list(course_popularity(found))
    for c in courses:
        ranks = {
            f"rank_by_{unit}": 1 + sum(other[unit] < c[unit] for other in courses)
            for unit in ("messages", "attempts")
        }
        if min(ranks.values()) <= 10:
            yield {k: c[k] for k in ("exam_name", "messages", "attempts")} | ranks


def courses_per_exam(found: list[Attempt]) -> Iterator[Row]:
    exams = {course: {a.exam for a in taken} for course, taken in _by(found, lambda a: a.course)}
    for exam, taken in _by(found, lambda a: a.exam):
        names = {a.course for a in taken}
        yield _both(taken) | {
            "base_exam_id": exam,
            "courses": len(names),
            "exam_names": " / ".join(sorted(names)),
            "exams_of_the_course": max(len(exams[name]) for name in names),
        }


def attempts_by_hour(found: list[Attempt]) -> Iterator[Row]:
    for hour in range(24):
        begun = [a for a in found if a.started // 3_600_000_000 % 24 == hour]
        yield {"hour_of_day": hour} | _both(begun)


def attempts_by_weekday(found: list[Attempt]) -> Iterator[Row]:
    for weekday in range(1, 8):
        yield {"iso_weekday": weekday} | _both([a for a in found if a.day.isoweekday() == weekday])


def attempts_by_date(found: list[Attempt]) -> Iterator[Row]:
    days = Counter(a.day for a in found)
    by_messages = Counter({d: _messages(taken) for d, taken in _by(found, lambda a: a.day)})
    for n in range((max(days) - min(days)).days + 1 if days else 0):
        day = min(days) + timedelta(days=n)
        yield {"date_day": day.isoformat(), "messages": by_messages[day], "attempts": days[day]}


def score_distribution(found: list[Attempt]) -> Iterator[Row]:
    scored = _scored(found)
    for number in range(11):
        inside = [a for a in scored if math.floor(_score(a) * 10) == number]
        yield {"bin": number, "score_from": number / 10} | _part(inside, scored)


def score_distribution_by_course(found: list[Attempt]) -> Iterator[Row]:
    for course, taken in _by(_scored(found), lambda a: a.course):
        for row in score_distribution(taken):
            yield {"exam_name": course} | row


def below_pass_mark(found: list[Attempt]) -> Iterator[Row]:
    scored = _scored(found)
    below = [a for a in scored if _score(a) < PASS_MARK]
    yield {"pass_mark": float(PASS_MARK)} | _part(below, scored)


def unanswered_by_course(found: list[Attempt]) -> Iterator[Row]:
    counted = [a for a in found if a.counts.get("total") is not None]
    for course, taken in _by(counted, lambda a: a.course):
        row: Row = {"exam_name": course}
        for unit in ("messages", "attempts"):
            whole = 0
            for name, field in (
                ("questions", "total"),
                ("unanswered", "unanswered"),
                ("incomplete", "incomplete"),
            ):
                count = sum(
                    a.counts[field] * (a.messages if unit == "messages" else 1) for a in taken
                )
                whole = whole or count
                row[f"{name}_{unit}"] = count
                if name != "questions":
                    row[f"{name}_share_of_{unit}"] = _share(count, whole)
        yield row


def time_to_finish(found: list[Attempt]) -> Iterator[Row]:
    timed = [a for a in found if a.seconds is not None]
    seconds = sorted(a.seconds or Fraction(0) for a in timed)
    repeated = sorted(a.seconds or Fraction(0) for a in timed for _ in range(a.messages))
    yield _both(timed) | {
        "attempts_without_duration": len(found) - len(timed),
        "median_seconds_of_attempts": _percentile(seconds, Fraction(1, 2)),
        "median_seconds_of_messages": _percentile(repeated, Fraction(1, 2)),
        "lower_quartile_seconds": _percentile(seconds, Fraction(1, 4)),
        "upper_quartile_seconds": _percentile(seconds, Fraction(3, 4)),
        "ninth_decile_seconds": _percentile(seconds, Fraction(9, 10)),
    }


def time_to_finish_by_course(found: list[Attempt]) -> Iterator[Row]:
    for course, taken in _by(found, lambda a: a.course):
        yield {"exam_name": course} | next(time_to_finish(taken))


def course_difficulty(found: list[Attempt]) -> Iterator[Row]:
    courses = {
        course: taken
        for course, taken in _by(_scored(found), lambda a: a.course)
        if len(taken) >= MIN_ATTEMPTS
    }
    means = {c: sum(map(_score, taken)) / len(taken) for c, taken in courses.items()}
    for course, taken in courses.items():
        n, mean = len(taken), means[course]
        variance = sum((_score(a) - mean) ** 2 for a in taken) / (n - 1)
        half = 1.96 * math.sqrt(variance / n)
        yield _both(taken) | {
            "exam_name": course,
            "mean_score": float(mean),
            "mean_score_of_messages": _share(
                sum(a.messages * _score(a) for a in taken), _messages(taken)
            ),
            "mean_score_ci_lower": max(float(mean) - half, 0.0),
            "mean_score_ci_upper": min(float(mean) + half, 1.0),
            "difficulty_rank": 1 + sum(other < mean for other in means.values()),
            "facility_rank": 1 + sum(other > mean for other in means.values()),
        }


def below_pass_mark_by_course(found: list[Attempt]) -> Iterator[Row]:
    for course, taken in _by(_scored(found), lambda a: a.course):
        row = next(below_pass_mark(taken))
        whole = {"all_messages": _messages(taken), "all_attempts": len(taken)}
        interval = _wilson("share_of_attempts", row["attempts"], len(taken))
        yield {"exam_name": course} | row | whole | interval


def question_difficulty(found: list[Attempt]) -> Iterator[Row]:
    responses: dict[tuple[str, str], list[tuple[int, Json]]] = defaultdict(list)
    names: dict[str, tuple[int, str]] = {}
    for a in found:
        names[a.exam] = max(names.get(a.exam, (a.started, a.course)), (a.started, a.course))
        if not a.is_test:
            for q in a.questions:
                responses[a.exam, q["id"]].append((a.messages, q))
    for (exam, question), given in responses.items():
        results = Counter(q["user_result"] for _, q in given)
        options = {(o["id"], bool(o.get("correct"))) for _, q in given for o in q["options"]}
        messages = sum(count for count, _ in given)
        correct = sum(count for count, q in given if q["user_result"] == "correct")
        yield {
            "base_exam_id": exam,
            "exam_name": names[exam][1],
            "question_id": question,
            "option_count": len({option for option, _ in options}),
            "is_multiple_response": sum(is_correct for _, is_correct in options) > 1,
            "responses_of_messages": messages,
            "responses": len(given),
            "correct_responses_of_messages": correct,
            "correct_responses": results["correct"],
            "incomplete_responses": results["missed_some"],
            "unanswered_responses": results["unanswered"],
            "share_correct_of_messages": _share(correct, messages),
            "share_correct": _share(results["correct"], len(given)),
        } | _wilson("share_correct", results["correct"], len(given))


def option_selection_rates(found: list[Attempt]) -> Iterator[Row]:
    shown: dict[tuple[str, str, str], list[tuple[int, Json]]] = defaultdict(list)
    for a in found:
        for q in a.questions:
            for o in q["options"]:
                if not a.is_test:
                    shown[a.exam, q["id"], o["id"]].append((a.messages, o))
    for (exam, question, option), given in shown.items():
        selected = [messages for messages, o in given if o["checked"]]
        yield {
            "base_exam_id": exam,
            "question_id": question,
            "option_id": option,
            "is_correct": any(o.get("correct") for _, o in given),
            "responses_of_messages": sum(messages for messages, _ in given),
            "responses": len(given),
            "selections_of_messages": sum(selected),
            "selections": len(selected),
            "selection_share": _share(len(selected), len(given)),
        } | _wilson("selection_share", len(selected), len(given))


def raw_score_distribution(found: list[Attempt]) -> Iterator[Row]:
    for (course, total), taken in _by(_scored(found), lambda a: (a.course, a.counts["total"])):
        for correct in range(total + 1):
            reached = [a for a in taken if a.counts["correct"] == correct]
            row = {"exam_name": course, "question_count": total, "correct_count": correct}
            yield row | _both(reached)


def questions_always_correct(found: list[Attempt]) -> Iterator[Row]:
    responses: dict[tuple[str, str], list[tuple[int, Json]]] = defaultdict(list)
    for a in found:
        for q in a.questions:
            if not a.is_test:
                responses[a.exam, q["id"]].append((a.messages, q.get("user_correct")))
    for (exam, question), given in responses.items():
        known = [correct for _, correct in given if correct is not None]
        if known and all(known):
            yield {
                "base_exam_id": exam,
                "question_id": question,
                "responses_of_messages": sum(messages for messages, _ in given),
                "responses": len(given),
                "error_rate_upper_95": 1 - 0.05 ** (1 / len(given)),
            }


def message_redeliveries(found: list[Attempt]) -> Iterator[Row]:
    for times, came in _by(found, lambda a: a.messages):
        both = _both(came)
        yield both | {"message_count": times, "redeliveries": both["messages"] - both["attempts"]}


QUESTIONS: tuple[Callable[[list[Attempt]], Iterator[Row]], ...] = (
    assessments_taken,
    attempts_by_date,
    attempts_by_hour,
    attempts_by_weekday,
    average_score,
    below_pass_mark,
    below_pass_mark_by_course,
    course_difficulty,
    course_popularity,
    courses_assessed,
    courses_per_exam,
    least_common_courses,
    unanswerable_questions,
    most_common_course,
    perfect_scores,
    perfect_scores_by_course,
    questions_always_correct,
    message_redeliveries,
    score_distribution,
    score_distribution_by_course,
    time_to_finish,
    time_to_finish_by_course,
    unanswered_by_course,
)
ITEMS: tuple[Callable[[list[Attempt]], Iterator[Row]], ...] = (
    option_selection_rates,
    question_difficulty,
    raw_score_distribution,
)


def _messages(found: Iterable[Attempt]) -> int:
    return sum(a.messages for a in found)


def _both(found: list[Attempt]) -> Row:
    return {"messages": _messages(found), "attempts": len(found)}


def _part(part: list[Attempt], whole: list[Attempt]) -> Row:
    return _both(part) | {
        "share_of_messages": _share(_messages(part), _messages(whole)),
        "share_of_attempts": _share(len(part), len(whole)),
    }


def _share(part: Fraction | int, whole: int) -> float | None:
    return float(Fraction(part) / whole) if whole else None


def _wilson(name: str, part: int, whole: int) -> Row:
    """The ends of the 95 % interval of a share, as Wilson's paper has them."""
    z, p = 1.96, part / whole
    center = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + (z / (2 * whole)) ** 2) / (1 + z * z / whole)
    return {f"{name}_ci_lower": center - half, f"{name}_ci_upper": center + half}


def _scored(found: list[Attempt]) -> list[Attempt]:
    return [a for a in found if a.score is not None]


def _score(attempt: Attempt) -> Fraction:
    assert attempt.score is not None
    return attempt.score


def _by(found: list[Attempt], key: Callable[[Attempt], Any]) -> list[tuple[Any, list[Attempt]]]:
    groups: dict[Any, list[Attempt]] = defaultdict(list)
    for a in found:
        groups[key(a)].append(a)
    return list(groups.items())


def _percentile(values: list[Fraction], share: Fraction) -> float | None:
    """Between the two nearest values, as far as the share lies between their places."""
    if not values:
        return None
    place = share * (len(values) - 1)
    low = values[math.floor(place)]
    return float(low + (values[math.ceil(place)] - low) * (place - math.floor(place)))
