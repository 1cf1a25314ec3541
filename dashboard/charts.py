"""Charts in one style: sorted bars with direct labels, in SVG, each with its table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import streamlit as st

from dashboard import parts
from dashboard.queries import Row

Chart = alt.LayerChart | alt.FacetChart
FONT = '"Source Sans", sans-serif'


@dataclass(frozen=True)
class Tones:
    """The colours of a theme; each has at least 4.5:1 contrast with its background."""

    ink: str
    muted: str
    line: str
    one: str
    two: str
    ground: str


LIGHT = Tones("#1d2129", "#565d6b", "#dfe3ea", "#1f5fbf", "#a8480c", "#ffffff")
DARK = Tones("#e9ebf0", "#a3abba", "#333a47", "#82b1ff", "#f2a65e", "#12151b")


def tones() -> Tones:
    """Return the colours of the reader's theme."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def show(chart: Chart, description: str, height: int, table: str) -> None:
    """Write a chart and, below it, its table.

    Args:
        chart: the chart.
        description: what it shows, in a sentence, for those who cannot see it.
        height: in pixels.
        table: the same figures as HTML.
    """
    tone = tones()
    styled = (
        chart.properties(
            width="container",
            height=height,
            description=description,
            background="transparent",
            usermeta={"embedOptions": {"renderer": "svg", "actions": False}},
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelFont=FONT,
            titleFont=FONT,
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            labelColor=tone.muted,
            titleColor=tone.muted,
            grid=False,
            domainColor=tone.line,
            tickColor=tone.line,
        )
        .configure_text(font=FONT, fontSize=13, color=tone.ink)
    )
    st.altair_chart(styled, width="stretch", theme=None)
    with st.expander("Show as table"):
        parts.html(table)


def columns(
    rows: Sequence[Row],
    *,
    x: str,
    x_title: str,
    label: Callable[[Row], str],
    text: Callable[[Row], str] | None = None,
    y: str = "attempts",
    is_marked: Callable[[Row], bool] = lambda row: False,
    every: int = 1,
) -> Chart:
    """Return columns in the order of the rows, with their figures on top.

    Args:
        rows: the rows.
        x: the column of the categories.
        x_title: what the categories are.
        label: how a category is written.
        text: the figure on top of a column; none for no figures.
        y: the column of the heights.
        is_marked: whether a column has the second colour.
        every: write every nth category.
    """
    tone = tones()
    order = [label(row) for row in rows]
    values: list[dict[str, Any]] = [
        {
            "label": label(row),
            "value": row[y],
            "text": text(row) if text else "",
            "tone": tone.two if is_marked(row) else tone.one,
        }
        for row in rows
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(
            "label:N",
            sort=order,
            title=x_title,
            axis=alt.Axis(
                labelAngle=0, ticks=False, values=order[::every], labelOverlap=True, labelPadding=6
            ),
            scale=alt.Scale(paddingInner=0.15, paddingOuter=0),
        ),
        y=alt.Y("value:Q", axis=None),
        tooltip=[alt.Tooltip("label:N", title=x_title), alt.Tooltip("value:Q", title=y)],
    )
    bars = base.mark_bar().encode(color=alt.Color("tone:N", scale=None))
    labels = base.mark_text(dy=-8).encode(text="text:N")
    return alt.layer(bars, labels)


def rows_with_intervals(
    rows: Sequence[Row],
    *,
    label: Callable[[Row], str],
    text: Callable[[Row], str],
    value: str,
    lower: str,
    upper: str,
) -> Chart:
    """Return a point with its interval for each row, with name and figure above it."""
    tone = tones()
    values = [
        {
            "key": index,
            "label": label(row),
            "text": text(row),
            "value": row[value],
            "lower": row.get(lower),
            "upper": row.get(upper),
        }
        for index, row in enumerate(rows)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("key:O", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))
    )
    share = alt.Scale(domain=[0, 1])
    axis = alt.Axis(
        format="%", values=[0, 0.25, 0.5, 0.75, 1], title=None, domain=False, ticks=False
    )
    tracks = base.mark_rule(strokeWidth=2, color=tone.line, yOffset=8).encode(
        x=alt.value(0), x2=alt.value("width")
    )
    whiskers = base.mark_rule(strokeWidth=4, opacity=0.45, color=tone.one, yOffset=8).encode(
        x=alt.X("lower:Q", scale=share, axis=axis), x2="upper:Q"
    )
    points = base.mark_point(filled=True, size=80, opacity=1, color=tone.one, yOffset=8).encode(
        x=alt.X("value:Q", scale=share, axis=axis)
    )
    names = base.mark_text(align="left", dy=-7).encode(x=alt.value(0), text="label:N")
    figures = base.mark_text(align="right", dy=-7, fontWeight=600).encode(
        x=alt.value("width"), text="text:N"
    )
    return alt.layer(tracks, whiskers, points, names, figures)


def bars(
    rows: Sequence[Row],
    *,
    label: Callable[[Row], str],
    text: Callable[[Row], str],
    value: str = "attempts",
) -> Chart:
    """Return bars, with name and figure above each."""
    tone = tones()
    values = [
        {"key": index, "label": label(row), "text": text(row), "value": row[value]}
        for index, row in enumerate(rows)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("key:O", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))
    )
    drawn = base.mark_bar(color=tone.one, height=9, yOffset=8).encode(
        x=alt.X("value:Q", axis=None, scale=alt.Scale(zero=True))
    )
    names = base.mark_text(align="left", dy=-7).encode(x=alt.value(0), text="label:N")
    figures = base.mark_text(align="right", dy=-7, fontWeight=600).encode(
        x=alt.value("width"), text="text:N"
    )
    return alt.layer(drawn, names, figures)
