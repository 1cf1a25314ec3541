"""The figures that each page must show, from SQL of the tests' own."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page

from tests.dashboard.browser import COURSE
from tests.end_to_end.warehouse import Row, rows_of_each

# As Spark writes a timestamp into JSON.
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"


@dataclass(frozen=True)
class Figures:
    """Figures of one mart.

    Attributes:
        name: of the mart, as the page names it.
        key: the columns that name a row.
        columns: of the figures.
        sql: selects both.
        noun: what is counted, if the page names it with the figure.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    sql: str
    noun: str = ""


def of_course(exam_name: str) -> tuple[Figures, ...]:
    """The figures of the page of one course."""
    course = "'" + exam_name.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return (
        Figures(
            "course_popularity",
            ("exam_name",),
            ("attempts", "messages"),
            "select exam_name, count(*) as attempts, sum(message_count) as messages "
            f"from core.fct_attempts where exam_name = {course} group by exam_name",
        ),
        Figures(
            "course_difficulty",
            ("exam_name",),
            ("mean_score", "attempts"),
            "select exam_name, mean_score, attempts from questions.course_difficulty "
            f"where attempts >= 10 and exam_name = {course}",
        ),
        Figures(
            "below_pass_mark_by_course",
            ("exam_name",),
            ("share_of_attempts", "all_attempts"),
            "select exam_name, share_of_attempts, all_attempts "
            "from questions.below_pass_mark_by_course "
            f"where all_attempts >= 10 and exam_name = {course}",
        ),
        Figures(
            "time_to_finish_by_course",
            ("exam_name",),
            (
                *("attempts", "lower_quartile_seconds", "median_seconds_of_attempts"),
                *("upper_quartile_seconds", "ninth_decile_seconds"),
            ),
            "select * from questions.time_to_finish_by_course "
            f"where attempts >= 10 and exam_name = {course}",
        ),
        Figures(
            "unanswered_by_course",
            ("exam_name",),
            (
                *("questions_attempts", "unanswered_share_of_attempts"),
                "incomplete_share_of_attempts",
            ),
            "select * from questions.unanswered_by_course "
            f"where questions_attempts >= 10 and exam_name = {course}",
        ),
        Figures(
            "raw_score_distribution",
            ("question_count", "correct_count"),
            ("attempts", "messages"),
            "select question_count, correct_count, attempts, messages "
            f"from items.raw_score_distribution where exam_name = {course}",
        ),
        Figures(
            "question_difficulty",
            ("base_exam_id", "question_id"),
            ("responses", "share_correct", "incomplete_responses", "unanswered_responses"),
            "select * from items.question_difficulty "
            f"where responses >= 10 and exam_name = {course}",
        ),
        Figures(
            "option_selection_rates",
            ("base_exam_id", "question_id", "option_id"),
            ("selections",),
            "select base_exam_id, question_id, option_id, selections "
            "from items.option_selection_rates join items.question_difficulty "
            f"using (base_exam_id, question_id) where exam_name = {course}",
        ),
        Figures(
            "option_selection_rates",
            ("base_exam_id", "question_id", "option_id"),
            ("selection_share",),
            "select base_exam_id, question_id, option_id, selection_share "
            "from items.option_selection_rates join items.question_difficulty as questions "
            "using (base_exam_id, question_id) "
            f"where questions.responses >= 10 and exam_name = {course}",
        ),
    )


PAGES: dict[str, tuple[Figures, ...]] = {
    "/": (
        Figures(
            "answers",
            ("question_id",),
            ("answer_attempts", "answer_messages"),
            "select * from questions.answers where answer_attempts != 'not measurable'",
        ),
        Figures(
            "answers",
            ("question_id",),
            ("answer_attempts",),
            "select * from questions.answers where answer_attempts = 'not measurable'",
        ),
        Figures(
            "score_distribution",
            ("bin",),
            ("attempts", "messages", "share_of_attempts"),
            "select bin, attempts, messages, share_of_attempts from questions.score_distribution",
        ),
        Figures(
            "below_pass_mark",
            (),
            ("attempts", "share_of_attempts"),
            "select attempts, share_of_attempts from questions.below_pass_mark",
        ),
        Figures(
            "time_to_finish",
            (),
            (
                *("attempts", "attempts_without_duration", "median_seconds_of_attempts"),
                *("lower_quartile_seconds", "upper_quartile_seconds"),
            ),
            "select * from questions.time_to_finish",
        ),
    ),
    "/courses": (
        Figures(
            *("course_popularity", (), ("attempts",)),
            "select count(*) as attempts from core.fct_attempts",
            "attempt",
        ),
        Figures(
            "course_popularity",
            ("exam_name",),
            ("attempts", "messages"),
            "select exam_name, count(*) as attempts, sum(message_count) as messages "
            "from core.fct_attempts group by exam_name",
        ),
        Figures(
            "course_difficulty",
            ("exam_name",),
            ("mean_score", "attempts"),
            "select * from questions.course_difficulty where attempts >= 10",
        ),
        Figures(
            "below_pass_mark_by_course",
            ("exam_name",),
            ("share_of_attempts", "all_attempts"),
            "select * from questions.below_pass_mark_by_course where all_attempts >= 10",
        ),
        Figures(
            "question_difficulty",
            ("base_exam_id", "question_id"),
            ("responses", "share_correct"),
            "select * from items.question_difficulty where responses >= 10 "
            "order by share_correct, base_exam_id, question_id limit 15",
        ),
    ),
    "/course?exam=Learning%20Git": of_course(COURSE),
    "/activity": (
        Figures(
            *("attempts_by_date", (), ("attempts",)),
            "select count(*) as attempts from core.fct_attempts",
            "attempt",
        ),
        Figures(
            "attempts_by_date",
            ("date_day",),
            ("attempts", "messages"),
            "select * from questions.attempts_by_date",
        ),
        Figures(
            "attempts_by_weekday",
            ("iso_weekday",),
            ("attempts", "messages"),
            "select weekday(started_at) + 1 as iso_weekday, count(*) as attempts, "
            "sum(message_count) as messages from core.fct_attempts group by 1",
        ),
        Figures(
            "attempts_by_hour",
            ("hour_of_day",),
            ("attempts", "messages"),
            "select * from questions.attempts_by_hour",
        ),
    ),
    "/pipeline": (
        Figures(
            *("ingest_lag", (), ("lag_offsets",)),
            "select sum(lag_offsets) as lag_offsets from operations.ingest_lag",
            "offset",
        ),
        Figures(
            *("reconciliation", (), ("raw_rows",)),
            "select count(*) as raw_rows from raw.assess",
            "record",
        ),
        Figures(
            *("rejections_by_reason", (), ("messages",)),
            "select count(*) as messages from staging.stg_assess__rejected_messages",
        ),
        Figures(
            "freshness",
            ("step",),
            ("newest_at", "seconds_old"),
            f'select step, date_format(newest_at, "{ISO}") as newest_at, seconds_old '
            "from operations.freshness",
        ),
        Figures(
            "ingest_lag",
            ("topic", "topic_id", "partition"),
            ("batch_id", "next_offset", "lag_offsets", "committed_at"),
            "select topic, topic_id, partition, batch_id, next_offset, lag_offsets, "
            f'date_format(committed_at, "{ISO}") as committed_at from operations.ingest_lag',
        ),
        Figures(
            "rejections_by_reason",
            ("reason",),
            ("messages", "share_of_rejected"),
            "select * from operations.rejections_by_reason where messages > 0",
        ),
        Figures(
            "reconciliation",
            ("status",),
            (
                *("logged_rows", "raw_rows", "staged_rows", "rejected_rows"),
                *("flattened_rows", "duplicate_rows"),
            ),
            "select status, sum(logged_rows) as logged_rows, sum(raw_rows) as raw_rows, "
            "sum(staged_rows) as staged_rows, sum(rejected_rows) as rejected_rows, "
            "sum(flattened_rows) as flattened_rows, sum(duplicate_rows) as duplicate_rows "
            "from operations.reconciliation group by status",
        ),
        Figures(
            "audit_failures",
            ("test_name", "rule"),
            ("failing_rows",),
            "select test_name, rule, count(*) as failing_rows from operations.audit_failures "
            "group by test_name, rule",
        ),
    ),
}


def expected(figures: tuple[Figures, ...]) -> dict[str, str]:
    """What a page must show: the text of each figure by its name."""
    found: dict[str, str] = {}
    for each, rows in zip(figures, rows_of_each([f.sql for f in figures]), strict=True):
        for row in rows:
            for column in each.columns:
                text = written(column, row[column])
                noun = f" {each.noun}{'' if text == '1' else 's'}" if each.noun else ""
                found[_name(each, column, row)] = text + noun
    return found


def _name(figures: Figures, column: str, row: Row) -> str:
    return "-".join([f"figure-{figures.name}.{column}", *(str(row[k]) for k in figures.key)])


def shown(page: Page) -> dict[str, str]:
    """What a page shows: the text of each figure by its name."""
    found: dict[str, str] = {}
    for name, text in page.locator('[data-testid^="figure-"]').evaluate_all(
        "all => all.map(one => [one.dataset.testid, one.textContent])"
    ):
        assert found.setdefault(name, text) == text, f"{name} is {found[name]!r} and {text!r}"
    return found


def written(column: str, value: Any) -> str:
    """How a page writes a value."""
    if value is None:
        return "none"
    if isinstance(value, str) and not column.endswith("_at"):
        return value
    if column.endswith("_at"):
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")
    if "seconds" in column:
        return duration(math.floor(float(value) + 0.5))
    if re.search("share|mean", column):
        return f"{float(value) * 100:.1f} %"
    return f"{int(value):,}"


def duration(seconds: int) -> str:
    """The two largest units."""
    days, hours = divmod(seconds // 3600, 24)
    minutes = seconds // 60 % 60
    if days:
        return f"{days:,} day{'s' if days > 1 else ''} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
