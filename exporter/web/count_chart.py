"""Chart of verdicts over time: one stacked bar for each bucket. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.run import format_timestamp
from exporter.prober.verdict_counts import RANGES, VerdictCounts
from slos.schema.contract import Verdict

HEIGHT = 60
_LEAST_HEIGHT = 4.0
"""Least height of a part, so that one failure among many runs is seen."""
_ORDER = (*(verdict for verdict in Verdict if verdict is not Verdict.OK), Verdict.OK)
"""Verdicts from the bottom: failures stand on the axis, where they can be compared."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a bar: the runs of one verdict in a bucket."""

    verdict: Verdict
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class CountBar:
    """Bar of a bucket, with its text."""

    x: int
    text: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class CountChart:
    """Chart of a probe on a path.

    Attributes:
        probe: the probe.
        path: the delivery path.
        totals: number of runs by verdict in the range.
        bars: a bar for each bucket with runs.
        buckets: number of buckets.
        highest: most runs in a bucket.
    """

    probe: str
    path: str
    totals: Mapping[Verdict, int]
    bars: Sequence[CountBar]
    buckets: int
    highest: int

    @property
    def summary(self) -> str:
        """Totals in words."""
        return ", ".join(f"{count:,} {verdict}" for verdict, count in self.totals.items())


def build_charts(counts: VerdictCounts, name: str, *, now: float) -> list[CountChart]:
    """Build the charts of all probes and paths with runs in a range."""
    charts = [_build_chart(counts, pair, name, now) for pair in counts.list_pairs()]
    return [chart for chart in charts if chart.totals]


def _build_chart(counts: VerdictCounts, pair: tuple[str, str], name: str, now: float) -> CountChart:
    buckets = counts.list_buckets(pair, name, now=now)
    found = sum((Counter(bucket) for bucket in buckets), Counter[Verdict]())
    highest = max(sum(bucket.values()) for bucket in buckets)
    start, width = RANGES[name].get_start(now), RANGES[name].width
    return CountChart(
        *pair,
        {verdict: found[verdict] for verdict in Verdict if found[verdict]},
        [
            CountBar(x, _describe(bucket, start + x * width), list(_stack(bucket, x, highest)))
            for x, bucket in enumerate(buckets)
            if bucket
        ],
        len(buckets),
        highest,
    )


def _describe(bucket: Mapping[Verdict, int], at: float) -> str:
    counted = ", ".join(
        f"{bucket[verdict]:,} {verdict}" for verdict in Verdict if bucket.get(verdict)
    )
    return f"{format_timestamp(at)[:16].replace('T', ' ')}: {counted}"


def _stack(bucket: Mapping[Verdict, int], x: int, highest: int) -> Iterator[Part]:
    heights = {
        verdict: max(_LEAST_HEIGHT, HEIGHT * bucket[verdict] / highest)
        for verdict in _ORDER
        if bucket.get(verdict)
    }
    scale = min(1.0, HEIGHT / sum(heights.values()))
    top = float(HEIGHT)
    for verdict, height in heights.items():
        top -= height * scale
        yield Part(verdict, x, round(top, 1), round(height * scale, 1))
