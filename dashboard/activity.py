"""The page of when attempts start: by day, weekday and hour."""

from datetime import date

import streamlit as st

from dashboard import charts, parts, queries
from dashboard.errors import NotPublished
from dashboard.formats import count, percent, plural
from dashboard.parts import Column
from dashboard.publication import Publication
from dashboard.queries import Row
from dashboard.reading import Data, Reader

QUERIES = (queries.ATTEMPTS_BY_DATE, queries.ATTEMPTS_BY_WEEKDAY, queries.ATTEMPTS_BY_HOUR)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEK = 7


def show(reader: Reader) -> Publication:
    """Write the page."""
    data = reader.read(QUERIES)
    days = sorted(data[queries.ATTEMPTS_BY_DATE], key=lambda row: row["date_day"])
    if not days:
        raise NotPublished(
            "No attempt has started yet", "`python -m ingest run` and `dbt build` bring them."
        )
    attempts = parts.total(
        queries.ATTEMPTS_BY_DATE, "attempts", days, lambda number: plural(number, "attempt")
    )
    parts.html(
        parts.title(
            "Activity",
            f"When attempts start: {attempts} from {_day(days[0])} to {_day(days[-1])}.",
        ),
        parts.state(
            "limits",
            "What these figures cannot say.",
            "All times are in UTC: the time zones of people are not known, so an hour is not "
            "their hour. Attempts are counted, not people, because no field names a person. The "
            f"data are of {plural(len(days), 'day')}, so weekdays and hours hold only for these. "
            "Test records count.",
        ),
    )
    _days(days)
    left, right = st.columns(2, gap="large")
    with left:
        _weekdays(data)
    with right:
        _hours(data)
    return data.publication


def _day(row: Row) -> str:
    return f"{date.fromisoformat(row['date_day']):%-d %b %Y}"


def _short(row: Row) -> str:
    return f"{date.fromisoformat(row['date_day']):%-d %b %y}"


def _days(days: list[Row]) -> None:
    most = max(days, key=lambda row: row["attempts"])
    none = sum(row["attempts"] == 0 for row in days)
    parts.html(
        parts.section(
            f"Most attempts start on {_day(most)}: {count(most['attempts'])}",
            f"{plural(none, 'day has', 'days have')} no attempt." if none else "",
        )
    )
    charts.show(
        charts.columns(
            days,
            x="date_day",
            x_title="day of the start, in UTC",
            label=_short,
            text=lambda row: count(row["attempts"]) if row is most else "",
            is_marked=lambda row: row is most,
            every=max(len(days) // 5, 1),
        ),
        f"Columns of attempts by day from {_day(days[0])} to {_day(days[-1])}; most on "
        f"{_day(most)}, {count(most['attempts'])}.",
        260,
        _table("Attempts by day", "Day", queries.ATTEMPTS_BY_DATE, days, _day),
    )


def _weekdays(data: Data) -> None:
    rows = sorted(data[queries.ATTEMPTS_BY_WEEKDAY], key=lambda row: row["iso_weekday"])
    most = max(rows, key=lambda row: row["attempts"])
    weekend = sum(row["attempts"] for row in rows if row["iso_weekday"] > WEEK - 2)
    everything = sum(row["attempts"] for row in rows)
    parts.html(
        parts.section(
            f"{_weekday(most)} has the most attempts",
            f"Saturday and Sunday have {percent(weekend / everything, 0)} of the attempts.",
        )
    )
    charts.show(
        charts.columns(
            rows,
            x="iso_weekday",
            x_title="weekday, in UTC",
            label=lambda row: _weekday(row)[:3],
            text=lambda row: count(row["attempts"]),
            is_marked=lambda row: row is most,
        ),
        f"Columns of attempts by weekday; most on {_weekday(most)}, {count(most['attempts'])}.",
        240,
        _table("Attempts by weekday", "Weekday", queries.ATTEMPTS_BY_WEEKDAY, rows, _weekday),
    )


def _weekday(row: Row) -> str:
    return WEEKDAYS[row["iso_weekday"] - 1]


def _hours(data: Data) -> None:
    rows = sorted(data[queries.ATTEMPTS_BY_HOUR], key=lambda row: row["hour_of_day"])
    most = max(rows, key=lambda row: row["attempts"])
    parts.html(
        parts.section(
            f"Most attempts start from {_hour(most)} UTC on",
            f"{count(most['attempts'])} of {count(sum(row['attempts'] for row in rows))} attempts "
            "start in this hour.",
        )
    )
    charts.show(
        charts.columns(
            rows,
            x="hour_of_day",
            x_title="hour of the start, in UTC",
            label=lambda row: f"{row['hour_of_day']:02}",
            text=lambda row: count(row["attempts"]) if row is most else "",
            is_marked=lambda row: row is most,
            every=3,
        ),
        f"Columns of attempts by hour; most from {_hour(most)} on, {count(most['attempts'])}.",
        240,
        _table("Attempts by hour", "Hour", queries.ATTEMPTS_BY_HOUR, rows, _hour),
    )


def _hour(row: Row) -> str:
    return f"{row['hour_of_day']:02}:00"


def _table(
    caption: str, head: str, query: queries.Query, rows: list[Row], name: parts.Written
) -> str:
    return parts.table(
        f"{caption}, in UTC",
        [
            Column(head, name),
            parts.number_column("Attempts", query, "attempts", count),
            parts.number_column("Messages", query, "messages", count),
        ],
        rows,
    )
