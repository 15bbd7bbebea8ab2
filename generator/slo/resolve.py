"""Resolver of specs: turns them into SLOs with every default decided.

Defaults are merged here and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from generator.model import (
    SLO,
    BurnAlert,
    BurnCondition,
    Firing,
    Severity,
    ThresholdAlert,
    Window,
    Windows,
)
from generator.settings import Defaults
from generator.slo import annotations, burn_rate
from generator.slo.annotations import AlertWriter
from slos.schema.alerting import BurnAlert as BurnAlertSpec
from slos.schema.problem import Problem
from slos.schema.query_analysis import NotSummable
from slos.schema.sli_signal import Signal
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration

_ABSENT_FOR = Duration.of(minutes=10)


def resolve(located: LocatedSpec, defaults: Defaults) -> tuple[list[SLO], list[Problem]]:
    """Resolve the SLOs of one spec; an SLO that cannot be resolved is among the problems."""
    slos, problems = [], []
    for index, spec in enumerate(located.spec.slos):
        try:
            signal = spec.sli.chosen().signal()
        except NotSummable as error:
            message, _, hint = str(error).partition("; ")
            at = located.at(("slos", index, "sli", spec.sli.chosen().KEY))
            problems.append(Problem(at, message, hint, check="not-summable"))
        else:
            slos.append(_Resolving(located, spec, defaults, signal).slo())
    return slos, problems


@dataclass(frozen=True, slots=True)
class _Resolving:
    """Resolver of one SLO."""

    located: LocatedSpec
    spec: SloSpec
    defaults: Defaults
    signal: Signal

    def slo(self) -> SLO:
        steps = burn_rate.steps(self.scrape, self._lengths())
        return SLO(
            service=self.located.spec.service,
            name=self.spec.name,
            description=self.promise.description,
            objective=self.spec.objective,
            period=self.period,
            steps=steps,
            windows=tuple(sorted(self._lengths())),
            labels={
                **self.located.spec.labels,
                **self.spec.labels,
                **self.defaults.extra_labels,
            },
            run_labels=self.defaults.extra_labels,
            signal=self.signal,
            burn_alerts=tuple(self._burn_alerts()),
            threshold_alerts=tuple(self._threshold_alerts()),
            absent_alert=self._absent_alert(),
            expected_events=self.spec.expected_events,
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.defaults.period

    @property
    def scrape(self) -> Duration:
        return self.located.spec.scrape_interval or self.defaults.scrape_interval

    @property
    def windows(self) -> Windows:
        if own := self.spec.alerting.windows:
            return burn_rate.own_windows(own)
        from_files = (self.defaults.windows or {}).get(self.period)
        ours = burn_rate.windows_for(self.period, self.scrape)
        return from_files or burn_rate.rounded(ours, self.scrape)

    @property
    def promise(self) -> annotations.Promise:
        return annotations.Promise(
            service=self.located.spec.service,
            slo=self.spec.name,
            description=" ".join(self.spec.description.split()),
            objective=self.spec.objective,
            period=self.period,
            by=self.signal.by,
            bad=annotations.BAD[self.signal.weight],
        )

    @property
    def writer(self) -> AlertWriter:
        slo_id = f"{self.located.spec.service}-{self.spec.name}"
        return AlertWriter(
            spec=self.located.spec,
            slo_id=slo_id,
            alerting=self.spec.alerting,
            by=self.signal.by,
            run_labels=self.defaults.extra_labels,
        )

    def _lengths(self) -> set[Duration]:
        windows = (*self.windows.page, *self.windows.ticket)
        overs = {alert.over for alert in self.spec.alerting.threshold_alerts}
        return {w.short for w in windows} | {w.long for w in windows} | overs

    def _burn_alerts(self) -> Iterator[BurnAlert]:
        alerting, windows = self.spec.alerting, self.windows
        for severity, spec, pair in (
            (Severity.PAGE, alerting.page_alert, windows.page),
            (Severity.TICKET, alerting.ticket_alert, windows.ticket),
        ):
            if not spec.disable:
                yield self._burn_alert(severity, spec, pair)

    def _burn_alert(
        self, severity: Severity, spec: BurnAlertSpec, pair: tuple[Window, Window]
    ) -> BurnAlert:
        conditions = tuple(self._condition(window) for window in pair)
        texts = annotations.burn(self.promise, severity, conditions)
        return BurnAlert(severity, conditions, self.writer.burn(severity, spec, texts))

    def _condition(self, window: Window) -> BurnCondition:
        wanted = burn_rate.factor(window, self.period)
        budget = (100 - self.spec.objective) / 100
        return BurnCondition(
            factor=burn_rate.reachable(wanted, budget),
            wanted=wanted,
            short=window.short,
            long=window.long,
        )

    def _threshold_alerts(self) -> Iterator[ThresholdAlert]:
        for alert in self.spec.alerting.threshold_alerts:
            texts = annotations.threshold(self.promise, alert.above, alert.over)
            firing = self.writer.threshold(alert, texts)
            yield ThresholdAlert(above=alert.above, over=alert.over, firing=firing)

    def _absent_alert(self) -> Firing | None:
        alerting = self.spec.alerting
        if alerting.absent_alert.disable or not alerting.name:
            return None
        texts = annotations.absent(self.promise, self.signal.sources)
        return self.writer.absent(texts, default_for=_ABSENT_FOR)
