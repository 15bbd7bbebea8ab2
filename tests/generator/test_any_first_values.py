"""Whatever happens to the series of a target, no event is counted twice.

At least the increase of each series is counted, and at most the events that happened. With
FIRST_VALUES=500 so many runs of promtool are tried instead of two.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generator.promtool import PromtoolEvaluation
from tests.schema.specs import build_slo, build_spec

SLI = {
    "events": {
        "error_query": 'sum by (job) (rate(hits{code!="ok"}[{{.window}}]))',
        "total_query": "sum by (job) (rate(hits[{{.window}}]))",
    }
}
SPEC = build_spec(build_slo(name="a", objective=99, period="7d", sli=SLI))
SCRAPE, SCRAPES = 30, 360
# The steps that are added up: the last one ends three and a half minutes before the check.
CHECK, STEPS = "2h50m", 16
START, END = 13, 333
SCRAPES_IN_STEP = 20
# Scrapes that are missed: less than `max_gap`.
GAPS = st.integers(1, 100)
JOBS = 6


@dataclass(frozen=True)
class Counter:
    """Counter of errors: its first value at a scrape, and events from one scrape to the next."""

    born: int
    first: int
    each: int

    def value(self, scrape: int) -> int:
        return self.first + self.each * (scrape - self.born)


@dataclass(frozen=True)
class Target:
    """Target, and one disturbance of its series.

    Attributes:
        seen_from: its first scrape.
        is_new: whether its process has just started then.
        shows_start: whether it exposes `process_start_time_seconds`.
        counters: of errors.
        disturbance: what happens to the series of the metric.
        at: scrape at which it happens.
        length: number of missed scrapes.
    """

    seen_from: int
    is_new: bool
    shows_start: bool
    counters: tuple[Counter, ...]
    disturbance: str
    at: int
    length: int

    def list_series(self, job: str) -> dict[str, str]:
        start = self.seen_from * SCRAPE - 7 if self.is_new else -86_400
        known = [(f'process_start_time_seconds{{job="{job}"', Counter(self.seen_from, start, 0))]
        series = [
            (f'hits{{job="{job}",code="{number}"', counter)
            for number, counter in enumerate(self.counters)
        ]
        ok = (f'hits{{job="{job}",code="ok"', Counter(self.seen_from, 0, 5))
        rendered: dict[str, str] = {}
        for name, counter in [*series, ok]:
            hides_alone = self.disturbance == "exposed again" and name == series[0][0]
            rendered |= self._render(name, counter, is_gone=hides_alone)
        for name, counter in known if self.shows_start else ():
            rendered |= self._render(name, counter, is_gone=False)
        return rendered

    def _render(self, name: str, counter: Counter, *, is_gone: bool) -> dict[str, str]:
        def render(first: int, last: int, *, stale: bool = False) -> str:
            begin = max(first, counter.born)
            if begin >= last:
                return f"_x{last - first}" if last > first else ""
            gap = f"_x{begin - first} " if begin > first else ""
            values = f"{counter.value(begin)}+{counter.each}x{last - begin - 1}"
            return f"{gap}{values}{' stale' if stale else ''}"

        one, two = f'{name},instance="1"}}', f'{name},instance="2"}}'
        if name.startswith("hits") and self.disturbance == "metric renamed":
            two = f'{name},instance="1",pod="p"}}'
        is_renamed = self.disturbance == "instance renamed" or two.endswith('pod="p"}')
        if is_renamed:
            return {
                one: render(0, self.at, stale=True),
                two: f"_x{self.at} {render(self.at, SCRAPES)}",
            }
        if is_gone or self.disturbance == "gap":
            stale = is_gone and counter.born < self.at
            missed = f"_x{self.length - stale}" if self.length > stale else ""
            after = render(self.at + self.length, SCRAPES)
            return {one: f"{render(0, self.at, stale=stale)} {missed} {after}"}
        return {one: render(0, SCRAPES)}

    def bound_errors(self) -> tuple[int, int]:
        """Compute how many errors a rate of raw samples counts, and how many happened."""
        low = high = 0
        for counter in self.counters:
            first = max(counter.born, START)
            events = counter.value(END) - counter.value(first)
            is_old = counter.born == self.seen_from and not self.is_new
            high += events if is_old else events + counter.first
            if "renamed" in self.disturbance and first < self.at:
                events -= counter.each
            if self.disturbance in ("gap", "exposed again") and self.at <= first:
                seen = max(first, self.at + self.length)
                events = counter.value(END) - counter.value(seen)
            low += events
        return low, high


@st.composite
def draw_target(draw: st.DrawFn) -> Target:
    is_new = draw(st.booleans())
    seen_from = draw(st.integers(40, 150)) if is_new or draw(st.booleans()) else 0
    counters = draw(
        st.lists(
            st.builds(
                Counter,
                born=st.one_of(st.just(seen_from), st.integers(max(seen_from, 40) + 1, 300)),
                first=st.integers(1, 1000),
                each=st.integers(0, 3),
            ),
            min_size=1,
            max_size=3,
        )
    )
    return Target(
        seen_from,
        is_new,
        draw(st.booleans()),
        tuple(counters),
        draw(st.sampled_from(["", "gap", "exposed again", "metric renamed", "instance renamed"])),
        # In the step in which a process started, all that it exposes counts.
        draw(st.integers(seen_from + SCRAPES_IN_STEP + 1, 250)),
        draw(GAPS),
    )


@settings(
    deadline=None,
    max_examples=int(os.environ.get("FIRST_VALUES", "2")),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(draw_target(), min_size=JOBS, max_size=JOBS))
def test_no_event_is_counted_twice(tmp_path: Path, targets: list[Target]) -> None:
    series: dict[str, str] = {}
    for number, target in enumerate(targets):
        series |= target.list_series(f"j{number}")
    evaluation = PromtoolEvaluation(SPEC, series, step="10m")
    for number, target in enumerate(targets):
        low, high = target.bound_errors()
        counted = render_sum(f"j{number}")
        evaluation.expect_nothing(CHECK, f"{counted} < {low - 0.001} or {counted} > {high + 0.001}")
    evaluation.run_promtool(tmp_path)


def render_sum(job: str) -> str:
    errors = f'slo:sli_errors:sum10m{{job="{job}"}}'
    earlier = "".join(f" + (sum({errors} offset {10 * n}m) or vector(0))" for n in range(1, STEPS))
    return f"(sum({errors}){earlier})"
