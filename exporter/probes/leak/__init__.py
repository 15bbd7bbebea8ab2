"""Leak probe: memory, files and other resources that grow without limit.

It reads the resources of the target's replicas from Prometheus, and those of this process from
/proc, once per slot. Periodically it judges both (`detector.py`). The verdicts are gauges. The
criterion is about the target alone, and is not counted while there is too little data.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator

from exporter.fields import DurationField, LabelName
from exporter.httpclient.errors import RequestError
from exporter.leakdetection.detector import LeakFinding, LeakFindings, detect_leaks
from exporter.leakdetection.explanation import LeakJudgement, explain_findings
from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import SignalSeries
from exporter.metrics.gauges import Gauges
from exporter.prober.context import ProbeContext, ProbeState
from exporter.probes import Probe, ProbeOutcome
from exporter.probes.leak.signal_series import LeakQueries, SelfUsage, fetch_series, read_usage
from exporter.prometheus import PrometheusClient
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema import contract
from slos.schema.contract import Criterion, LeakVerdict
from slos.schema.units import Duration

CRITERIA = frozenset({Criterion.LEAKS})
_NAME = "leak"
_POD_SELECTOR = 'namespace="$namespace",pod=~"agent-sre-.*"'
_CONTAINER_SELECTOR = f'{_POD_SELECTOR},container=~"user-container|agent-sre"'
_SIGNAL_METRICS = {
    LeakSignal.WORKING_SET: ("container_memory_working_set_bytes",),
    LeakSignal.RSS: ("container_memory_rss",),
    # kube-prometheus-stack drops container_file_descriptors, and many programs export the other.
    LeakSignal.OPEN_FILES: ("process_open_fds", "container_file_descriptors"),
    LeakSignal.THREADS: ("container_threads",),
}
"""Metrics of each signal; of a replica that has several, the first counts."""
_STALE_AFTER = 600.0
"""Seconds without a sample; twice what Prometheus bridges."""


class LeakGauges:
    """Gauges of one set of findings."""

    def __init__(self, gauges: Gauges) -> None:
        self._verdict, self._age = gauges.leak_verdict, gauges.leak_epoch_age
        self._samples = gauges.leak_samples
        self._slopes = (gauges.leak_slope, gauges.leak_slope_low, gauges.leak_slope_high)
        self._labels: set[tuple[str, str]] = set()

    def update(self, findings: Iterable[LeakFinding]) -> None:
        """Set the gauges to these findings and remove all others."""
        by_labels = {(finding.signal.value, finding.instance): finding for finding in findings}
        for removed in self._labels - by_labels.keys():
            for gauge in (self._verdict, self._age, self._samples, *self._slopes):
                gauge.remove(*removed)
        self._labels = set(by_labels)
        for labels, finding in by_labels.items():
            self._set_gauges(labels, finding)

    def _set_gauges(self, labels: tuple[str, str], finding: LeakFinding) -> None:
        measurement = finding.measurement
        self._verdict.labels(*labels).set(finding.verdict)
        self._age.labels(*labels).set(finding.age)
        self._samples.labels(*labels).set(measurement.trend.n if measurement else 0)
        for slope in self._slopes if measurement is None else ():
            slope.remove(*labels)  # absent, as no slope of zero was measured
        if measurement:
            trend = measurement.trend
            for gauge, value in zip(
                self._slopes, (trend.slope, trend.low, trend.high), strict=True
            ):
                gauge.labels(*labels).set(value)


def _build_container_query(*metrics: str) -> str:
    return " or ".join(f"max by (pod) ({metric}{{{_CONTAINER_SELECTOR}}})" for metric in metrics)


class Settings(Schedule):
    """Settings of the leak probe."""

    interval: DurationField = Duration.from_parts(minutes=1)
    """Time between two readings of this process. Default 1m: each baseline value needs at least
    five."""
    timeout: DurationField = Duration.from_parts(seconds=50)
    """Time for one slot, with all queries to Prometheus. Default 50s."""
    judged_every: DurationField = Duration.from_parts(minutes=15)
    """Time between two verdicts. Default 15m: the shortest time of a baseline value."""
    window: DurationField = Duration.from_parts(hours=48)
    """Range of the samples. Default 48h: two days, because a daily pattern can hide growth within
    one day."""
    step: DurationField = Duration.from_parts(minutes=1)
    """Time between two samples of the target. Default 1m."""
    signals: dict[Annotated[LeakSignal, Field(strict=False)], str] = Field(
        default={
            signal: _build_container_query(*metrics) for signal, metrics in _SIGNAL_METRICS.items()
        }
    )
    """Query for each signal, with one series per replica: working_set, rss, open_files, threads,
    close_wait, queue_depth, open_tickets. Default: the cAdvisor metrics of the containers of
    agent-sre, and for open_files `process_open_fds` where Prometheus scrapes it from agent-sre. A
    signal without a series gets no verdict, and is reported as not observed."""
    replica_label: LabelName = "pod"
    """Label that identifies a replica. Default pod."""
    starts: str = f"max by (pod) (kube_pod_start_time{{{_POD_SELECTOR}}})"
    """Query for the start time of each replica; a trend never spans a restart. Default: the metric
    of kube-state-metrics. If empty, there is no such query."""
    restarts: str = _build_container_query("kube_pod_container_status_restarts_total")
    """Query for the number of restarts of each replica. If empty, there is no such query."""
    events: str = f'sum({contract.PROBE_RUNS}{{verdict!~"unknown|unreachable"}})'
    """Query for a counter of the events of each replica over the last seven days; a series without
    the replica label applies to all. Default: the alerts of this prober, because agent-sre has no
    such counter. The first 6,000 events are the warm-up, because they fill lists of limited size; a
    memory leak loses more than 64 bytes per event. If empty, the warm-up is two hours."""

    @model_validator(mode="after")
    def _check_window(self) -> "Settings":
        if self.window < self.step * 10:
            raise ValueError(
                f"window {self.window} is shorter than ten steps of {self.step}; for example 48h"
            )
        return self

    @property
    def queries(self) -> LeakQueries:
        """Queries for Prometheus."""
        return LeakQueries(
            signals=self.signals,
            start_times=self.starts,
            restart_counts=self.restarts,
            events=self.events,
            replica_label=self.replica_label,
            window=float(self.window.seconds),
            step=float(self.step.seconds),
        )


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List no label pairs: no alert is sent."""
    return ()


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    return [LeakProbe(settings, context)]


class LeakProbe:
    """Probe that takes samples in every slot, and judges them periodically."""

    key = _NAME
    schedule: Schedule

    def __init__(self, settings: Settings, context: ProbeContext) -> None:
        self.schedule = settings
        self._settings = settings
        self._context = context
        self._clock = context.path_context.clock
        self._self_usage = _keep_self_usage(context.state)
        self._self_usage.configure(
            interval=float(settings.interval.seconds), window=float(settings.window.seconds)
        )
        self._self_gauges, self._target_gauges = (
            LeakGauges(context.gauges),
            LeakGauges(context.gauges),
        )
        self._judged_at: float | None = None

    async def run(self, _: Slot) -> ProbeOutcome:
        """Take a sample, and judge the series if the interval has passed."""
        now = self._clock.now()
        self._self_usage.record(now, await asyncio.to_thread(read_usage))
        open_runs = float(self._context.count_open_runs())
        self._self_usage.record(now, {LeakSignal.OPEN_TICKETS: open_runs})
        interval = float(self._settings.judged_every.seconds)
        if self._judged_at is not None and now - self._judged_at < interval:
            return ProbeOutcome()
        self._judged_at = now
        own = (await _judge_series(self._self_usage.list_series(), now)).current
        self._self_gauges.update(own)
        self._keep_judgement("slo-probe", own)
        if self._context.prometheus is None:
            note = f"not observed, without prometheus: {', '.join(self._set_observed(()))}"
            self._keep_judgement("target", note=note)
            return ProbeOutcome(notes=(note,))
        return await self._judge_target(self._context.prometheus)

    async def _judge_target(self, prometheus: PrometheusClient) -> ProbeOutcome:
        now = self._clock.wall()
        try:
            async with asyncio.timeout(float(self._settings.timeout.seconds)):
                family = await fetch_series(prometheus, self._settings.queries, now=now)
        except (RequestError, TimeoutError) as error:
            self._target_gauges.update(())  # an old verdict would look current
            self._set_observed(())
            note = f"no verdict: {str(error) or 'Prometheus did not respond in time'}"
            self._keep_judgement("target", note=note)
            return ProbeOutcome(notes=(note,), failed=True)
        findings = await _judge_series(family, now)
        present = {
            (series.signal, series.instance)
            for series in family
            if len(series.samples) and now - series.samples.times[-1] <= _STALE_AFTER
        }
        current = [
            finding for finding in findings.current if (finding.signal, finding.instance) in present
        ]
        self._target_gauges.update(current)
        gaps = self._set_observed(list_observed_signals(family))
        outcome = _to_outcome(findings, current)
        note = f"not observed: {', '.join(gaps)}" if gaps else ""
        self._keep_judgement("target", current, note=note)
        return replace(outcome, notes=(*outcome.notes, *([note] if note else [])))

    def _keep_judgement(
        self, workload: str, findings: Iterable[LeakFinding] = (), note: str = ""
    ) -> None:
        """Keep the verdicts on a workload for the pages."""
        self._context.state.leaks[workload] = LeakJudgement(
            self._clock.wall(), explain_findings(findings), note
        )

    def _set_observed(self, observed: Collection[LeakSignal]) -> list[LeakSignal]:
        """Set the gauge of each signal with a query; return those without samples."""
        signals = list(self._settings.signals)
        for signal in signals:
            gauge = self._context.gauges.leak_signal_observed.labels(signal)
            gauge.set(signal in observed)
        return sorted(set(signals) - set(observed))


def _keep_self_usage(state: ProbeState) -> SelfUsage:
    """Keep the resource usage of this process over reloads."""
    kept: SelfUsage = state.values.setdefault(_NAME, SelfUsage(started=state.started))
    return kept


async def _judge_series(series: list[SignalSeries], now: float) -> LeakFindings:
    """Judge series on a thread, because the first call imports SciPy, which takes half a second."""
    return await asyncio.to_thread(detect_leaks, series, now=now)


def list_observed_signals(family: Iterable[SignalSeries]) -> set[LeakSignal]:
    """List the signals that have samples up to the newest sample of all signals.

    All signals of a target that was scaled to zero end at the same time, and none is a gap.
    """
    ends = [(each.signal, each.samples.times[-1]) for each in family if len(each.samples)]
    newest = max((end for _, end in ends), default=0.0)
    return {signal for signal, end in ends if newest - end <= _STALE_AFTER}


def _to_outcome(findings: LeakFindings, current: list[LeakFinding]) -> ProbeOutcome:
    """Return the outcome: a leak shown by two signals fails, passes alone pass."""
    if findings.needs_page:
        leaks = sorted(
            {finding.signal for finding in current if finding.verdict is LeakVerdict.LEAK}
        )
        return ProbeOutcome(
            checks=((Criterion.LEAKS, False),), notes=(f"leak found: {', '.join(leaks)}",)
        )
    verdicts = {finding.verdict for finding in current} - {LeakVerdict.INSUFFICIENT}
    return ProbeOutcome(checks=((Criterion.LEAKS, True),) if verdicts == {LeakVerdict.PASS} else ())
