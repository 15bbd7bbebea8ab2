"""Burst probe: many alerts at once, each executed exactly once, in time, and unchanged."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from statistics import quantiles

from pydantic import Field, model_validator

from exporter.fields import DurationField, in_unit
from exporter.model.deadlines import AlertProbeSettings
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, ProbeOutcome
from exporter.schedule.open_loop import Slot, send_open_loop
from exporter.schedule.timetable import Schedule
from slos.schema.contract import Criterion, DeliveryPath, Stage, Verdict
from slos.schema.units import Duration

CRITERIA = frozenset({Criterion.NO_RACE, Criterion.NO_DEADLOCK})
_MAX_SIZE = 1000
_MIN_FOR_QUANTILES = 2
_log = logging.getLogger(__name__)
_EXECUTED = frozenset({Verdict.OK, Verdict.LATE, Verdict.DUPLICATED})
_NOT_DELIVERED = frozenset({Verdict.UNREACHABLE, Verdict.UNKNOWN})


class Settings(AlertProbeSettings):
    """Settings of the burst probe."""

    interval: DurationField = Duration.from_parts(hours=1)
    """Time between two bursts of one size. Default 1h, because a burst is a load."""
    max_send_lag: DurationField = Duration.from_parts(seconds=1)
    """Delay between intended and actual send above which a run is `unknown`. Default 1s."""
    sizes: list[int] = Field(
        default=[10, 50, 100], min_length=1, json_schema_extra=in_unit("alerts")
    )
    """Numbers of simultaneous alerts, each on its own schedule. Default 10, 50 and 100, as VAL-008
    requires. The label `probe` is `burst_<size>`."""

    @model_validator(mode="after")
    def _check_sizes(self) -> "Settings":
        if len(set(self.sizes)) < len(self.sizes) or not all(
            1 < size <= _MAX_SIZE for size in self.sizes
        ):
            raise ValueError(
                f"sizes {self.sizes} must be different, each from 2 to {_MAX_SIZE}; "
                "for example [10, 50]"
            )
        return self


def format_probe_name(size: int) -> str:
    """Format the value of the label `probe`."""
    return f"burst_{size}"


def list_label_pairs(settings: Settings) -> Sequence[tuple[str, str]]:
    """List a label pair for each size."""
    return [(format_probe_name(size), DeliveryPath.DIRECT) for size in settings.sizes]


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build a probe for each size."""
    return [BurstProbe(size, settings, context) for size in settings.sizes]


class BurstProbe:
    """Probe that sends a number of alerts at the same moment."""

    schedule: Schedule

    def __init__(self, size: int, settings: Settings, context: ProbeContext) -> None:
        self.key = format_probe_name(size)
        self.schedule = settings
        self._size = size
        self._alert_runner = context.alert_runner
        self._clock = context.path_context.clock
        path, deadlines = context.paths[DeliveryPath.DIRECT], settings.to_deadlines(context.targets)
        self._job = AlertJob(self.key, path, deadlines)

    async def run(self, slot: Slot) -> ProbeOutcome:
        """Run all alerts, and wait until nothing can change any verdict."""
        run_job = partial(self._alert_runner.run, self._job)
        runs = tuple(await send_open_loop([0.0] * self._size, slot, run_job, clock=self._clock))
        _log.info("%s: %s", self.key, summarize_burst(runs))
        return ProbeOutcome(runs, tuple(check_burst(runs)))


def summarize_burst(runs: Sequence[Run]) -> str:
    """Summarize a burst on one line, with its own quantiles."""
    durations = [
        stages[Stage.END_TO_END].high
        for stages in (run.stages for run in runs)
        if Stage.END_TO_END in stages
    ]
    ok = sum(run.verdict is Verdict.OK for run in runs)
    line = f"{ok} of {len(runs)} ok"
    if len(durations) < _MIN_FOR_QUANTILES:
        return line
    cuts = quantiles(durations, n=100, method="inclusive")
    p50, p95, p99 = cuts[49], cuts[94], cuts[98]
    return f"{line}, end to end p50 {p50:.3f}s, p95 {p95:.3f}s, p99 {p99:.3f}s"


def check_burst(runs: Sequence[Run]) -> Iterable[tuple[Criterion, bool]]:
    """Check a burst for races and deadlocks, as far as the prober itself was in order.

    Parameters that came back changed, or under another run's id, are a race. That there was none
    takes two executed alerts to show. An alert that neither finished nor failed by the deadline is
    a deadlock. That there was none is shown by the alerts that reached the target.
    """
    verdicts = [run.verdict for run in runs]
    executed = sum(verdict in _EXECUTED for verdict in verdicts)
    if Verdict.CORRUPTED in verdicts or executed > 1:
        yield Criterion.NO_RACE, Verdict.CORRUPTED not in verdicts
    if not _NOT_DELIVERED.issuperset(verdicts):
        yield Criterion.NO_DEADLOCK, not any(map(_shows_deadlock, runs))


def _shows_deadlock(run: Run) -> bool:
    """Return whether an alert hung; one whose connection broke did not."""
    return run.verdict is Verdict.TIMEOUT and run.reason is not Reason.REPLY_LOST_BUT_EXECUTED
