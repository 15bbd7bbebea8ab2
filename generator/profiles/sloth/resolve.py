"""Spec to that, with Sloth's precedence and text rules."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from generator import names
from generator.model import Severity, Windows
from generator.profiles.sloth.model import SlothAlert, SlothSLO
from generator.profiles.sloth.unsupported import left_out
from generator.settings import Defaults
from generator.slo import burn_rate
from generator.text import go
from slos.schema.alerting import Alerting
from slos.schema.problem import Problem
from slos.schema.problem import Severity as ProblemSeverity
from slos.schema.query_analysis import NotSummable
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration
from slos.schema.yaml.document import Location
from slos.schema.yaml.scalars import Written

# The words of yaml.v2's resolve.go.
_WORDS = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), "true"
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), "false"
    ),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
}
_STARTS_A_NUMBER = frozenset("+-.0123456789")
_WHOLE = re.compile(
    r"(?P<sign>[-+]?)(?:0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|0[xX](?P<x>[0-9a-fA-F]+)"
    r"|(?P<d>0|[1-9][0-9]*))"
)
_BASES = {"b": 2, "o": 8, "x": 16, "d": 10}
_LEAST, _MOST, _MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

_WHO = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"


def as_sloth_reads(
    located: LocatedSpec, path: Location, texts: Mapping[str, str]
) -> dict[str, str]:
    """Convert the keys and values of a mapping: `1.10` becomes `1.1`, `on` becomes `true`."""
    written = {key: value for key, value in _written(located, path) if key}
    return {
        scalar(key) if key in written else key: scalar(plain) if plain is not None else text
        for key, text in texts.items()
        for plain in [written.get(key)]
    }


def scalar(written: str) -> str:
    """Convert a plain scalar of YAML to the string that Sloth reads."""
    if written in _WORDS:
        return _WORDS[written]
    if written[:1] not in _STARTS_A_NUMBER:
        return written
    plain = written.replace("_", "")
    whole = _whole(plain)
    if whole is not None:
        return str(whole)
    if _FRACTION.fullmatch(plain) and isfinite(float(plain)):
        return go.number32(float(plain))
    return written


def _whole(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    base = found.lastgroup if found else None
    if not found or base is None or len(text) > 100:  # noqa: PLR2004 - far beyond 64 bits
        return None
    number = int(found["sign"] + found[base], _BASES[base])
    return number if _LEAST <= number <= (_MOST if found["sign"] else _MOST_UNSIGNED) else None


def _written(located: LocatedSpec, path: Location) -> list[tuple[str | None, str | None]]:
    value = located.document.value
    for step in located.origin.where(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return []
    return list(value.texts.values()) if isinstance(value, Written) else []


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
            return burn_rate.own_windows(own)
        if self.defaults.windows is not None:
            return self.defaults.windows.get(self.period)
        scrape = self.located.spec.scrape_interval or self.defaults.scrape_interval
        return burn_rate.windows_for(self.period, scrape)

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
