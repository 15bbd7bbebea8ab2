"""Leak probe: memory, files and other resources that grow without end, of target and prober.

It reads the resources of the target's replicas from Prometheus, and those of this process from
/proc, once per slot. Periodically it judges both (`exporter/leaks`). The verdicts are gauges. The
criterion is about the target alone, and is not counted while there is too little data.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field, model_validator

from exporter.fields import LabelName, Length
from exporter.httpclient.errors import SourceError
from exporter.metrics.gauges import Gauges
from exporter.prober.context import Means, Outcome
from exporter.prober.runner import Turn
from exporter.probes import Probe
from exporter.probes.leak.detector import Finding, Findings, judge
from exporter.probes.leak.policy import Signal
from exporter.probes.leak.queries import Queries, read_family
from exporter.probes.leak.self_usage import Own, readings
from exporter.probes.leak.series import Series
from exporter.prometheus import Prometheus
from exporter.schedule.timetable import Rhythm
from slos.schema import contract
from slos.schema.contract import Criterion, LeakVerdict, Route
from slos.schema.units import Duration

CRITERIA = frozenset({Criterion.LEAKS})
_NAME = "leak"
_OF_THE_POD = 'namespace="ai",pod=~"agent-sre-.*"'
_OF_THE_CONTAINER = f'{_OF_THE_POD},container=~"user-container|agent-sre"'
_METRICS = {
    Signal.WORKING_SET: "container_memory_working_set_bytes",
    Signal.RSS: "container_memory_rss",
    Signal.OPEN_FILES: "container_file_descriptors",
    Signal.THREADS: "container_threads",
}
_GONE = 600.0
"""Seconds without a sample; twice what Prometheus bridges."""


class Shown:
    """Gauges of one set of findings."""

    def __init__(self, gauges: Gauges) -> None:
        self._verdict, self._age = gauges.leak_verdict, gauges.leak_epoch_age
        self._samples = gauges.leak_samples
        self._slopes = (gauges.leak_slope, gauges.leak_slope_low, gauges.leak_slope_high)
        self._labels: set[tuple[str, str]] = set()

    def show(self, findings: Iterable[Finding]) -> None:
        """Set the gauges to these findings and remove all others."""
        now = {(finding.signal.value, finding.instance): finding for finding in findings}
        for gone in self._labels - now.keys():
            for gauge in (self._verdict, self._age, self._samples, *self._slopes):
                gauge.remove(*gone)
        self._labels = set(now)
        for labels, finding in now.items():
            self._one(labels, finding)

    def _one(self, labels: tuple[str, str], finding: Finding) -> None:
        measured = finding.measured
        self._verdict.labels(*labels).set(finding.verdict)
        self._age.labels(*labels).set(finding.age)
        self._samples.labels(*labels).set(measured.trend.n if measured else 0)
        for slope in self._slopes if measured is None else ():
            slope.remove(*labels)  # absent, as no slope of zero was measured
        if measured:
            trend = measured.trend
            for gauge, value in zip(
                self._slopes, (trend.slope, trend.low, trend.high), strict=True
            ):
                gauge.labels(*labels).set(value)


def _of_container(metric: str) -> str:
    return f"max by (pod) ({metric}{{{_OF_THE_CONTAINER}}})"


class Settings(Rhythm):
    """Settings of the leak probe."""

    interval: Length = Duration.of(minutes=1)
    """Time between two readings of this process. Default 1m: a quarter of an hour needs five."""
    timeout: Length = Duration.of(seconds=50)
    """Time for one turn, with all questions to Prometheus. Default 50s."""
    judged_every: Length = Duration.of(minutes=15)
    """Time between two judgements. Default 15m: as long as the shortest floor."""
    window: Length = Duration.of(hours=48)
    """How far to look back. Default 48h: what a daily rhythm hides in one day shows in two."""
    step: Length = Duration.of(minutes=1)
    """Time between two readings of the target. Default 1m."""
    signals: dict[Annotated[Signal, Field(strict=False)], str] = Field(
        default={signal: _of_container(metric) for signal, metric in _METRICS.items()}
    )
    """A query for each signal, with a series for each replica: working_set, rss, open_files,
    threads, close_wait, queue_depth, open_tickets. Default: what cAdvisor tells of the containers
    of agent-sre; what is not there is not judged."""
    replica_label: LabelName = "pod"
    """The label that tells replicas apart. Default pod."""
    starts: str = f"max by (pod) (kube_pod_start_time{{{_OF_THE_POD}}})"
    """A query for the time each replica began, for no trend goes across that. Default: that of
    kube-state-metrics; empty asks nothing."""
    restarts: str = _of_container("kube_pod_container_status_restarts_total")
    """A query for the count of restarts, likewise."""
    events: str = f'sum({contract.PROBE_RUNS}{{verdict!~"unknown|unreachable"}})'
    """A query for a counter of the events a replica had to do, of the last seven days; a series
    without the replica's label is of all. Default: the alerts this prober sent, for agent-sre
    counts none. The first 6,000 fill its lists, and prove nothing; a leak of memory loses more than
    64 bytes with each. Empty asks nothing: then only two hours pass as a warm-up."""

    @model_validator(mode="after")
    def _enough(self) -> "Settings":
        if self.window < self.step * 10:
            raise ValueError(f"window {self.window} has not ten steps of {self.step}; like 48h")
        return self

    @property
    def queries(self) -> Queries:
        """Queries for Prometheus."""
        return Queries(
            signals=self.signals,
            started=self.starts,
            restarts=self.restarts,
            events=self.events,
            label=self.replica_label,
            window=float(self.window.seconds),
            step=float(self.step.seconds),
        )


def lines(_: Settings) -> Sequence[tuple[str, Route]]:
    """List no label pairs: no alert is sent."""
    return ()


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build the one probe."""
    return [Leak(settings, means)]


class Leak:
    """Probe that takes samples in every slot, and judges them periodically."""

    key = _NAME
    rhythm: Rhythm

    def __init__(self, settings: Settings, means: Means) -> None:
        self.rhythm = settings
        self._settings = settings
        self._means = means
        self._clock = means.reach.clock
        self._own = _own_usage(means)
        self._own.plan(
            interval=float(settings.interval.seconds), window=float(settings.window.seconds)
        )
        self._shown_own, self._shown = Shown(means.gauges), Shown(means.gauges)
        self._judged_at: float | None = None

    async def ask(self, _: Turn) -> Outcome:
        """Take a sample, and judge the series if the interval has passed."""
        now = self._clock.now()
        self._own.note(now, await asyncio.to_thread(readings))
        if self._means.open_runs is not None:
            self._own.note(now, {Signal.OPEN_TICKETS: float(self._means.open_runs())})
        every = float(self._settings.judged_every.seconds)
        if self._judged_at is not None and now - self._judged_at < every:
            return Outcome()
        self._judged_at = now
        self._shown_own.show((await _judged(self._own.family(), now)).current)
        if self._means.prometheus is None:
            return Outcome()
        return await self._of_target(self._means.prometheus)

    async def _of_target(self, prometheus: Prometheus) -> Outcome:
        now = self._clock.wall()
        try:
            async with asyncio.timeout(float(self._settings.timeout.seconds)):
                family = await read_family(prometheus, self._settings.queries, now=now)
        except (SourceError, TimeoutError) as error:
            self._shown.show(())  # an old verdict would look current
            why = str(error) or "Prometheus took too long"
            return Outcome(notes=(f"nothing was judged: {why}",), failed=True)
        found = await _judged(family, now)
        there = {
            (one.signal, one.instance)
            for one in family
            if len(one.samples) and now - one.samples.times[-1] <= _GONE
        }
        current = [each for each in found.current if (each.signal, each.instance) in there]
        self._shown.show(current)
        return _outcome(found, current)


def _own_usage(means: Means) -> Own:
    """Resource usage of this process, kept over reloads."""
    if means.state is None:
        return Own(started=means.reach.clock.now())
    own: Own = means.state.values.setdefault(_NAME, Own(started=means.state.started))
    return own


async def _judged(family: list[Series], now: float) -> Findings:
    """Judge series on a thread, because the first call imports SciPy, which takes half a second."""
    return await asyncio.to_thread(judge, family, at=now)


def _outcome(found: Findings, current: list[Finding]) -> Outcome:
    """Return the outcome: a leak shown by two signals fails, passes alone pass."""
    if found.pages:
        leaks = sorted({each.signal for each in current if each.verdict is LeakVerdict.LEAK})
        return Outcome(checks=((Criterion.LEAKS, False),), notes=(f"it leaks: {', '.join(leaks)}",))
    verdicts = {each.verdict for each in current} - {LeakVerdict.INSUFFICIENT}
    return Outcome(checks=((Criterion.LEAKS, True),) if verdicts == {LeakVerdict.PASS} else ())
