"""From specs as written to SLOs as Sloth has them: its precedence, its floats, its defaults."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator import burn, names, timing
from generator.defaults import Defaults
from generator.model import Severity
from generator.sloth.model import SlothAlert, SlothSLO
from slos.schema.counting import NotSummable
from slos.schema.located import LocatedSpec
from slos.schema.problem import Problem
from slos.schema.problem import Severity as ProblemSeverity
from slos.schema.spec import Alerting, SloSpec
from slos.schema.units import Duration

# Only what Sloth has no key for; everything else it says as we do.
_OURS = ("for", "keep_firing_for", "min_events")
_WHO = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"


def resolve(
    located: LocatedSpec, spec: SloSpec, index: int, defaults: Defaults
) -> tuple[SlothSLO | None, list[Problem]]:
    """Decide everything about one SLO of a spec."""
    resolving = _Resolving(located, spec, defaults)
    windows = resolving.windows()
    if windows is None:
        message = f"no file of alert windows is about a period of {resolving.period}"
        hint = "the files replace the built-in windows; add one with that sloPeriod"
        return None, [Problem(located.at(("slos", index, "name")), message, hint)]
    problems = [
        Problem(
            located.at(("slos", index, "alerting")),
            f"the sloth profile has no place for {', '.join(left_out)}",
            "the exact profile has; here they are left out",
            ProblemSeverity.WARNING,
        )
        for left_out in [_left_out(located, spec.alerting)]
        if left_out
    ]
    try:
        return resolving.slo(windows), problems
    except NotSummable as error:
        message, _, hint = str(error).partition("; ")
        at = located.at(("slos", index, "sli", spec.sli.chosen().KEY))
        return None, [*problems, Problem(at, message, hint)]


@dataclass(frozen=True, slots=True)
class _Resolving:
    """One SLO on its way."""

    located: LocatedSpec
    spec: SloSpec
    defaults: Defaults

    def slo(self, windows: burn.Windows) -> SlothSLO:
        origin = self.located.origin
        objective = float(self.spec.objective)
        if origin.in_shares:
            objective = float(self.spec.objective / 100) * 100
        return SlothSLO(
            service=self.located.spec.service,
            name=self.spec.name,
            objective=objective,
            period=self.period,
            labels={
                **self.located.spec.labels,
                **self.spec.labels,
                **self.defaults.extra_labels,
            },
            queries=self.spec.sli.chosen().queries(),
            windows=windows,
            alerts=tuple(_alerts(self.spec.alerting)),
            mode=f"cli-gen-{origin.mode}",
            dialect=origin.dialect,
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.defaults.period

    def windows(self) -> burn.Windows | None:
        if own := self.spec.alerting.windows:
            return timing.own_windows(own)
        if self.defaults.windows is not None:
            return self.defaults.windows.get(self.period)
        scrape = self.located.spec.scrape_interval or self.defaults.scrape_interval
        return burn.windows_for(self.period, scrape)


def _alerts(alerting: Alerting) -> Iterator[SlothAlert]:
    for severity, spec in (
        (Severity.PAGE, alerting.page_alert),
        (Severity.TICKET, alerting.ticket_alert),
    ):
        if not spec.disable:
            texts = {
                "title": f"({severity}) {_WHO} SLO error budget burn rate is too fast.",
                "summary": f"{_WHO} SLO error budget burn rate is over expected.",
            }
            yield SlothAlert(
                severity=severity,
                name=alerting.name,
                labels={names.SLOTH_SEVERITY: str(severity), **alerting.labels, **spec.labels},
                annotations={**texts, **alerting.annotations, **spec.annotations},
            )


def _left_out(located: LocatedSpec, alerting: Alerting) -> list[str]:
    """The keys that were written and will not be heard."""
    left = []
    for name, alert in (
        ("page_alert", alerting.page_alert),
        ("ticket_alert", alerting.ticket_alert),
    ):
        written = {"for" if key == "for_" else key for key in alert.model_fields_set}
        left += [f"{name}.{key}" for key in _OURS if key in written]
    if alerting.absent_alert.model_fields_set and not alerting.absent_alert.disable:
        left.append("absent_alert")
    if alerting.threshold_alerts:
        left.append("threshold_alerts")
    if located.spec.runbook_url_prefix:
        left.append("runbook_url_prefix")
    return left
