"""The page of one course, which has its own address: `/course?exam=NAME`."""

from collections import defaultdict

import streamlit as st

from dashboard import charts, course_questions, parts, queries
from dashboard.courses import by_attempts, link
from dashboard.formats import count, duration, interval, percent, plural
from dashboard.parts import Column, figure
from dashboard.publication import Publication
from dashboard.queries import MIN_RESPONSES, Row
from dashboard.reading import Data, Reader

QUERIES = (
    queries.COURSE_POPULARITY,
    queries.DIFFICULTY_OF_COURSE,
    queries.BELOW_PASS_MARK_OF_COURSE,
    queries.RAW_SCORES_OF_COURSE,
    queries.TIME_TO_FINISH_OF_COURSE,
    queries.UNANSWERED_OF_COURSE,
    queries.QUESTIONS_OF_COURSE,
    queries.OPTIONS_OF_COURSE,
)
PARAMETER = "exam"
SUGGESTED = 5


def show(reader: Reader) -> Publication:
    """Write the page of the course that the address names, or of none."""
    exam = st.query_params.get(PARAMETER, "")
    data = reader.read(QUERIES, {PARAMETER: exam})
    courses = by_attempts(data)
    course = next((row for row in courses if row["exam_name"] == exam), None)
    st.set_page_config(page_title=f"{exam if course else 'One course'} · assay")
    if course:
        _head(data, course)
    else:
        parts.html(parts.title("One course", "How people do in a course, question by question."))
    _choose(courses, course)
    if course:
        _body(data)
    else:
        _suggest(courses, exam)
    return data.publication


def _choose(courses: list[Row], course: Row | None) -> None:
    """Let the reader choose a course, and write it into the address."""

    def chosen() -> None:
        if st.session_state.course:
            st.query_params[PARAMETER] = st.session_state.course

    st.session_state.course = course["exam_name"] if course else None
    st.selectbox(
        "Course",
        sorted(row["exam_name"] for row in courses),
        index=None,
        key="course",
        on_change=chosen,
        placeholder="Choose a course",
        width=480,
    )


def _suggest(courses: list[Row], exam: str) -> None:
    if exam:
        parts.html(
            parts.state("empty", f"No course is called “{exam}”.", "Names count letter by letter.")
        )
    names = "".join(f"<li>{link(row['exam_name'])}</li>" for row in courses[:SUGGESTED])
    parts.html(parts.section("Taken most often"), f"<ul>{names}</ul>")


def _head(data: Data, course: Row) -> None:
    parts.html(
        parts.title(
            course["exam_name"],
            f"{figure(queries.COURSE_POPULARITY, 'attempts', course, count(course['attempts']))} "
            "attempts in "
            f"{figure(queries.COURSE_POPULARITY, 'messages', course, count(course['messages']))} "
            f"messages; rank {course['rank']} of "
            f"{plural(len(data[queries.COURSE_POPULARITY]), 'course')} by how often it is taken.",
        )
    )


def _body(data: Data) -> None:
    parts.html(
        parts.unseen_section("In short"),
        parts.cards([_mean(data), _below(data), _median(data), _unanswered(data)]),
    )
    left, right = st.columns(2, gap="large")
    with left:
        _scores(data)
    with right:
        _time(data)
    course_questions.show_difficulty(data)
    course_questions.show_options(data)


def _too_few(label: str) -> str:
    return parts.card(label, "<small>no figure</small>", "Too few attempts with a score")


def _mean(data: Data) -> str:
    row = data.one(queries.DIFFICULTY_OF_COURSE)
    if not row:
        return _too_few("Mean score")
    query = queries.DIFFICULTY_OF_COURSE
    return parts.card(
        "Mean score",
        figure(query, "mean_score", row, percent(row["mean_score"])),
        f"{interval(row.get('mean_score_ci_lower'), row.get('mean_score_ci_upper'))}, n = "
        + figure(query, "attempts", row, count(row["attempts"])),
        "The share of questions answered right, averaged over the attempts: each counts the same. "
        "The interval has 95 % confidence.",
    )


def _below(data: Data) -> str:
    row = data.one(queries.BELOW_PASS_MARK_OF_COURSE)
    if not row:
        return _too_few("Below the pass mark")
    query = queries.BELOW_PASS_MARK_OF_COURSE
    return parts.card(
        f"Below a pass mark of {percent(row['pass_mark'], 0)}",
        figure(query, "share_of_attempts", row, percent(row["share_of_attempts"])),
        f"{interval(row['share_of_attempts_ci_lower'], row['share_of_attempts_ci_upper'])}, n = "
        + figure(query, "all_attempts", row, count(row["all_attempts"])),
        "The pass mark is an assumption: the data have none.",
    )


def _median(data: Data) -> str:
    row = data.one(queries.TIME_TO_FINISH_OF_COURSE)
    if not row or row["attempts"] < MIN_RESPONSES:
        return parts.card("Median time", "<small>no figure</small>", "Too few attempts with a time")
    query = queries.TIME_TO_FINISH_OF_COURSE
    seconds = row["median_seconds_of_attempts"]
    return parts.card(
        "Median time",
        figure(query, "median_seconds_of_attempts", row, duration(seconds)),
        f"n = {figure(query, 'attempts', row, count(row['attempts']))}",
    )


def _unanswered(data: Data) -> str:
    row = data.one(queries.UNANSWERED_OF_COURSE)
    if not row or row["questions_attempts"] < MIN_RESPONSES:
        return parts.card("Not answered", "<small>no figure</small>", "Too few questions shown")
    query = queries.UNANSWERED_OF_COURSE
    return parts.card(
        "Not answered",
        figure(
            query, "unanswered_share_of_attempts", row, percent(row["unanswered_share_of_attempts"])
        ),
        f"of {figure(query, 'questions_attempts', row, count(row['questions_attempts']))} questions"
        " shown; "
        + figure(
            query, "incomplete_share_of_attempts", row, percent(row["incomplete_share_of_attempts"])
        )
        + " incomplete",
        "Incomplete: some of the right options and no wrong one. It counts as not right.",
    )


def _scores(data: Data) -> None:
    query = queries.RAW_SCORES_OF_COURSE
    rows = sorted(data[query], key=lambda row: (row["question_count"], row["correct_count"]))
    lengths: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        lengths[row["question_count"]] += row["attempts"]
    if not lengths:
        parts.html(parts.section("No attempt has a score"))
        return
    longest = max(lengths, key=lambda length: (lengths[length], length))
    shown = [row for row in rows if row["question_count"] == longest]
    most = max(shown, key=lambda row: row["attempts"])
    others = sum(lengths.values()) - lengths[longest]
    note = (
        f"Number of right answers in {plural(lengths[longest], 'attempt')} of {longest} questions."
    )
    if others:
        note += f" The table has {count(others)} more, with other numbers of questions."
    parts.html(
        parts.section(f"{most['correct_count']} of {longest} right is the most common score", note)
    )
    charts.show(
        charts.columns(
            shown,
            x="correct_count",
            x_title="right answers",
            label=lambda row: str(row["correct_count"]),
            text=lambda row: count(row["attempts"]),
            is_marked=lambda row: row is most,
        ),
        f"Columns of attempts by number of right answers of {longest}; most often "
        f"{most['correct_count']}, in {plural(most['attempts'], 'attempt')}.",
        240,
        parts.table(
            "Attempts by number of right answers",
            [
                Column("Right", lambda row: f"{row['correct_count']} of {row['question_count']}"),
                parts.number_column("Attempts", query, "attempts", count),
                parts.number_column("Messages", query, "messages", count),
            ],
            rows,
        ),
    )


def _time(data: Data) -> None:
    query = queries.TIME_TO_FINISH_OF_COURSE
    row = data.one(query)
    if not row or row["attempts"] < MIN_RESPONSES:
        parts.html(parts.section("Too few attempts have a time"))
        return
    quantiles = [
        ("A quarter is done in", "lower_quartile_seconds"),
        ("Half is done in", "median_seconds_of_attempts"),
        ("Three quarters are done in", "upper_quartile_seconds"),
        ("Nine of ten are done in", "ninth_decile_seconds"),
    ]
    rows = [
        {**row, "label": label, "column": name, "value": row[name]} for label, name in quantiles
    ]
    parts.html(
        parts.section(
            f"Half of the attempts are done in {duration(row['median_seconds_of_attempts'])}",
            f"From start to record, of {plural(row['attempts'], 'attempt')}; "
            f"{count(row['attempts_without_duration'])} left open for more than two hours (the "
            "default limit) are not counted.",
        )
    )
    charts.show(
        charts.bars(
            rows,
            label=lambda row: row["label"],
            text=lambda row: duration(row["value"]),
            value="value",
        ),
        "Bars of the time in which a quarter, half, three quarters and nine of ten attempts are "
        f"done; half in {duration(row['median_seconds_of_attempts'])}.",
        240,
        parts.table(
            "Time to finish",
            [
                parts.text_column("Share of attempts", "label"),
                Column(
                    "Time",
                    lambda row: figure(query, row["column"], row, duration(row["value"])),
                    "number",
                ),
            ],
            rows,
        ),
    )
