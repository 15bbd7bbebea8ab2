"""Resolver of the sloth profile: specs to SLOs with Sloth's precedence, floats and defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generator import burn, names, timing
from generator.defaults import Defaults
from generator.model import Severity, Windows
from generator.sloth.left_out import left_out
from generator.sloth.model import SlothAlert, SlothSLO
from generator.sloth.texts import as_sloth_reads
from slos.schema.alerting import Alerting
from slos.schema.counting import NotSummable
from slos.schema.document import Location
from slos.schema.located import LocatedSpec
from slos.schema.problem import Problem
from slos.schema.problem import Severity as ProblemSeverity
from slos.schema.spec import SloSpec
from slos.schema.units import Duration

_WHO = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"


def resolve(
    located: LocatedSpec, spec: SloSpec, index: int, defaults: Defaults
) -> tuple[SlothSLO | None, list[Problem]]:
    """Resolve one SLO of a spec; None and the problems where it cannot be resolved."""
    resolving = _Resolving(located, spec, index, defaults)
    windows = resolving.windows()
    if windows is None:
        message = f"no file of alert windows is about a period of {resolving.period}"
        hint = "the files replace the built-in windows; add one with that sloPeriod"
        return None, [Problem(located.at(("slos", index, "name")), message, hint)]
    problems = [
        Problem(
            located.at(("slos", index, "alerting")),
            f"the sloth profile has no place for {', '.join(keys)}",
            "the exact profile has; here they are left out",
            ProblemSeverity.WARNING,
        )
        for keys in [left_out(located.spec, spec)]
        if keys
    ]
    try:
        return resolving.slo(windows), problems
    except NotSummable as error:
        message, _, hint = str(error).partition("; ")
        at = located.at(("slos", index, "sli", spec.sli.chosen().KEY))
        return None, [*problems, Problem(at, message, hint)]


@dataclass(frozen=True, slots=True)
class _Resolving:
    """Resolver of one SLO."""

    located: LocatedSpec
    spec: SloSpec
    index: int
    defaults: Defaults

    def slo(self, windows: Windows) -> SlothSLO:
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
                **as_sloth_reads(self.located, ("labels",), self.located.spec.labels),
                **self._texts(("labels",), self.spec.labels),
                **self.defaults.extra_labels,
            },
            queries=self.spec.sli.chosen().queries(),
            windows=windows,
            alerts=tuple(self._alerts(self.spec.alerting)),
            mode=f"cli-gen-{origin.mode}",
            dialect=origin.dialect,
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.defaults.period

    def windows(self) -> Windows | None:
        if own := self.spec.alerting.windows:
            return timing.own_windows(own)
        if self.defaults.windows is not None:
            return self.defaults.windows.get(self.period)
        scrape = self.located.spec.scrape_interval or self.defaults.scrape_interval
        return burn.windows_for(self.period, scrape)

    def _texts(self, path: Location, texts: Mapping[str, str]) -> dict[str, str]:
        return as_sloth_reads(self.located, ("slos", self.index, *path), texts)

    def _alerts(self, alerting: Alerting) -> Iterator[SlothAlert]:
        for severity, spec in (
            (Severity.PAGE, alerting.page_alert),
            (Severity.TICKET, alerting.ticket_alert),
        ):
            if not spec.disable:
                own = ("alerting", f"{severity}_alert")
                yield SlothAlert(
                    severity=severity,
                    name=alerting.name,
                    labels={
                        names.SLOTH_SEVERITY: str(severity),
                        **self._texts(("alerting", "labels"), alerting.labels),
                        **self._texts((*own, "labels"), spec.labels),
                    },
                    annotations={
                        **_default_texts(severity),
                        **self._texts(("alerting", "annotations"), alerting.annotations),
                        **self._texts((*own, "annotations"), spec.annotations),
                    },
                )


def _default_texts(severity: Severity) -> dict[str, str]:
    return {
        "title": f"({severity}) {_WHO} SLO error budget burn rate is too fast.",
        "summary": f"{_WHO} SLO error budget burn rate is over expected.",
    }
