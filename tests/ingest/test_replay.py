"""The positions of `replay`: offsets or times, in order, of partitions that exist."""

from datetime import UTC, datetime

import pytest

from ingest.errors import BadSetting
from ingest.operations.replay import check_order, parse_position
from tests.ingest.harness import ingest, send


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0:0", {0: 0}),
        ("1:9223372036854775807,0:5", {1: 2**63 - 1, 0: 5}),
        ("0001-01-01T00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_positions_are_offsets_or_a_time(text: str, found: object) -> None:
    assert parse_position(text) == found


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("0:-1", "neither partition:offset nor a time"),
        ("0:" + "9" * 20, "neither partition:offset nor a time"),
        ("9" * 5000 + ":0", "neither partition:offset nor a time"),
        ("٣:٣", "neither partition:offset nor a time"),
        ("0:1,0:2", "names a partition twice"),
        ("", "neither"),
    ],
)
def test_invalid_positions_are_named(text: str, named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        parse_position(text)


@pytest.mark.parametrize(
    ("start", "end", "named"),
    [
        ("0:5", "0:4", "before --from"),
        ("0:1,1:5", "0:2,1:4", "before --from"),
        ("0:1", "1:5", r"partitions \[0\], and --to \[1\]"),
        ("2018-01-29", "2018-01-28", "before --from"),
    ],
)
def test_positions_without_a_range_are_named(start: str, end: str, named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        check_order(parse_position(start), parse_position(end))
    check_order(parse_position(start), parse_position(start))


@pytest.mark.services
def test_replays_between_two_positions(topic: str) -> None:
    send(topic, b"1", b"2", timestamp_ms=1_517_140_000_000)
    ingest("run", "--topic", topic)

    def replay(start: str, end: str, expect: int = 0) -> str:
        return ingest("replay", "--from", start, "--to", end, "--topic", topic, expect=expect)

    assert "replayed 2 messages" in replay("0001-01-01T00:00Z", "9999-12-31T23:59:59Z")
    assert "replayed 2 messages" in replay("1969-12-31", "2018-01-29")
    assert "nothing between" in replay("0001-01-01", "1969-12-31")
    assert "nothing between" in replay("0:1", "0:1")
    assert "has no partition 7" in replay("7:0", "7:1", expect=1)
    assert "committed up to 2" in replay("0:0", f"0:{2**63 - 1}", expect=1)
