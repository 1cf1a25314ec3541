"""The page of all courses: how often they are taken, and how hard they are."""

from collections.abc import Callable
from html import escape
from urllib.parse import quote

import streamlit as st

from dashboard import charts, parts, queries
from dashboard.courses_csv import as_csv
from dashboard.errors import NotPublished
from dashboard.formats import count, interval, percent, plural
from dashboard.parts import Column, figure
from dashboard.publication import Publication
from dashboard.queries import MIN_RESPONSES, Query, Row
from dashboard.reading import Data, Reader

QUERIES = (
    queries.COURSE_POPULARITY,
    queries.COURSE_DIFFICULTY,
    queries.BELOW_PASS_MARK_BY_COURSE,
    queries.HARDEST_QUESTIONS_OF_ALL,
)
CHARTED = 10
NO_RATE = "<small>too few</small>"


def show(reader: Reader) -> Publication:
    """Write the page."""
    data = reader.read(QUERIES)
    courses = by_attempts(data)
    attempts = parts.total(
        queries.COURSE_POPULARITY, "attempts", courses, lambda number: plural(number, "attempt")
    )
    parts.html(
        parts.title(
            "Courses",
            f"{plural(len(courses), 'course')} with {attempts}. People choose "
            "their courses, so a low score can mean a hard course or other people.",
        )
    )
    left, right = st.columns(2, gap="large")
    with left:
        _popularity(courses)
    with right:
        _difficulty(data)
    _all(data, courses)
    _hardest_questions(data)
    return data.publication


def link(exam_name: str) -> str:
    """Return a link to the page of a course."""
    return f'<a href="/course?exam={quote(exam_name, safe="")}">{escape(exam_name)}</a>'


def by_attempts(data: Data) -> list[Row]:
    """Return the courses, the one taken most often first.

    Raises:
        NotPublished: there is none.
    """
    courses = data[queries.COURSE_POPULARITY]
    if not courses:
        raise NotPublished(
            "No course has an attempt yet", "`python -m ingest run` and `dbt build` bring them."
        )
    return sorted(courses, key=lambda row: (-row["attempts"], row["exam_name"]))


def _popularity(courses: list[Row]) -> None:
    most = courses[:CHARTED]
    share = sum(row["attempts"] for row in most) / sum(row["attempts"] for row in courses)
    parts.html(
        parts.section(
            f"{most[0]['exam_name']} is taken most often",
            f"The {len(most)} courses taken most often have {percent(share, 0)} of all attempts.",
        )
    )
    charts.show(
        charts.bars(
            most, label=lambda row: row["exam_name"], text=lambda row: count(row["attempts"])
        ),
        f"Bars of attempts of the {len(most)} courses taken most often, from "
        f"{most[0]['exam_name']} with {count(most[0]['attempts'])} down to "
        f"{most[-1]['exam_name']} with {count(most[-1]['attempts'])}.",
        40 * len(most),
        parts.table(
            "The courses taken most often",
            [
                parts.text_column("Course", "exam_name"),
                Column("Attempts", lambda row: count(row["attempts"]), "number"),
                Column("Messages", lambda row: count(row["messages"]), "number"),
            ],
            most,
        ),
    )


def _difficulty(data: Data) -> None:
    hardest = sorted(
        data[queries.COURSE_DIFFICULTY], key=lambda row: (row["difficulty_rank"], row["exam_name"])
    )[:CHARTED]
    if not hardest:
        return
    first = hardest[0]
    parts.html(
        parts.section(
            f"{first['exam_name']} has the lowest mean score",
            "Mean score with its 95 % confidence interval, of courses with at least "
            f"{min(row['attempts'] for row in data[queries.COURSE_DIFFICULTY])} scored attempts.",
        )
    )
    charts.show(
        charts.rows_with_intervals(
            hardest,
            label=lambda row: row["exam_name"],
            text=lambda row: f"{percent(row['mean_score'], 0)} of {count(row['attempts'])}",
            value="mean_score",
            lower="mean_score_ci_lower",
            upper="mean_score_ci_upper",
        ),
        f"Mean scores with intervals of the {len(hardest)} hardest courses, from "
        f"{first['exam_name']} with {percent(first['mean_score'])}.",
        40 * len(hardest) + 24,
        parts.table(
            "The courses with the lowest mean score",
            [
                parts.text_column("Course", "exam_name"),
                Column("Attempts", lambda row: count(row["attempts"]), "number"),
                Column("Mean score", lambda row: percent(row["mean_score"]), "number"),
                Column(
                    "Interval",
                    lambda row: interval(
                        row.get("mean_score_ci_lower"), row.get("mean_score_ci_upper")
                    ),
                    "number",
                ),
            ],
            hardest,
        ),
    )


Order = tuple[str, Callable[[Row], float]]


def _all(data: Data, courses: list[Row]) -> None:
    scores = {row["exam_name"]: row for row in data[queries.COURSE_DIFFICULTY]}
    below = {row["exam_name"]: row for row in data[queries.BELOW_PASS_MARK_BY_COURSE]}
    orders: list[Order] = [
        ("Most attempts", lambda row: -row["attempts"]),
        ("Fewest attempts", lambda row: row["attempts"]),
        (
            "Lowest mean score",
            lambda row: scores.get(row["exam_name"], {}).get("mean_score", 2),
        ),
        (
            "Highest mean score",
            lambda row: -scores.get(row["exam_name"], {}).get("mean_score", -1),
        ),
        (
            "Most below the pass mark",
            lambda row: -below.get(row["exam_name"], {}).get("share_of_attempts", -1),
        ),
        ("Name", lambda row: 0),
    ]
    mark = next(iter(below.values()), {}).get("pass_mark")
    parts.html(
        parts.section(
            "All courses",
            f"Below the mark are scores below {percent(mark, 0)}, an assumption. No rate is shown "
            f"of fewer than {MIN_RESPONSES} attempts, and no mean of fewer than 20 (the default "
            "limit). Intervals have 95 % confidence.",
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        wanted = st.text_input("Search a course", key="search", width=280)
        order = st.selectbox("Sort by", orders, format_func=lambda o: o[0], key="sort", width=240)
        st.download_button(
            "Download as CSV",
            as_csv(courses, scores, below),
            "courses.csv",
            "text/csv",
            on_click="ignore",
        )
    chosen = sorted(
        (row for row in courses if wanted.strip().lower() in row["exam_name"].lower()),
        key=lambda row: (order[1](row), row["exam_name"]),
    )
    if not chosen:
        parts.html(parts.state("empty", f"No course has a name with “{wanted.strip()}”."))
        return
    parts.html(
        parts.table(
            f"{plural(len(chosen), 'course')}, {order[0].lower()} first"
            if order[0] != "Name"
            else f"{plural(len(chosen), 'course')} by name",
            [
                Column("Course", lambda row: link(row["exam_name"])),
                Column("Attempts", _attempts, "number"),
                Column(
                    "Mean score",
                    lambda row: _rate(
                        queries.COURSE_DIFFICULTY, "mean_score", "attempts", scores, row
                    ),
                    "number",
                ),
                Column(
                    "Below the mark",
                    lambda row: _rate(
                        queries.BELOW_PASS_MARK_BY_COURSE,
                        "share_of_attempts",
                        "all_attempts",
                        below,
                        row,
                    ),
                    "number",
                ),
            ],
            chosen,
        )
    )


def _attempts(row: Row) -> str:
    return (
        figure(queries.COURSE_POPULARITY, "attempts", row, count(row["attempts"]))
        + "<small>"
        + figure(queries.COURSE_POPULARITY, "messages", row, count(row["messages"]))
        + f" message{'' if row['messages'] == 1 else 's'}</small>"
    )


def _rate(query: Query, value: str, number: str, rates: dict[str, Row], row: Row) -> str:
    """Return a rate of a course with its interval and number of attempts."""
    found = rates.get(row["exam_name"])
    if not found:
        return NO_RATE
    between = interval(found.get(f"{value}_ci_lower"), found.get(f"{value}_ci_upper"))
    return (
        figure(query, value, found, percent(found[value]))
        + f"<small><span>{between},</span> <span>n = "
        + figure(query, number, found, count(found[number]))
        + "</span></small>"
    )


def _hardest_questions(data: Data) -> None:
    rows = sorted(
        data[queries.HARDEST_QUESTIONS_OF_ALL],
        key=lambda row: (row["share_correct"], row["base_exam_id"], row["question_id"]),
    )
    if not rows:
        return
    query = queries.HARDEST_QUESTIONS_OF_ALL
    parts.html(
        parts.section(
            f"The hardest question is answered right by {percent(rows[0]['share_correct'])}",
            "Share of responses that are right, with Wilson's 95 % interval. Right means exactly "
            "the right options and no other. The data have no text of questions, so they are "
            "named by the start of their id.",
        ),
        parts.table(
            f"The {len(rows)} hardest questions with at least {MIN_RESPONSES} responses",
            [
                Column(
                    "Question",
                    lambda row: (
                        f"<code>{escape(row['question_id'][:8])}</code> "
                        f"<small>{link(row['exam_name'])}</small>"
                    ),
                ),
                parts.number_column("Responses", query, "responses", count),
                Column("Right", lambda row: parts.share(query, "share_correct", row), "number"),
                Column(
                    "Bar",
                    lambda row: parts.share_bar(
                        row["share_correct"],
                        row["share_correct_ci_lower"],
                        row["share_correct_ci_upper"],
                    ),
                    "bar",
                    is_optional=True,
                ),
            ],
            rows,
        ),
    )
