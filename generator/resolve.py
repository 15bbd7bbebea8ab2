"""From specs as written to SLOs with everything decided; defaults are merged here and only here."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from generator import burn, names, wording
from generator.model import (
    SLO,
    BurnAlert,
    BurnCondition,
    Firing,
    Severity,
    Steps,
    ThresholdAlert,
)
from slos.schema.counting import NotSummable
from slos.schema.parse import LocatedSpec
from slos.schema.problem import Problem
from slos.schema.problem import Severity as ProblemSeverity
from slos.schema.spec import AlertWindows, BurnWindow, SloSpec, SpeedWindows
from slos.schema.spec import BurnAlert as BurnAlertSpec
from slos.schema.spec import Firing as FiringSpec
from slos.schema.spec import GuardedFiring as GuardedFiringSpec
from slos.schema.units import Duration, plain

_MONTH = Duration.of(days=30)
_HALF_A_MINUTE = Duration.of(seconds=30)
_FINE = Duration.of(minutes=1)
_ABSENT_FOR = Duration.of(minutes=10)
# Fine steps in the shortest window: enough that a step more or less does not matter.
_STEPS_IN_SHORTEST = 5
_DEFAULT_SEVERITY = {Severity.PAGE: "critical", Severity.TICKET: "warning"}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a run assumes where a spec is silent."""

    period: Duration = _MONTH
    scrape_interval: Duration = _HALF_A_MINUTE


def resolve(located: LocatedSpec, defaults: Defaults) -> tuple[list[SLO], list[Problem]]:
    """Decide everything about the SLOs of one spec."""
    slos, problems = [], []
    for index, spec in enumerate(located.spec.slos):
        one = _Resolving(located, index, spec, defaults)
        try:
            slos.append(one.slo())
        except NotSummable as error:
            problems.append(one.problem(("sli", _sli_key(spec)), str(error)))
        problems += one.warnings()
    return slos, problems


@dataclass(frozen=True, slots=True)
class _Resolving:
    """One SLO on its way."""

    located: LocatedSpec
    index: int
    spec: SloSpec
    defaults: Defaults

    def slo(self) -> SLO:
        spec, alerting = self.spec, self.spec.alerting
        return SLO(
            service=self.located.spec.service,
            name=spec.name,
            description=" ".join(spec.description.split()),
            objective=spec.objective,
            period=self.period,
            steps=self.steps,
            windows=tuple(sorted(self._lengths())),
            labels={**self.located.spec.labels, **spec.labels},
            signal=spec.sli.chosen().signal(),
            burn_alerts=tuple(self._burn_alerts()),
            threshold_alerts=tuple(
                ThresholdAlert(
                    above=alert.above,
                    over=alert.over,
                    firing=self._firing(
                        alert.name,
                        alert,
                        severity="warning",
                        texts=wording.threshold(self._promise, alert.above, alert.over),
                    ),
                )
                for alert in alerting.threshold_alerts
            ),
            absent_alert=self._absent_alert(),
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.defaults.period

    @property
    def scrape(self) -> Duration:
        return self.located.spec.scrape_interval or self.defaults.scrape_interval

    @property
    def windows(self) -> burn.Windows:
        own = self.spec.alerting.windows
        return _own_windows(own) if own else burn.windows_for(self.period, self.scrape)

    @property
    def steps(self) -> Steps:
        """One minute, less where alert windows are short, never less than a scrape."""
        wanted = min(_FINE.ms, min(self._lengths()).ms // _STEPS_IN_SHORTEST)
        fine = Duration(max(wanted, self.scrape.ms))
        return Steps(scrape=self.scrape, fine=fine, coarse=fine * 5, slow=fine * 4)

    def _lengths(self) -> set[Duration]:
        windows = (*self.windows.page, *self.windows.ticket)
        overs = {alert.over for alert in self.spec.alerting.threshold_alerts}
        return {w.short for w in windows} | {w.long for w in windows} | overs

    @property
    def budget(self) -> Decimal:
        return (100 - self.spec.objective) / 100

    @property
    def _promise(self) -> wording.Promise:
        return wording.Promise(
            service=self.located.spec.service,
            slo=self.spec.name,
            description=" ".join(self.spec.description.split()),
            objective=self.spec.objective,
            period=self.period,
        )

    def _burn_alerts(self) -> Iterator[BurnAlert]:
        alerting = self.spec.alerting
        yield from self._burn_alert(
            Severity.PAGE, alerting.page_alert, self.windows.page, alerting.name
        )
        yield from self._burn_alert(
            Severity.TICKET, alerting.ticket_alert, self.windows.ticket, f"{alerting.name}Ticket"
        )

    def _burn_alert(
        self,
        severity: Severity,
        spec: BurnAlertSpec,
        windows: tuple[burn.Window, burn.Window],
        name: str,
    ) -> Iterator[BurnAlert]:
        if spec.disable:
            return
        conditions = tuple(self._condition(window) for window in windows)
        firing = self._firing(
            name,
            spec,
            severity=_DEFAULT_SEVERITY[severity],
            texts=wording.burn(self._promise, severity, conditions),
            more={names.SLOTH_SEVERITY: severity},
        )
        yield BurnAlert(severity=severity, conditions=conditions, firing=firing)

    def _condition(self, window: burn.Window) -> BurnCondition:
        factor = burn.reachable(burn.factor(window, self.period), self.budget)
        return BurnCondition(factor, window.percent, window.short, window.long)

    def _absent_alert(self) -> Firing | None:
        spec, alerting = self.spec.alerting.absent_alert, self.spec.alerting
        if spec.disable or not alerting.name:
            return None
        return self._firing(
            f"{alerting.name}NoData",
            spec,
            severity="warning",
            texts=wording.absent(self._promise),
            default_for=_ABSENT_FOR,
        )

    def _firing(
        self,
        name: str,
        spec: FiringSpec,
        *,
        severity: str,
        texts: dict[str, str],
        more: dict[str, str] | None = None,
        default_for: Duration | None = None,
    ) -> Firing:
        alerting, prefix = self.spec.alerting, self.located.spec.runbook_url_prefix
        runbook = {"runbook_url": f"{prefix.rstrip('/')}/{names.page_file(name)}"} if prefix else {}
        return Firing(
            name=name,
            labels={
                **(more or {}),
                names.SEVERITY: severity,
                **alerting.labels,
                **spec.labels,
            },
            annotations={**texts, **runbook, **alerting.annotations, **spec.annotations},
            for_=spec.for_ or default_for,
            keep_firing_for=spec.keep_firing_for,
            min_events=spec.min_events if isinstance(spec, GuardedFiringSpec) else None,
        )

    def problem(self, path: tuple[str, ...], text: str, *, warning: bool = False) -> Problem:
        """A problem at a key of this SLO; the hint stands after the first semicolon."""
        message, _, hint = text.partition("; ")
        at = self.located.document.at(("slos", self.index, *path))
        severity = ProblemSeverity.WARNING if warning else ProblemSeverity.ERROR
        return Problem(at, message, hint, severity)

    def warnings(self) -> Iterator[Problem]:
        """What was decided otherwise than asked."""
        alerting = self.spec.alerting
        for kind, alert, windows in (
            ("page", alerting.page_alert, self.windows.page),
            ("ticket", alerting.ticket_alert, self.windows.ticket),
        ):
            for window in windows:
                wanted = burn.factor(window, self.period)
                moved = burn.reachable(wanted, self.budget)
                if moved != wanted and not alert.disable:
                    yield self.problem(
                        ("objective",),
                        f"the {kind} condition over {window.long} could never fire: "
                        f"burn rate {plain(wanted, 4)} times a budget of {plain(self.budget)} "
                        f"is 100 % errors or more; it was moved to {plain(moved)}, "
                        "the highest that can",
                        warning=True,
                    )
        if self.spec.plugins or self.located.spec.slo_plugins:
            yield self.problem(
                ("plugins",),
                "Sloth's SLO plugins are Go programs and are passed over; "
                "the exact profile has its own rules",
                warning=True,
            )


def _sli_key(spec: SloSpec) -> str:
    return spec.sli.chosen().KEY


def _own_windows(spec: AlertWindows) -> burn.Windows:
    return burn.Windows(page=_pair(spec.page), ticket=_pair(spec.ticket))


def _pair(speeds: SpeedWindows) -> tuple[burn.Window, burn.Window]:
    return _own_window(speeds.quick), _own_window(speeds.slow)


def _own_window(window: BurnWindow) -> burn.Window:
    return burn.Window(window.error_budget_percent, window.short_window, window.long_window)
