"""All statements of the dashboard. They read published marts, and nothing else.

The name of a query is the name of its mart in the figures of a page: the element
`figure-course_popularity.attempts-Learning Git` shows the column `attempts` of the row of Learning
Git. A query that selects one course has the parameter `exam`.
"""

import re
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
# No rate is shown of fewer attempts or responses: its interval would be wider than half of all
# possible values.
MIN_RESPONSES = 10
HARDEST_QUESTIONS = 15


@dataclass(frozen=True)
class Query:
    """One statement.

    Args:
        name: name of the mart without its schema.
        key: the columns whose values name a row; none for a mart of one row.
        sql: the statement.
    """

    name: str
    key: tuple[str, ...]
    sql: str

    @property
    def marts(self) -> frozenset[str]:
        """The marts that it reads, with their schemas."""
        return frozenset(re.findall(r"(?:from|join) (\w+\.\w+)", self.sql))


ANSWERS = Query(
    "answers",
    ("question_id",),
    """
select
    position,
    question_id,
    question,
    answer_messages,
    answer_attempts,
    unit,
    definition
from questions.answers
""",
)

SCORE_DISTRIBUTION = Query(
    "score_distribution",
    ("bin",),
    """
select bin, attempts, messages, share_of_attempts
from questions.score_distribution
""",
)

BELOW_PASS_MARK = Query(
    "below_pass_mark",
    (),
    """
select pass_mark, attempts, messages, share_of_attempts, share_of_messages
from questions.below_pass_mark
""",
)

TIME_TO_FINISH = Query(
    "time_to_finish",
    (),
    """
select
    attempts,
    attempts_without_duration,
    median_seconds_of_attempts,
    lower_quartile_seconds,
    upper_quartile_seconds
from questions.time_to_finish
""",
)

COURSE_POPULARITY = Query(
    "course_popularity",
    ("exam_name",),
    """
select exam_name, attempts, messages, rank
from questions.course_popularity
""",
)

COURSE_DIFFICULTY = Query(
    "course_difficulty",
    ("exam_name",),
    f"""
select
    exam_name,
    attempts,
    mean_score,
    mean_score_ci_lower,
    mean_score_ci_upper,
    difficulty_rank
from questions.course_difficulty
where attempts >= {MIN_RESPONSES}
""",
)

BELOW_PASS_MARK_BY_COURSE = Query(
    "below_pass_mark_by_course",
    ("exam_name",),
    f"""
select
    exam_name,
    pass_mark,
    attempts,
    all_attempts,
    share_of_attempts,
    share_of_attempts_ci_lower,
    share_of_attempts_ci_upper
from questions.below_pass_mark_by_course
where all_attempts >= {MIN_RESPONSES}
""",
)

HARDEST_QUESTIONS_OF_ALL = Query(
    "question_difficulty",
    ("base_exam_id", "question_id"),
    f"""
select
    base_exam_id,
    question_id,
    exam_name,
    responses,
    share_correct,
    share_correct_ci_lower,
    share_correct_ci_upper
from items.question_difficulty
where responses >= {MIN_RESPONSES}
order by share_correct, base_exam_id, question_id
limit {HARDEST_QUESTIONS}
""",
)

DIFFICULTY_OF_COURSE = Query(
    "course_difficulty", ("exam_name",), COURSE_DIFFICULTY.sql + "and exam_name = %(exam)s\n"
)

BELOW_PASS_MARK_OF_COURSE = Query(
    "below_pass_mark_by_course",
    ("exam_name",),
    BELOW_PASS_MARK_BY_COURSE.sql + "and exam_name = %(exam)s\n",
)

RAW_SCORES_OF_COURSE = Query(
    "raw_score_distribution",
    ("question_count", "correct_count"),
    """
select question_count, correct_count, attempts, messages
from items.raw_score_distribution
where exam_name = %(exam)s
""",
)

TIME_TO_FINISH_OF_COURSE = Query(
    "time_to_finish_by_course",
    ("exam_name",),
    """
select
    exam_name,
    attempts,
    attempts_without_duration,
    median_seconds_of_attempts,
    lower_quartile_seconds,
    upper_quartile_seconds,
    ninth_decile_seconds
from questions.time_to_finish_by_course
where exam_name = %(exam)s
""",
)

UNANSWERED_OF_COURSE = Query(
    "unanswered_by_course",
    ("exam_name",),
    """
select
    exam_name,
    questions_attempts,
    unanswered_attempts,
    incomplete_attempts,
    unanswered_share_of_attempts,
    incomplete_share_of_attempts
from questions.unanswered_by_course
where exam_name = %(exam)s
""",
)

QUESTIONS_OF_COURSE = Query(
    "question_difficulty",
    ("base_exam_id", "question_id"),
    """
select
    base_exam_id,
    question_id,
    option_count,
    is_multiple_response,
    responses,
    correct_responses,
    incomplete_responses,
    unanswered_responses,
    share_correct,
    share_correct_ci_lower,
    share_correct_ci_upper
from items.question_difficulty
where exam_name = %(exam)s
""",
)

OPTIONS_OF_COURSE = Query(
    "option_selection_rates",
    ("base_exam_id", "question_id", "option_id"),
    """
select
    rates.base_exam_id,
    rates.question_id,
    rates.option_id,
    rates.is_correct,
    rates.responses,
    rates.selections,
    rates.selection_share,
    rates.selection_share_ci_lower,
    rates.selection_share_ci_upper
from items.option_selection_rates as rates
left semi join items.question_difficulty as questions
    on
        rates.base_exam_id = questions.base_exam_id
        and rates.question_id = questions.question_id
        and questions.exam_name = %(exam)s
""",
)

ATTEMPTS_BY_DATE = Query(
    "attempts_by_date",
    ("date_day",),
    """
select date_day, attempts, messages
from questions.attempts_by_date
""",
)

ATTEMPTS_BY_WEEKDAY = Query(
    "attempts_by_weekday",
    ("iso_weekday",),
    """
select iso_weekday, attempts, messages
from questions.attempts_by_weekday
""",
)

ATTEMPTS_BY_HOUR = Query(
    "attempts_by_hour",
    ("hour_of_day",),
    """
select hour_of_day, attempts, messages
from questions.attempts_by_hour
""",
)

INGEST_LAG = Query(
    "ingest_lag",
    ("topic", "topic_id", "partition"),
    """
select
    topic,
    topic_id,
    partition,
    batch_id,
    next_offset,
    kafka_end_offset,
    lag_offsets,
    committed_at
from operations.ingest_lag
""",
)

FRESHNESS = Query(
    "freshness",
    ("step",),
    """
select step, newest_at, as_of, seconds_old
from operations.freshness
""",
)

REJECTIONS_BY_REASON = Query(
    "rejections_by_reason",
    ("reason",),
    """
select reason, meaning, messages, share_of_rejected, last_message_at, newest_record, newest_detail
from operations.rejections_by_reason
""",
)

RECONCILIATION = Query(
    "reconciliation",
    ("status",),
    """
select
    status,
    count(distinct batch_id) as batches,
    sum(logged_rows) as logged_rows,
    sum(raw_rows) as raw_rows,
    sum(staged_rows) as staged_rows,
    sum(rejected_rows) as rejected_rows,
    sum(flattened_rows) as flattened_rows,
    sum(duplicate_rows) as duplicate_rows
from operations.reconciliation
group by status
""",
)

AUDIT_FAILURES = Query(
    "audit_failures",
    ("test_name", "rule"),
    """
select
    test_name,
    rule,
    severity,
    first(model_name) as model_name,
    count(*) as failing_rows,
    min(failing_row) as example
from operations.audit_failures
group by test_name, rule, severity
""",
)
