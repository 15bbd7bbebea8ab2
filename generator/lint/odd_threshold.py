"""A latency threshold that is no usual latency: far from it, or of a metric in another unit."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import LintFinding, SloSubject
from slos.schema.problem import ProblemSeverity
from slos.schema.sli.latency import LatencySli
from slos.schema.units import Duration, find_time_unit, find_unit, format_decimal

ID = "odd-threshold"
ALWAYS = True

# A hundred times a usual latency of one second, and a hundredth of the least that people promise.
_LONGEST, _SHORTEST = Decimal(100), Decimal("0.001")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Numbers that mean a hundred seconds and more, or less than a millisecond; other units."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, LatencySli):
        return
    unit = find_time_unit(sli.metric)
    if unit is None:
        yield from _check_other_unit(sli)
        return
    if isinstance(sli.threshold, Duration):
        return
    seconds = sli.threshold * unit
    if _SHORTEST <= seconds < _LONGEST:
        return
    written, meant = format_decimal(sli.threshold), format_decimal(seconds)
    # People leave out a unit that is a thousand times smaller, or larger.
    guess = Duration(round(seconds)) if seconds >= _LONGEST else Duration(round(seconds * 10**6))
    yield LintFinding(
        ("sli", "latency", "threshold"),
        f"{written} means {meant} s in the unit of {sli.metric}",
        f"did you mean {guess.ms}ms? Write the threshold with its unit",
    )


def _check_other_unit(sli: LatencySli) -> Iterator[LintFinding]:
    """Histograms of another unit than time, by their name; a duration is no threshold of those."""
    unit = find_unit(sli.metric)
    if not unit:
        return
    message = f"{sli.metric} is measured in {unit}, by its name, and a 'latency' SLI reads times"
    hint = "use a histogram of times, or silence this check if the threshold is a number of " + unit
    if isinstance(sli.threshold, Duration):
        message = f"the threshold {sli.threshold} is a time, and {sli.metric} is measured in {unit}"
        hint = f"use a histogram of times, or write the threshold as a number of {unit}"
        yield LintFinding(("sli", "latency", "threshold"), message, hint, ProblemSeverity.ERROR)
        return
    yield LintFinding(("sli", "latency", "metric"), message, hint)
