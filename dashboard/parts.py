"""The parts of a page in HTML: figures, cards, tables, bars and the states in words.

Streamlit's own tables are drawn on a canvas, which no screen reader and no test can read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from dashboard.formats import interval, percent
from dashboard.queries import Query, Row

# How a cell is written.
Written = Callable[[Row], str]


def figure(query: Query, column: str, row: Row, text: str) -> str:
    """Return a figure: its text, and for tests its name and the exact value.

    Args:
        query: where the figure is from.
        column: its column.
        row: its row.
        text: what is shown.
    """
    name = "-".join([f"{query.name}.{column}", *(str(row[key]) for key in query.key)])
    value = row.get(column)
    exact = "" if value is None else str(value)
    return (
        f'<span class="figure" data-testid="figure-{escape(name)}" '
        f'data-value="{escape(exact)}">{escape(text)}</span>'
    )


def total(query: Query, column: str, rows: Iterable[Row], text: Callable[[float], str]) -> str:
    """Return the sum of a column over all rows as a figure, whose name has no key of a row."""
    value = sum(row[column] for row in rows)
    return (
        f'<span class="figure" data-testid="figure-{query.name}.{column}" '
        f'data-value="{value}">{escape(text(value))}</span>'
    )


def html(*parts: str) -> None:
    """Write HTML, of which everything that comes from data is escaped already."""
    st.html("".join(parts))


def title(text: str, lead: str) -> str:
    """Return the title of a page and the sentence below it."""
    return f'<h1>{escape(text)}</h1><p class="lead">{lead}</p>'


def unseen_section(name: str) -> str:
    """Return a heading for screen readers, where the eye needs none."""
    return f'<h2 class="hidden">{escape(name)}</h2>'


def section(finding: str, note: str = "") -> str:
    """Return the heading of a section, which says the finding, and a note below it."""
    below = f'<p class="note">{note}</p>' if note else ""
    return f"<h2>{escape(finding)}</h2>{below}"


def state(name: str, words: str, remedy: str = "") -> str:
    """Return a state in words: loading, empty, stale, error or down."""
    role = "status" if name in ("loading", "stale") else "alert"
    more = f"<span>{code(remedy)}</span>" if remedy else ""
    return (
        f'<div class="state {name}" role="{role}" data-testid="state-{name}">'
        f"<strong>{escape(words)}</strong> {more}</div>"
    )


def code(text: str) -> str:
    """Return escaped text with what is between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))


def card(label: str, value: str, more: str, note: str = "") -> str:
    """Return a card: what is counted, the figure, a second line, and its definition."""
    below = f'<p class="definition">{code(note)}</p>' if note else ""
    return (
        f'<div class="card"><h3>{escape(label)}</h3>'
        f'<p class="value">{value}</p><p class="more">{more}</p>{below}</div>'
    )


def cards(items: Sequence[str]) -> str:
    """Return cards side by side, as many as fit."""
    narrow = "" if len(items) % 4 else " four"
    return f'<div class="cards{narrow}">{"".join(items)}</div>'


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        head: its heading.
        cell: returns the HTML of a row's cell.
        kind: `text`, `number` or `bar`.
        is_optional: whether it is left out on a narrow screen.
    """

    head: str
    cell: Written
    kind: str = "text"
    is_optional: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Return a table; the first column names the row."""
    heads = "".join(
        f'<th scope="col" class="{_classes(column)}">{_head(column)}</th>' for column in columns
    )
    body = []
    for row in rows:
        first, *others = columns
        cells = "".join(f'<td class="{_classes(c)}">{c.cell(row)}</td>' for c in others)
        body.append(
            f'<tr><th scope="row" class="{_classes(first)}">{first.cell(row)}</th>{cells}</tr>'
        )
    return (
        f'<table class="data"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _head(column: Column) -> str:
    head = escape(column.head)
    return f'<span class="hidden">{head}</span>' if column.kind == "bar" else head


def _classes(column: Column) -> str:
    return column.kind + (" optional" if column.is_optional else "")


def text_column(head: str, name: str, **options: Any) -> Column:
    """Return a column of text."""
    return Column(head, lambda row: escape(str(row.get(name) or "")), **options)


def number_column(
    head: str,
    query: Query,
    name: str,
    written: Callable[[Any], str],
    **options: Any,
) -> Column:
    """Return a column of figures."""
    return Column(
        head, lambda row: figure(query, name, row, written(row.get(name))), "number", **options
    )


def share(query: Query, name: str, row: Row) -> str:
    """Return a share from 0 to 1 as a figure, with its interval below it."""
    between = interval(row[f"{name}_ci_lower"], row[f"{name}_ci_upper"])
    return figure(query, name, row, percent(row[name])) + f"<small>{between}</small>"


def share_bar(share: float, lower: float | None, upper: float | None, tone: str = "one") -> str:
    """Return a bar of a share from 0 to 1 with its interval, for the eye only."""
    whisker = ""
    if lower is not None and upper is not None:
        whisker = f'<i style="left:{lower * 100:.1f}%;width:{(upper - lower) * 100:.1f}%"></i>'
    return (
        f'<div class="bar {tone}" aria-hidden="true">'
        f'<b style="width:{share * 100:.1f}%"></b>{whisker}</div>'
    )
