"""The page of the published study's questions, and of how all attempts end."""

from dashboard import charts, parts, queries
from dashboard.formats import DASH, count, duration, percent, plural
from dashboard.parts import figure
from dashboard.publication import Publication
from dashboard.queries import Row
from dashboard.reading import Data, Reader

QUERIES = (
    queries.ANSWERS,
    queries.SCORE_DISTRIBUTION,
    queries.BELOW_PASS_MARK,
    queries.TIME_TO_FINISH,
)
NOT_MEASURABLE = "not measurable"


def show(reader: Reader) -> Publication:
    """Write the page."""
    data = reader.read(QUERIES)
    found = sorted(data[queries.ANSWERS], key=lambda row: row["position"])
    measured = [row for row in found if row["answer_attempts"] != NOT_MEASURABLE]
    unmeasured = [row for row in found if row["answer_attempts"] == NOT_MEASURABLE]
    parts.html(
        parts.title(
            "Answers",
            "The questions of the published study. The message of an attempt can arrive more than "
            "once, so each answer is counted twice: by attempts, each once, and by messages, as "
            "the study did.",
        ),
        parts.unseen_section("The answers"),
        parts.cards([_measured(row) for row in measured]),
    )
    _scores(data)
    _time(data)
    parts.html(
        parts.section(f"{plural(len(unmeasured), 'question')} cannot be answered from these data"),
        parts.cards([_unmeasured(row) for row in unmeasured]),
    )
    return data.publication


def _measured(row: Row) -> str:
    return parts.card(
        row["question"],
        figure(queries.ANSWERS, "answer_attempts", row, row["answer_attempts"])
        + f" <small>{row['unit']}</small>",
        "Counting messages: "
        + figure(queries.ANSWERS, "answer_messages", row, row["answer_messages"]),
        row["definition"],
    )


def _unmeasured(row: Row) -> str:
    return parts.card(
        row["question"],
        figure(queries.ANSWERS, "answer_attempts", row, row["answer_attempts"]),
        "",
        row["definition"],
    ).replace('class="card"', 'class="card plain"', 1)


def _scores(data: Data) -> None:
    bins = sorted(data[queries.SCORE_DISTRIBUTION], key=lambda row: row["bin"])
    scored = sum(row["attempts"] for row in bins)
    if not scored:
        return
    mark = data[queries.BELOW_PASS_MARK][0]
    below = figure(
        queries.BELOW_PASS_MARK, "share_of_attempts", mark, percent(mark["share_of_attempts"])
    )
    number = figure(queries.BELOW_PASS_MARK, "attempts", mark, count(mark["attempts"]))
    full = bins[-1]
    parts.html(
        parts.section(
            f"{percent(full['share_of_attempts'], 0)} of the scored attempts get everything right",
            f"A score is correct / total of an attempt; {count(scored)} attempts have one. "
            f"{number} of them, {below}, are below a pass mark of "
            f"{percent(mark['pass_mark'], 0)}, which is an assumption: the data have none.",
        )
    )
    charts.show(
        charts.columns(
            bins,
            x="bin",
            x_title="score",
            label=_bin,
            text=lambda row: count(row["attempts"]),
            is_marked=lambda row: row["bin"] == full["bin"],
        ),
        f"Columns of the number of attempts by score. {count(full['attempts'])} of "
        f"{count(scored)} attempts have a full score.",
        260,
        parts.table(
            "Attempts by score",
            [
                parts.Column("Score", lambda row: _bin(row)),
                parts.number_column("Attempts", queries.SCORE_DISTRIBUTION, "attempts", count),
                parts.number_column("Messages", queries.SCORE_DISTRIBUTION, "messages", count),
                parts.number_column(
                    "Share of attempts", queries.SCORE_DISTRIBUTION, "share_of_attempts", percent
                ),
            ],
            bins,
        ),
    )


def _bin(row: Row) -> str:
    """Return the scores of a bin, with a dash: `70-79 %`, or `100 %` for a full score."""
    low = row["bin"] * 10
    return f"{low}{DASH}{low + 9} %" if low < 100 else "100 %"


def _time(data: Data) -> None:
    time = data[queries.TIME_TO_FINISH][0]
    if not time["attempts"]:
        return

    def shown(column: str) -> str:
        return figure(queries.TIME_TO_FINISH, column, time, duration(time.get(column)))

    number = figure(queries.TIME_TO_FINISH, "attempts", time, count(time["attempts"]))
    without = figure(
        queries.TIME_TO_FINISH,
        "attempts_without_duration",
        time,
        count(time["attempts_without_duration"]),
    )
    parts.html(
        parts.section(
            f"Half of the attempts take less than {duration(time['median_seconds_of_attempts'])}",
            f"The median of {number} attempts is {shown('median_seconds_of_attempts')}; the "
            f"middle half takes between {shown('lower_quartile_seconds')} and "
            f"{shown('upper_quartile_seconds')}. {without} attempts that took longer than two "
            "hours, or less than no time, are left out.",
        )
    )
