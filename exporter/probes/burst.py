"""Burst probe: many alerts at once, each executed exactly once, in time, and unchanged."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from statistics import quantiles

from pydantic import Field, model_validator

from exporter.fields import Length
from exporter.model.deadlines import Sending
from exporter.model.run import ProbeResult
from exporter.prober.context import Means, Outcome
from exporter.prober.runner import Errand, Turn
from exporter.probes import Probe
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import Criterion, Route, Stage, Verdict
from slos.schema.units import Duration

CRITERIA = frozenset({Criterion.NO_RACE, Criterion.NO_DEADLOCK})
_MOST = 1000
_FEWEST = 2
_log = logging.getLogger(__name__)
_EXECUTED = frozenset({Verdict.OK, Verdict.LATE, Verdict.DUPLICATED})
_NOT_THERE = frozenset({Verdict.UNREACHABLE, Verdict.UNKNOWN})


class Settings(Sending):
    """Settings of the burst probe."""

    interval: Length = Duration.of(hours=1)
    """Time between two bursts of one size. Default 1h: a burst is a load, if a short one."""
    max_send_lag: Length = Duration.of(seconds=1)
    """Delay between intended and actual send above which a run is `unknown`. Default 1s."""
    sizes: list[int] = Field(default=[10, 50, 100], min_length=1)
    """Alerts at once, each size on a plan of its own. Default 10, 50 and 100, as VAL-008 asks. The
    label `probe` is `burst_<size>`."""

    @model_validator(mode="after")
    def _sane_sizes(self) -> "Settings":
        if len(set(self.sizes)) < len(self.sizes) or not all(1 < s <= _MOST for s in self.sizes):
            raise ValueError(
                f"sizes {self.sizes} must differ, each from 2 to {_MOST}; like [10, 50]"
            )
        return self


def name(size: int) -> str:
    """Format the value of the label `probe`."""
    return f"burst_{size}"


def lines(settings: Settings) -> Sequence[tuple[str, Route]]:
    """List a label pair for each size."""
    return [(name(size), Route.DIRECT) for size in settings.sizes]


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build a probe for each size."""
    return [Burst(size, settings, means) for size in settings.sizes]


class Burst:
    """Probe that sends a number of alerts at the same moment."""

    rhythm: Rhythm

    def __init__(self, size: int, settings: Settings, means: Means) -> None:
        self.key = name(size)
        self.rhythm = settings
        self._size = size
        self._courier = means.courier
        way, patience = means.ways[Route.DIRECT], settings.patience(means.targets)
        self._errand = Errand(self.key, way, patience)

    async def ask(self, turn: Turn) -> Outcome:
        """Run all alerts, and wait until nothing can change any verdict."""
        carried = (self._courier.carry(self._errand, turn) for _ in range(self._size))
        results = tuple(await asyncio.gather(*carried))
        _log.info("%s: %s", self.key, told(results))
        return Outcome(results, tuple(checks(results)))


def told(results: Sequence[ProbeResult]) -> str:
    """Summarize a burst on one line, with its own quantiles."""
    took = [each.stages[Stage.END_TO_END] for each in results if Stage.END_TO_END in each.stages]
    ok = sum(result.verdict is Verdict.OK for result in results)
    line = f"{ok} of {len(results)} ok"
    if len(took) < _FEWEST:
        return line
    cut = quantiles(took, n=100, method="inclusive")
    return f"{line}, to the function p50 {cut[49]:.3f}s, p95 {cut[94]:.3f}s, p99 {cut[98]:.3f}s"


def checks(results: Sequence[ProbeResult]) -> Iterable[tuple[Criterion, bool]]:
    """Check a burst for races and deadlocks, as far as the prober itself was in order.

    Parameters that came back changed, or under another run's id, are a race. That there was none
    takes two executed alerts to show. An alert that neither finished nor failed by the deadline is
    a deadlock. That there was none is shown by the alerts that reached the target.
    """
    verdicts = [result.verdict for result in results]
    executed = sum(verdict in _EXECUTED for verdict in verdicts)
    if Verdict.CORRUPTED in verdicts or executed > 1:
        yield Criterion.NO_RACE, Verdict.CORRUPTED not in verdicts
    if not _NOT_THERE.issuperset(verdicts):
        yield Criterion.NO_DEADLOCK, Verdict.TIMEOUT not in verdicts
