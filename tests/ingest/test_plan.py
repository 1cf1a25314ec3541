"""Planning is arithmetic, so it is tested for all inputs, not for examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.commit import Committed
from ingest.errors import OffsetsWentBack, RetentionGap
from ingest.plan import Range, affordable, plan, split
from ingest.run import Planned
from ingest.topic import Topic


@st.composite
def topics(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """Committed, begin and end offsets that fit together; some partitions are new."""
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
    planned = {(r.partition, offset) for r in plan(*topic) for offset in range(r.start, r.end)}
    wanted = {
        (partition, offset)
        for partition in end
        for offset in range(committed.get(partition, begin[partition]), end[partition])
    }
    assert planned == wanted
    assert sum(r.size for r in plan(*topic)) == len(wanted)


@given(topics(), st.integers(1, 2000))
def test_bounded_runs_drain_the_topic_without_a_seam(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], bound: int
) -> None:
    committed, begin, end = topic
    everything = plan(*topic)
    done: list[tuple[int, int]] = []
    for _ in range(10_000):
        ranges = plan(committed, begin, end, bound)
        if not ranges:
            break
        waiting = sum(r.size for r in plan(committed, begin, end))
        assert sum(r.size for r in ranges) == min(bound, waiting)
        if bound >= len(plan(committed, begin, end)):
            assert len(ranges) == len(plan(committed, begin, end)), "a partition starves"
        for r in ranges:
            done.extend((r.partition, offset) for offset in range(r.start, r.end))
            committed = {**committed, r.partition: r.end}
    assert sorted(done) == [(r.partition, o) for r in everything for o in range(r.start, r.end)]


@given(topics(), st.integers(1, 10**7), st.floats(0, 10_000))
def test_a_bound_on_bytes_is_kept_but_for_one_offset(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], max_bytes: int, mean: float
) -> None:
    ranges = plan(*topic)
    mean_bytes = {r.partition: mean for r in ranges}
    count = affordable(ranges, mean_bytes, max_bytes)
    waiting = sum(r.size for r in ranges)
    assert count <= waiting or count == 1
    assert count * mean <= max_bytes or count == 1
    assert not ranges or count >= 1
    if waiting * mean > max_bytes:
        assert (count + 1) * mean > max_bytes * 0.999, "more would have fitted"


@given(topics(), st.integers(1, 300))
def test_splitting_keeps_every_offset(
    topic: tuple[dict[int, int], dict[int, int], dict[int, int]], size: int
) -> None:
    ranges = plan(*topic)
    pieces = list(split(ranges, size))
    assert all(0 < piece.size <= size for piece in pieces)
    assert [(p.partition, o) for p in pieces for o in range(p.start, p.end)] == [
        (r.partition, o) for r in ranges for o in range(r.start, r.end)
    ]


def test_what_retention_took_is_named() -> None:
    with pytest.raises(RetentionGap, match="partition 1: the messages 5 to 9 were deleted"):
        plan({0: 3, 1: 5}, {0: 0, 1: 10}, {0: 3, 1: 20})


def test_an_end_that_moved_back_is_named() -> None:
    with pytest.raises(OffsetsWentBack, match=r"partition 0: Kafka ends at 4, .* offset 5"):
        plan({0: 5}, {0: 0}, {0: 4})


def test_one_message_and_none() -> None:
    assert plan({0: 7}, {0: 0}, {0: 8}) == [Range(0, 7, 8)]
    assert plan({0: 8}, {0: 0}, {0: 8}) == []
    assert plan({}, {}, {}) == []


def test_retention_warns_while_more_waits_than_kafka_may_delete_first() -> None:
    topic = Topic("t", "c", "i", begin={0: 50, 1: 50, 2: 0}, end={0: 200, 1: 110, 2: 900})
    base = Committed(1, 1, 1, {0: 100, 1: 100}, "i", "c")
    planned = Planned(base, topic, [])
    assert planned.waiting == {0: 100, 1: 10, 2: 900}
    assert planned.headroom == {0: 50, 1: 50, 2: 0}
    assert planned.endangered(after=[]) == [0], "partition 2 was never read: nothing is lost yet"
    assert planned.endangered(after=[Range(0, 100, 140)]) == []
    keeps = Topic("t", "c", "i", begin={0: 0}, end={0: 200})
    assert Planned(Committed(1, 1, 1, {0: 10}, "i", "c"), keeps, []).endangered(after=[]) == []
