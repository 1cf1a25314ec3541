"""The times of attempts and messages: starts, durations, arrivals and clock skew.

Times are in UTC, as integers: milliseconds since 1970-01-01.
"""

from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate

from sample.rng import Rng

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_DAY = 1_511_222_400 * SECOND  # Tuesday 2017-11-21
DAYS_TO_START = 69  # up to and including 2018-01-28
DAYS_A_STUDY = 70  # whole weeks, so that every study begins on a Tuesday
STUDIES_A_ROUND = 40  # up to July 2025; then the dates repeat, because none may be in the future
LONGEST_DELAY = 2 * DAY

# How many attempts start on each weekday, Tuesday first, and in each hour, relative to each other.
WEEKDAYS = (13, 12, 12, 9, 5, 6, 10)
HOURS = (3, 3, 3, 3, 4, 4, 6, 6, 6, 6, 6, 7, 6, 9, 9, 9, 8, 8, 6, 6, 6, 8, 6, 4)
CUMULATIVE_STARTS = tuple(
    accumulate(WEEKDAYS[d % 7] * hour for d in range(DAYS_TO_START) for hour in HOURS)
)


def start(study: int, is_redelivered: bool, rng: Rng) -> int:
    """Return the start of an attempt in a study, counted from 0: rather by day than at night.

    An attempt whose message is redelivered starts in the first nine tenths of the weeks, so that
    other messages arrive in between.
    """
    share = 0.9 if is_redelivered else 1.0
    hour = bisect_right(CUMULATIVE_STARTS, int(rng.uniform() * share * CUMULATIVE_STARTS[-1]))
    return _first_day(study) + hour * HOUR + int(rng.uniform() * HOUR)


def arrivals(started_at: int, times: int, study: int, rng: Rng) -> list[int]:
    """Return when a message arrives: at most two days late, then spread over the other weeks."""
    first = started_at + int(rng.uniform() * LONGEST_DELAY)
    left = _first_day(study) + DAYS_TO_START * DAY - first
    again = [
        first + int(left * (copy - rng.uniform() / 2) / (times - 1)) for copy in range(1, times)
    ]
    return [first, *again]


def _first_day(study: int) -> int:
    return FIRST_DAY + study % STUDIES_A_ROUND * DAYS_A_STUDY * DAY


def duration(questions: int, rng: Rng) -> int:
    """Return milliseconds: about a minute for the usual 4 or 5 questions, rarely some hours."""
    quantile = rng.uniform()
    return int(questions * SECOND * (1 + 20 * quantile + 4 / (1.001 - quantile)))


def time_to_send(rng: Rng) -> int:
    """Return the milliseconds from the last click until the server has received the attempt."""
    return int((0.5 + 3.5 * rng.uniform()) * SECOND)


def skew(rng: Rng) -> int:
    """Return the milliseconds by which the client's clock is ahead of the server's.

    Usually 0; sometimes up to ten minutes ahead or 90 s behind; rarely hours ahead, as with a wrong
    time zone.
    """
    kind, size = rng.uniform(), rng.uniform()
    if kind < 0.004:
        return int((10 + 6 * size) * HOUR)
    if kind < 0.10:
        return int(10 * size * size * size * MINUTE)
    if kind < 0.14:
        return -int(90 * size * size * SECOND)
    return 0


@lru_cache(maxsize=256)
def _minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


def iso(moment: int) -> str:
    """Format a time as `2018-01-23T14:23:19.082Z`."""
    minute, rest = divmod(moment, MINUTE)
    return f"{_minute(minute)}{rest // SECOND:02d}.{rest % SECOND:03d}Z"


def unix_seconds(moment: int, rng: Rng) -> str:
    """Format a time as `1516717442.735266`: 7 or 6 decimals without trailing zeros, at least 3."""
    seconds, milliseconds = divmod(moment, SECOND)
    digits = f"{int(rng.uniform() * 10_000):04d}"
    if rng.uniform() < 0.5:
        digits = digits[:3]
    return f"{seconds}.{milliseconds:03d}{digits.rstrip('0')}"
