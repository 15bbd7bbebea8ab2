"""Resolver of the sloth profile, with Sloth's precedence and text rules; unsupported keys."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from generator import names
from generator.model import AlertSeverity, Windows
from generator.profiles.sloth.model import SlothAlert, SlothSLO
from generator.settings import RunSettings
from generator.slo import burn_rate
from generator.text import go
from slos.schema.alerting import Alerting
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.query_analysis import NotSummableError
from slos.schema.spec import LocatedSpec, SloSpec, Spec
from slos.schema.units import Duration
from slos.schema.yaml.document import Location
from slos.schema.yaml.scalars import WrittenMapping

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
_MIN_INT64, _MAX_INT64, _MAX_UINT64 = -(2**63), 2**63 - 1, 2**64 - 1
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

_UNSUPPORTED_ALERT_KEYS = (
    "for", "keep_firing_for", "min_events", "min_errors", "office_hours", "respond", "runbook",
)  # fmt: skip
_SUBJECT_TEMPLATE = "{{$labels.sloth_service}} {{$labels.sloth_slo}}"


def convert_texts(located: LocatedSpec, path: Location, texts: Mapping[str, str]) -> dict[str, str]:
    """Convert the keys and values of a mapping: `1.10` becomes `1.1`, `on` becomes `true`."""
    written = {key: value for key, value in _list_plain_scalars(located, path) if key}
    return {
        convert_scalar(key) if key in written else key: convert_scalar(plain)
        if plain is not None
        else text
        for key, text in texts.items()
        for plain in [written.get(key)]
    }


def convert_scalar(written: str) -> str:
    """Convert a plain scalar of YAML to the string that Sloth reads."""
    if written in _WORDS:
        return _WORDS[written]
    if written[:1] not in _STARTS_A_NUMBER:
        return written
    plain = written.replace("_", "")
    whole = _parse_integer(plain)
    if whole is not None:
        return str(whole)
    if _FRACTION.fullmatch(plain) and isfinite(float(plain)):
        return go.format_number32(float(plain))
    return written


def _parse_integer(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    base = found.lastgroup if found else None
    if not found or base is None or len(text) > 100:  # noqa: PLR2004 - far beyond 64 bits
        return None
    number = int(found["sign"] + found[base], _BASES[base])
    return (
        number if _MIN_INT64 <= number <= (_MAX_INT64 if found["sign"] else _MAX_UINT64) else None
    )


def _list_plain_scalars(
    located: LocatedSpec, path: Location
) -> list[tuple[str | None, str | None]]:
    value = located.document.value
    for step in located.origin.to_source_location(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return []
    return list(value.texts.values()) if isinstance(value, WrittenMapping) else []


def list_unsupported_keys(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys of an SLO that Sloth's rules do not support, as they were written."""
    alerting, keys = slo.alerting, []
    for name, alert in (
        ("page_alert", alerting.page_alert),
        ("ticket_alert", alerting.ticket_alert),
    ):
        written = {"for" if key == "for_" else key for key in alert.model_fields_set}
        keys += [f"{name}.{key}" for key in _UNSUPPORTED_ALERT_KEYS if key in written]
    if alerting.absent_alert.model_fields_set and not alerting.absent_alert.disable:
        keys.append("absent_alert")
    if alerting.threshold_alerts:
        keys.append("threshold_alerts")
    if alerting.runbook.model_fields_set:
        keys.append("runbook")
    if spec.runbook_url_prefix:
        keys.append("runbook_url_prefix")
    return keys


def list_standalone_keys(spec: Spec) -> list[str]:
    """Keys of a spec outside its SLOs that Sloth does not support."""
    keys = (
        *("recordings", "alerts", "requirements", "dashboard_url", "also_about", "runbook"),
        *("delay", "max_gap"),
    )
    return [key for key in keys if getattr(spec, key)]


def resolve_sloth_slo(
    located: LocatedSpec, spec: SloSpec, index: int, run_settings: RunSettings
) -> tuple[SlothSLO | None, list[Problem]]:
    """Resolve one SLO of a spec; None and the problems where it cannot be resolved."""
    resolving = _SlothResolver(located, spec, index, run_settings)
    windows = resolving.choose_windows()
    if windows is None:
        message = f"no alert windows for the period {resolving.period}"
        hint = "add an AlertWindows file with this sloPeriod; files replace the built-in windows"
        return None, [Problem(located.find_position(("slos", index, "name")), message, hint)]
    problems = [
        Problem(
            located.find_position(("slos", index, "alerting")),
            f"the sloth profile does not support {', '.join(keys)}",
            "use the exact profile; these keys are ignored",
            ProblemSeverity.WARNING,
        )
        for keys in [list_unsupported_keys(located.spec, spec)]
        if keys
    ]
    try:
        return resolving.build_slo(windows), problems
    except NotSummableError as error:
        message, _, hint = str(error).partition("; ")
        position = located.find_position(("slos", index, "sli", spec.sli.get_type().KEY))
        return None, [*problems, Problem(position, message, hint)]


@dataclass(frozen=True, slots=True)
class _SlothResolver:
    """Resolver of one SLO."""

    located: LocatedSpec
    spec: SloSpec
    index: int
    run_settings: RunSettings

    def build_slo(self, windows: Windows) -> SlothSLO:
        origin = self.located.origin
        objective = float(self.spec.objective)
        if origin.has_ratio_objective:
            objective = float(self.spec.objective / 100) * 100
        return SlothSLO(
            service=self.located.spec.service,
            name=self.spec.name,
            objective=objective,
            period=self.period,
            labels={
                **convert_texts(self.located, ("labels",), self.located.spec.labels),
                **self._convert_texts(("labels",), self.spec.labels),
                **self.run_settings.extra_labels,
            },
            queries=self.spec.sli.get_type().build_queries(),
            windows=windows,
            alerts=tuple(self._build_alerts(self.spec.alerting)),
            mode=f"cli-gen-{origin.mode}",
            dialect=origin.dialect,
        )

    @property
    def period(self) -> Duration:
        return self.spec.period or self.located.spec.period or self.run_settings.period

    def choose_windows(self) -> Windows | None:
        if custom := self.spec.alerting.windows:
            return burn_rate.to_windows(custom)
        if self.run_settings.windows is not None:
            return self.run_settings.windows.get(self.period)
        scrape = self.located.spec.scrape_interval or self.run_settings.scrape_interval
        return burn_rate.choose_windows(self.period, scrape)

    def _convert_texts(self, path: Location, texts: Mapping[str, str]) -> dict[str, str]:
        return convert_texts(self.located, ("slos", self.index, *path), texts)

    def _build_alerts(self, alerting: Alerting) -> Iterator[SlothAlert]:
        for severity, spec in (
            (AlertSeverity.PAGE, alerting.page_alert),
            (AlertSeverity.TICKET, alerting.ticket_alert),
        ):
            if not spec.disable:
                path = ("alerting", f"{severity}_alert")
                yield SlothAlert(
                    severity=severity,
                    name=alerting.name,
                    labels={
                        names.SLOTH_SEVERITY: str(severity),
                        **self._convert_texts(("alerting", "labels"), alerting.labels),
                        **self._convert_texts((*path, "labels"), spec.labels),
                    },
                    annotations={
                        **_build_default_annotations(severity),
                        **self._convert_texts(("alerting", "annotations"), alerting.annotations),
                        **self._convert_texts((*path, "annotations"), spec.annotations),
                    },
                )


def _build_default_annotations(severity: AlertSeverity) -> dict[str, str]:
    return {
        "title": f"({severity}) {_SUBJECT_TEMPLATE} SLO error budget burn rate is too fast.",
        "summary": f"{_SUBJECT_TEMPLATE} SLO error budget burn rate is over expected.",
    }
