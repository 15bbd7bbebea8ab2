"""Probe and gauges of leaks. It imports NumPy, which only a prober with this probe needs."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import replace

from exporter.httpclient.errors import RequestError
from exporter.leakdetection.detector import LeakFinding, LeakFindings, detect_leaks
from exporter.leakdetection.explanation import LeakJudgement, explain_findings
from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import SignalSeries
from exporter.metrics.gauges import Gauges
from exporter.prober.context import ProbeContext, ProbeState
from exporter.probes import ProbeOutcome
from exporter.probes.leak import Settings
from exporter.probes.leak.signal_series import LeakQueries, SelfUsage, fetch_series, read_usage
from exporter.prometheus import PrometheusClient
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema.contract import Criterion, LeakVerdict

_NAME = "leak"
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
                family = await fetch_series(prometheus, _build_queries(self._settings), now=now)
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


def _build_queries(settings: Settings) -> LeakQueries:
    return LeakQueries(
        signals=settings.signals,
        start_times=settings.starts,
        restart_counts=settings.restarts,
        events=settings.events,
        replica_label=settings.replica_label,
        window=float(settings.window.seconds),
        step=float(settings.step.seconds),
    )


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
