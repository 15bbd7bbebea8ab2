"""Verdicts over time: the number of runs by verdict in buckets, for each probe and path."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.journal.rows import VerdictCount
from slos.schema.contract import Verdict


@dataclass(frozen=True, slots=True)
class CountRange:
    """Range that is counted in buckets.

    Attributes:
        width: seconds of a bucket.
        buckets: number of buckets.
    """

    width: int
    buckets: int

    @property
    def seconds(self) -> int:
        """Seconds of the range."""
        return self.width * self.buckets

    def get_start(self, now: float) -> int:
        """Return the start of the oldest bucket, in wall clock seconds."""
        return (int(now // self.width) - self.buckets + 1) * self.width


RANGES: Mapping[str, CountRange] = {
    "hour": CountRange(60, 60),
    "day": CountRange(1800, 48),
    "week": CountRange(10_800, 56),
}
"""Ranges by name, the shortest first."""
COUNTED_SECONDS = max(each.seconds for each in RANGES.values())


_Buckets = dict[int, Counter[Verdict]]
"""Counts by the number of their bucket since 1970."""


class VerdictCounts:
    """Counts in buckets. There is a fixed number of them for each probe and path."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], dict[str, _Buckets]] = {}

    def replace(self, rows: Iterable[VerdictCount]) -> None:
        """Replace all counts, as after a start."""
        self._buckets = {}
        for row in sorted(rows, key=lambda each: each.at):
            self.add(row)

    def add(self, row: VerdictCount) -> None:
        """Add a run, or several of one time."""
        by_range = self._buckets.setdefault(
            (row.probe, row.path), {name: defaultdict(Counter) for name in RANGES}
        )
        for name, counted in RANGES.items():
            index, buckets = int(row.at // counted.width), by_range[name]
            buckets[index][row.verdict] += row.count
            # Runs end in another order than they begin, and a clock may be set back.
            for old in [each for each in buckets if abs(index - each) >= counted.buckets]:
                del buckets[old]

    def list_pairs(self) -> list[tuple[str, str]]:
        """List the probes and paths of which runs were counted."""
        return sorted(self._buckets)

    def list_buckets(
        self, pair: tuple[str, str], name: str, *, now: float
    ) -> Sequence[Mapping[Verdict, int]]:
        """List the buckets of a probe and path in a range up to now, the oldest first."""
        counted, buckets = RANGES[name], self._buckets[pair][name]
        last = int(now // counted.width)
        return [buckets.get(last - ago, {}) for ago in reversed(range(counted.buckets))]

    def choose_range(self, now: float) -> str:
        """Choose the hour while nothing older is counted, and otherwise the day."""
        start = RANGES["hour"].get_start(now)
        is_older = any(
            (index + 1) * RANGES[name].width <= start
            for by_range in self._buckets.values()
            for name, buckets in by_range.items()
            for index in buckets
        )
        return "day" if is_older else "hour"
