"""A latency threshold without a unit that is far from usual latencies."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import LintFinding, SloSubject
from slos.schema.sli.latency import LatencySli
from slos.schema.units import Duration, find_time_unit, format_decimal

ID = "odd-threshold"
ALWAYS = True

# A hundred times a usual latency of one second, and a hundredth of the least that people promise.
_LONGEST, _SHORTEST = Decimal(100), Decimal("0.001")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Numbers that mean a hundred seconds and more, or less than a millisecond."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, LatencySli) or isinstance(sli.threshold, Duration):
        return
    unit = find_time_unit(sli.metric)
    seconds = sli.threshold * unit if unit else None
    if seconds is None or _SHORTEST <= seconds < _LONGEST:
        return
    written, meant = format_decimal(sli.threshold), format_decimal(seconds)
    # People leave out a unit that is a thousand times smaller, or larger.
    guess = Duration(round(seconds)) if seconds >= _LONGEST else Duration(round(seconds * 10**6))
    yield LintFinding(
        ("sli", "latency", "threshold"),
        f"{written} means {meant} s in the unit of {sli.metric}",
        f"did you mean {guess.ms}ms? Write the threshold with its unit",
    )
