"""Property-based tests of planning, which is pure arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import DataLoss, EndOffsetRegressed
from ingest.plan import BatchPlan, Range, affordable, new_ranges, split
from ingest.raw_table import TableState
from ingest.topic import Topic


@st.composite
def topics(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """Consistent committed, begin and end offsets; some partitions are new."""
    committed, begin, end = {}, {}, {}
    for partition in range(draw(st.integers(1, 6))):
        begin[partition] = draw(st.integers(0, 50))
        end[partition] = begin[partition] + draw(st.integers(0, 1000))
        if draw(st.booleans()):
            committed[partition] = draw(st.integers(begin[partition], end[partition]))
    return committed, begin, end


@given(topics())
def test_everything_new_is_planned_once(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]],
) -> None:
    committed, begin, end = topic
    planned = {
        (r.partition, offset) for r in new_ranges(*topic) for offset in range(r.start, r.end)
    }
    wanted = {
        (partition, offset)
        for partition in end
        for offset in range(committed.get(partition, begin[partition]), end[partition])
    }
    assert planned == wanted
    assert sum(r.size for r in new_ranges(*topic)) == len(wanted)


@given(topics(), st.integers(1, 2000))
def test_limited_runs_read_every_offset_once(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], limit: int
) -> None:
    committed, begin, end = topic
    everything = new_ranges(*topic)
    done: list[tuple[int, int]] = []
    for _ in range(10_000):
        ranges = new_ranges(committed, begin, end, limit)
        if not ranges:
            break
        lag = sum(r.size for r in new_ranges(committed, begin, end))
        assert sum(r.size for r in ranges) == min(limit, lag)
        if limit >= len(new_ranges(committed, begin, end)):
            assert len(ranges) == len(new_ranges(committed, begin, end)), "a partition starves"
        for r in ranges:
            done.extend((r.partition, offset) for offset in range(r.start, r.end))
            committed = {**committed, r.partition: r.end}
    assert sorted(done) == [(r.partition, o) for r in everything for o in range(r.start, r.end)]


@given(topics(), st.integers(1, 10**7), st.floats(0, 10_000))
def test_a_limit_on_bytes_is_kept_or_one_offset_read(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], max_bytes: int, mean: float
) -> None:
    ranges = new_ranges(*topic)
    mean_bytes = {r.partition: mean for r in ranges}
    count = affordable(ranges, mean_bytes, max_bytes)
    lag = sum(r.size for r in ranges)
    assert count <= lag or count == 1
    assert count * mean <= max_bytes or count == 1
    assert not ranges or count >= 1
    if lag * mean > max_bytes:
        assert (count + 1) * mean > max_bytes * 0.999, "more would have fitted"


@given(topics(), st.integers(1, 300))
def test_splitting_keeps_every_offset(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], size: int
) -> None:
    ranges = new_ranges(*topic)
    pieces = list(split(ranges, size))
    assert all(0 < piece.size <= size for piece in pieces)
    assert [(p.partition, o) for p in pieces for o in range(p.start, p.end)] == [
        (r.partition, o) for r in ranges for o in range(r.start, r.end)
    ]


def test_deleted_unread_messages_are_named() -> None:
    with pytest.raises(DataLoss, match="partition 1: the messages 5 to 9 were deleted"):
        new_ranges({0: 3, 1: 5}, {0: 0, 1: 10}, {0: 3, 1: 20})


def test_a_regressed_end_offset_is_named() -> None:
    with pytest.raises(EndOffsetRegressed, match=r"partition 0: Kafka ends at 4, .* offset 5"):
        new_ranges({0: 5}, {0: 0}, {0: 4})


def test_plans_of_one_message_and_of_none() -> None:
    assert new_ranges({0: 7}, {0: 0}, {0: 8}) == [Range(0, 7, 8)]
    assert new_ranges({0: 8}, {0: 0}, {0: 8}) == []
    assert new_ranges({}, {}, {}) == []


def test_partitions_with_more_lag_than_headroom_are_at_risk() -> None:
    topic = Topic("t", "c", "i", begin={0: 50, 1: 50, 2: 0}, end={0: 200, 1: 110, 2: 900})
    state = TableState(1, 1, 1, {0: 100, 1: 100}, "i", "c")
    planned = BatchPlan(state, topic, [])
    assert planned.lag == {0: 100, 1: 10, 2: 900}
    assert planned.headroom == {0: 50, 1: 50, 2: 0}
    assert planned.at_risk(after=[]) == [0], "partition 2 was never read"
    assert planned.at_risk(after=[Range(0, 100, 140)]) == []
    retained = Topic("t", "c", "i", begin={0: 0}, end={0: 200})
    assert BatchPlan(TableState(1, 1, 1, {0: 10}, "i", "c"), retained, []).at_risk(after=[]) == []
