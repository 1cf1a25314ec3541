"""When attempts start, how long they take, and how wrong the clocks are. Times are UTC.

Moments are integers: milliseconds since 1970-01-01.
"""

from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate

from ingest.sample.chance import Chance

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_DAY = 1_511_222_400 * SECOND  # Tuesday 2017-11-21
DAYS_TO_START = 69  # up to and with 2018-01-28
DAYS_A_STUDY = 70  # whole weeks, so that every study begins on a Tuesday
STUDIES_A_ROUND = 40  # up to July 2025; then the first again, because none may lie in the future
LONGEST_DELAY = 2 * DAY

# How many attempts start on each weekday, Tuesday first, and in each hour, relative to each other.
WEEKDAYS = (13, 12, 12, 9, 5, 6, 10)
HOURS = (3, 3, 3, 3, 4, 4, 6, 6, 6, 6, 6, 7, 6, 9, 9, 9, 8, 8, 6, 6, 6, 8, 6, 4)
BUSY = tuple(accumulate(WEEKDAYS[d % 7] * hour for d in range(DAYS_TO_START) for hour in HOURS))


def start(study: int, comes_again: bool, chance: Chance) -> int:
    """A moment in the weeks of a study, counted from 0: more in working hours than at night.

    An attempt that comes again starts in the first nine tenths, so that others come in between.
    """
    reach = 0.9 if comes_again else 1.0
    hour = bisect_right(BUSY, int(chance.uniform() * reach * BUSY[-1]))
    return _first_day(study) + hour * HOUR + int(chance.uniform() * HOUR)


def arrivals(started_at: int, times: int, study: int, chance: Chance) -> list[int]:
    """When a message reaches the topic: some hours late, then again, spread over what is left."""
    first = started_at + int(chance.uniform() * LONGEST_DELAY)
    left = _first_day(study) + DAYS_TO_START * DAY - first
    again = [
        first + int(left * (copy - chance.uniform() / 2) / (times - 1)) for copy in range(1, times)
    ]
    return [first, *again]


def _first_day(study: int) -> int:
    return FIRST_DAY + study % STUDIES_A_ROUND * DAYS_A_STUDY * DAY


def duration(questions: int, chance: Chance) -> int:
    """Milliseconds: about a minute for the usual 4 or 5 questions, up to hours for a few."""
    quantile = chance.uniform()
    return int(questions * SECOND * (1 + 20 * quantile + 4 / (1.001 - quantile)))


def time_to_send(chance: Chance) -> int:
    """Milliseconds from the last click until the server has it all."""
    return int((0.5 + 3.5 * chance.uniform()) * SECOND)


def skew(chance: Chance) -> int:
    """Milliseconds by which the clock that notes the clicks is ahead of the server's.

    Mostly none; some minutes ahead or behind, at most 90 s behind; hours where the zone is wrong.
    """
    kind, size = chance.uniform(), chance.uniform()
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
    """As `2018-01-23T14:23:19.082Z`."""
    minute, rest = divmod(moment, MINUTE)
    return f"{_minute(minute)}{rest // SECOND:02d}.{rest % SECOND:03d}Z"


def unix_seconds(moment: int, chance: Chance) -> str:
    """As `1516717442.735266`: 7 or 6 decimals, less the zeros at the end, but at least 3."""
    seconds, milliseconds = divmod(moment, SECOND)
    digits = f"{int(chance.uniform() * 10_000):04d}"
    if chance.uniform() < 0.5:
        digits = digits[:3]
    return f"{seconds}.{milliseconds:03d}{digits.rstrip('0')}"
