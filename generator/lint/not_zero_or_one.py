"""A `gauge` SLI of a metric whose values are not 0 and 1."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from generator.model import MetricFacts
from slos.schema.sli.gauge import GaugeSli
from slos.schema.units import find_unit

ID = "not-zero-or-one"
ALWAYS = False

_COUNTER_SUFFIXES = ("_total", "_count", "_sum", "_bucket")
_COUNTER_TYPES = {"counter", "histogram", "summary"}
_HINT = "use 'threshold' for other gauges, and 'events' for counters"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Gauges whose names are those of counters, or end in a unit."""
    sli = subject.slo_spec.sli.get_type()
    if isinstance(sli, GaugeSli):
        if sli.metric.endswith(_COUNTER_SUFFIXES):
            yield _build_finding(f"{sli.metric} has the name of a counter")
        elif unit := find_unit(sli.metric):
            yield _build_finding(f"{sli.metric} is measured in {unit}, by its name")


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Gauges that have other values now, and metrics that are no gauges."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, GaugeSli) or any(check_slo(subject)):
        return
    kind = facts.types.get(sli.metric)
    if kind in _COUNTER_TYPES:
        yield _build_finding(f"{sli.metric} is a {kind}")
    elif facts.other_values:
        yield _build_finding(f"{sli.metric} has the value {facts.other_values[0]:g}")


def _build_finding(reason: str) -> LintFinding:
    return LintFinding(
        ("sli", GaugeSli.KEY, "metric"),
        f"{reason}; a 'gauge' SLI needs a metric that is 1 in a good state and 0 in a bad one",
        _HINT,
    )
