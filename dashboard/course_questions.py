"""The questions on the page of one course: how hard each is, and which options people choose."""

from collections import defaultdict
from html import escape

from dashboard import charts, parts, queries
from dashboard.formats import count, percent, plural
from dashboard.parts import Column
from dashboard.queries import MIN_RESPONSES, Row
from dashboard.reading import Data

_WRONG_KEY = (
    '<p class="note">A wrong option is chosen more often than the right one. '
    "Is the key right, and the wording clear?</p>"
)


def show_difficulty(data: Data) -> None:
    """Write the chart of the share of right responses, the hardest question first."""
    query = queries.QUESTIONS_OF_COURSE
    rows = [row for row in _by_difficulty(data) if row["responses"] >= MIN_RESPONSES]
    if not rows:
        parts.html(parts.section(f"No question has {MIN_RESPONSES} responses"))
        return
    hardest = rows[0]
    parts.html(
        parts.section(
            f"The hardest question is answered right by {percent(hardest['share_correct'])}",
            "Share of responses that are right, with Wilson's 95 % interval, hardest first. Right "
            "means exactly the right options and no other. The data have no text of questions, so "
            "they are named by the start of their id.",
        )
    )
    charts.show(
        charts.rows_with_intervals(
            rows,
            label=lambda row: _name(row),
            text=lambda row: f"{percent(row['share_correct'], 0)} of {count(row['responses'])}",
            value="share_correct",
            lower="share_correct_ci_lower",
            upper="share_correct_ci_upper",
        ),
        f"Share of right responses with intervals of {plural(len(rows), 'question')}, from "
        f"{percent(hardest['share_correct'])} to {percent(rows[-1]['share_correct'])}.",
        40 * len(rows) + 24,
        parts.table(
            "Questions by share right",
            [
                Column("Question", lambda row: f"<code>{escape(row['question_id'][:8])}</code>"),
                parts.number_column("Responses", query, "responses", count),
                Column("Right", lambda row: parts.share(query, "share_correct", row), "number"),
                parts.number_column("Incomplete", query, "incomplete_responses", count),
                parts.number_column("Not answered", query, "unanswered_responses", count),
            ],
            rows,
        ),
    )


def _by_difficulty(data: Data) -> list[Row]:
    return sorted(
        data[queries.QUESTIONS_OF_COURSE],
        key=lambda row: (row.get("share_correct", 2), row["base_exam_id"], row["question_id"]),
    )


def _name(row: Row) -> str:
    kind = ", several right" if row["is_multiple_response"] else ""
    return f"{row['question_id'][:8]}{kind}"


def show_options(data: Data) -> None:
    """Write how many responses chose each option, question by question."""
    query = queries.OPTIONS_OF_COURSE
    by_question: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in data[query]:
        by_question[row["base_exam_id"], row["question_id"]].append(row)
    questions = _by_difficulty(data)
    if not questions:
        return
    parts.html(
        parts.section(
            "What people choose",
            "For each question, how many of its responses chose each option. "
            f"No share is shown of fewer than {MIN_RESPONSES} responses.",
        )
    )
    parts.html(
        '<div class="split">',
        *(
            _question(row, by_question[row["base_exam_id"], row["question_id"]])
            for row in questions
        ),
        "</div>",
    )


def _question(question: Row, options: list[Row]) -> str:
    query = queries.OPTIONS_OF_COURSE
    options = sorted(options, key=lambda row: (-row["selections"], row["option_id"]))
    has_rate = question["responses"] >= MIN_RESPONSES

    def share(row: Row) -> str:
        if not has_rate:
            return "<small>too few</small>"
        return parts.share(query, "selection_share", row)

    def bar(row: Row) -> str:
        if not has_rate:
            return ""
        return parts.share_bar(
            row["selection_share"],
            row["selection_share_ci_lower"],
            row["selection_share_ci_upper"],
            "one" if row["is_correct"] else "plain",
        )

    return (
        f"<div><h3>Question <code>{escape(question['question_id'][:8])}</code></h3>"
        + parts.table(
            f"{plural(question['responses'], 'response')}: {_results(question)}"
            + ("; several options are right" if question["is_multiple_response"] else ""),
            [
                Column(
                    "Option",
                    lambda row: (
                        f"<code>{escape(row['option_id'][:8])}</code> "
                        + ('<span class="ok">right</span>' if row["is_correct"] else "")
                    ),
                ),
                parts.number_column("Chosen", query, "selections", count),
                Column("Share", share, "number"),
                Column("Bar", bar, "bar"),
            ],
            options,
        )
        + (_WRONG_KEY if has_rate and _prefers_a_wrong_option(question, options) else "")
        + "</div>"
    )


def _results(question: Row) -> str:
    """Return how many of a question's responses have each result."""
    results = {
        "right": question["correct_responses"],
        "incomplete": question["incomplete_responses"],
        "not answered": question["unanswered_responses"],
    }
    results["with a wrong option"] = question["responses"] - sum(results.values())
    return ", ".join(f"{count(number)} {result}" for result, number in results.items() if number)


def _prefers_a_wrong_option(question: Row, options: list[Row]) -> bool:
    """Return whether a wrong option is chosen more often than the only right one."""
    right = [row["selections"] for row in options if row["is_correct"]]
    wrong = [row["selections"] for row in options if not row["is_correct"]]
    return not question["is_multiple_response"] and max(wrong, default=0) > max(right, default=0)
