"""How figures are written: the same on all pages."""

from datetime import UTC, datetime
from typing import Any

DASH = "\N{EN DASH}"


def count(value: float | None) -> str:
    """Return a whole number with thousands separators: `3,280`."""
    return "none" if value is None else f"{value:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share from 0 to 1 in percent: `62.6 %`."""
    return "none" if share is None else f"{share * 100:.{digits}f} %"


def interval(lower: float | None, upper: float | None) -> str:
    """Return an interval of shares from 0 to 1 in percent, with a dash: `61.2-64.0 %`."""
    if lower is None or upper is None:
        return "no interval"
    return f"{lower * 100:.1f}{DASH}{upper * 100:.1f} %"


def duration(seconds: float | None) -> str:
    """Return seconds in the two units that fit: `3 min 5 s`, `2 h 10 min`, `12 days 3 h`."""
    if seconds is None:
        return "none"
    whole = round(seconds)
    for large, small, size, name in (
        ("day", "h", 86_400, 3600),
        ("h", "min", 3600, 60),
        ("min", "s", 60, 1),
    ):
        if whole >= size:
            many, rest = divmod(whole, size)
            plural = "s" if large == "day" and many > 1 else ""
            return f"{many:,} {large}{plural} {rest // name} {small}"
    return f"{whole} s"


def moment(value: datetime) -> str:
    """Return a time in UTC: `28 Nov 2026, 05:42 UTC`."""
    return f"{value.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def times(text: Any) -> datetime | None:
    """Return a timestamp of the warehouse as a time in UTC; none if there is none."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def plural(number: float, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 attempt`, `3,242 attempts`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
