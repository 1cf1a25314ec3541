"""Offsets over many runs: whatever is produced, deleted and bounded, each offset has one fate."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingest.errors import RetentionGap
from ingest.plan import affordable, plan

PARTITIONS = 4


class Bookkeeping(RuleBasedStateMachine):
    """A topic that grows and forgets, and a table that follows it by `plan` alone."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = {0: 0}
        self.end = {0: 0}
        self.committed: dict[int, int] = {}
        self.read: list[tuple[int, int]] = []
        self.given_up: set[tuple[int, int]] = set()
        self.never_seen: set[tuple[int, int]] = set()

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(0, 30))
    def produce(self, partition: int, count: int) -> None:
        """A partition that is written to for the first time is a new one."""
        self.begin.setdefault(partition, 0)
        self.end[partition] = self.end.get(partition, 0) + count

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(0, 30))
    def forget(self, partition: int, count: int) -> None:
        if partition not in self.end:
            return
        before = self.begin[partition]
        self.begin[partition] = min(before + count, self.end[partition])
        if partition not in self.committed:
            # Of a partition that was never read, Kafka's beginning is the beginning.
            self.never_seen |= {(partition, o) for o in range(before, self.begin[partition])}

    @rule(bound=st.none() | st.integers(1, 40))
    def run(self, bound: int | None) -> None:
        """As a run: plan, or have each gap accepted first."""
        try:
            ranges = plan(self.committed, self.begin, self.end, bound)
        except RetentionGap:
            self._accept()
            ranges = plan(self.committed, self.begin, self.end, bound)
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
            self.given_up |= {(p, o) for o in range(offset, self.begin[p])}
            self.committed[p] = max(offset, self.begin[p])

    @invariant()
    def nothing_is_read_twice(self) -> None:
        assert len(self.read) == len(set(self.read))
        assert not self.given_up & set(self.read)

    def teardown(self) -> None:
        """Drained, every offset was read, given up, or gone before anybody knew its partition."""
        for _ in range(1000):
            before = len(self.read)
            self.run(7)
            if len(self.read) == before:
                break
        everything = {(p, o) for p, end in self.end.items() for o in range(end)}
        assert set(self.read) | self.given_up | self.never_seen == everything


Bookkeeping.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
TestBookkeeping = Bookkeeping.TestCase


def test_what_is_affordable_makes_progress() -> None:
    ranges = plan({}, {0: 0, 1: 0}, {0: 1000, 1: 10})
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 1) == 1
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 10_100) == 101
    assert affordable(ranges, {0: 100.0, 1: 100.0}, 10**9) == 1010
    assert affordable([], {}, 5) == 0
