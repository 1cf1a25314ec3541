"""The table of all courses as CSV."""

import csv
import io

from dashboard.queries import Row

# What a spreadsheet takes for the start of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(courses: list[Row], scores: dict[str, Row], below: dict[str, Row]) -> str:
    """Return all courses as CSV, with the names of the marts' columns."""
    names = [
        "exam_name",
        "attempts",
        "messages",
        "scored_attempts",
        "mean_score",
        "mean_score_ci_lower",
        "mean_score_ci_upper",
        "share_below_pass_mark",
        "share_below_pass_mark_ci_lower",
        "share_below_pass_mark_ci_upper",
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in courses:
        score, failed = scores.get(row["exam_name"], {}), below.get(row["exam_name"], {})
        writer.writerow(
            [
                _as_text(row["exam_name"]),
                row["attempts"],
                row["messages"],
                score.get("attempts"),
                *(score.get(f"mean_score{end}") for end in ("", "_ci_lower", "_ci_upper")),
                *(failed.get(f"share_of_attempts{end}") for end in ("", "_ci_lower", "_ci_upper")),
            ]
        )
    return text.getvalue()


def _as_text(name: str) -> str:
    """Return a name that spreadsheets do not take for a formula, as OWASP recommends."""
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name
