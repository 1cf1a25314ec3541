"""A stateful test of planning: each offset is read once, accepted as lost, or deleted unseen."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.errors import DataLoss
from ingest.plan import affordable, new_ranges

PARTITIONS = 4


class OffsetModel(RuleBasedStateMachine):
    """A topic whose records are produced and deleted, and a table that reads planned ranges."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = {0: 0}
        self.end = {0: 0}
        self.committed: dict[int, int] = {}
        self.read: list[tuple[int, int]] = []
        self.accepted_as_lost: set[tuple[int, int]] = set()
        self.deleted_unseen: set[tuple[int, int]] = set()

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(0, 30))
    def produce(self, partition: int, count: int) -> None:
        """Add offsets; the first ones of a partition create it."""
        self.begin.setdefault(partition, 0)
        self.end[partition] = self.end.get(partition, 0) + count

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(0, 30))
    def delete(self, partition: int, count: int) -> None:
        if partition not in self.end:
            return
        before = self.begin[partition]
        self.begin[partition] = min(before + count, self.end[partition])
        if partition not in self.committed:
            # A partition that was never read is read from Kafka's begin offset.
            self.deleted_unseen |= {(partition, o) for o in range(before, self.begin[partition])}

    @rule(limit=st.none() | st.integers(1, 40))
    def run(self, limit: int | None) -> None:
        """Plan and read a batch; if records were deleted unread, accept that first."""
        try:
            ranges = new_ranges(self.committed, self.begin, self.end, limit)
        except DataLoss:
            self._accept()
            ranges = new_ranges(self.committed, self.begin, self.end, limit)
        for r in ranges:
            assert self.begin[r.partition] <= r.start < r.end <= self.end[r.partition]
            self.read += [(r.partition, offset) for offset in range(r.start, r.end)]
        if ranges:
            self.committed = {
                **self.begin,
                **self.committed,
                **{r.partition: r.end for r in ranges},
            }

    def _accept(self) -> None:
        for p, offset in self.committed.items():
            self.accepted_as_lost |= {(p, o) for o in range(offset, self.begin[p])}
            self.committed[p] = max(offset, self.begin[p])

    @invariant()
    def nothing_is_read_twice(self) -> None:
        assert len(self.read) == len(set(self.read))
        assert not self.accepted_as_lost & set(self.read)

    def teardown(self) -> None:
        """Drain the topic: every offset was read, accepted as lost, or deleted unseen."""
        for _ in range(1000):
            before = len(self.read)
            self.run(7)
            if len(self.read) == before:
                break
        everything = {(p, o) for p, end in self.end.items() for o in range(end)}
        assert set(self.read) | self.accepted_as_lost | self.deleted_unseen == everything


OffsetModel.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
TestOffsetModel = OffsetModel.TestCase


def test_a_limit_on_bytes_allows_one_offset_at_least() -> None:
    ranges = new_ranges({}, {0: 0, 1: 0}, {0: 1000, 1: 10})
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 1) == 1
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 10_100) == 101
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 10**9) == 1010
    assert affordable([], {}, 5) == 0
