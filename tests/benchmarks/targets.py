"""Targets of the measured values, and their results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from tests.benchmarks.incident_replay import IncidentReplay
from tests.benchmarks.lateness import LateCount
from tests.benchmarks.measurement import MethodMeasurement
from tests.benchmarks.methods import ours, sloth
from tests.benchmarks.new_series import NewSeriesCount
from tests.benchmarks.traffic import MINUTE, SECOND

_CHEAPER = {1: 50, 20: 250}
"""Sloth reads at least so many times as many samples, by number of series."""
_LATER_AT_MOST = MINUTE
_OF_LATE_SAMPLES = 1e-3
_TOO_MUCH = 1e-3


@dataclass(frozen=True, slots=True)
class TargetResult:
    """A target and what was reached."""

    target: str
    reached: str
    met: bool


def check_targets(
    rows: Sequence[MethodMeasurement],
    pages: Sequence[IncidentReplay] = (),
    late: Sequence[LateCount] = (),
    new: Sequence[NewSeriesCount] = (),
) -> list[TargetResult]:
    """Every target that these figures can tell about."""
    return [
        *_check_accuracy(rows),
        *_check_late_counts(late),
        *_check_new_counts(new),
        *_check_cost(rows),
        *_check_pages(pages),
    ]


def _check_accuracy(rows: Sequence[MethodMeasurement]) -> Iterator[TargetResult]:
    """Against all that the samples tell of the period."""
    raw = {(row.shape, row.instances): row for row in rows if row.method == sloth.RAW}
    own_rows = [row for row in rows if row.method == ours.NAME and row.tolerance is not None]
    for shape in dict.fromkeys(row.shape for row in own_rows):
        shape_rows = [row for row in own_rows if row.shape == shape]
        yield from _check_new_series(shape_rows, raw)
        yield _check_tolerance(max(shape_rows, key=lambda row: abs(row.visible_error)))


def _check_tolerance(row: MethodMeasurement) -> TargetResult:
    tolerance = row.tolerance or 0
    hidden = row.visible / row.truth - 1
    told = f", of what samples tell ({hidden:+.1e})" if abs(hidden) > tolerance else ""
    return TargetResult(
        f"period, {row.shape}{told}: within {tolerance:g}",
        f"{row.visible_error:+.1e}",
        abs(row.visible_error) <= tolerance,
    )


def _check_new_series(
    rows: Sequence[MethodMeasurement], raw: Mapping[tuple[str, int], MethodMeasurement]
) -> Iterator[TargetResult]:
    """Check that ours is closer to the truth than rates of raw samples if counters appear."""
    for row in rows:
        other = raw.get((row.shape, row.instances))
        if row.has_new_series and other:
            target = f"period, {row.shape}, {row.instances} series: closer than all raw samples"
            reached = f"{row.error:+.1e} beside {other.error:+.1e}"
            yield TargetResult(target, reached, abs(row.error) < abs(other.error))


def _check_late_counts(late: Sequence[LateCount]) -> Iterator[TargetResult]:
    """Check that no event is lost if the delay of the spec is as long as samples are late."""
    errors = [error for each in late if each.is_read_in_time for error in (each.coarse, each.fine)]
    if errors:
        worst = max(errors, key=abs)
        target = f"late samples, with delay: within {_OF_LATE_SAMPLES:g}"
        yield TargetResult(target, f"{worst:+.1e}", abs(worst) <= _OF_LATE_SAMPLES)


def _check_new_counts(new: Sequence[NewSeriesCount]) -> Iterator[TargetResult]:
    """Check that neither tier counts an event of a new series that did not happen."""
    if new:
        most = max(error for each in new for error in (each.coarse, each.fine))
        target = f"new series, both tiers: at most {_TOO_MUCH:g} too much"
        yield TargetResult(target, f"{most:+.1e}", most <= _TOO_MUCH)


def _check_cost(rows: Sequence[MethodMeasurement]) -> Iterator[TargetResult]:
    """The least favourable shape counts, of those for which a method has a value."""
    reads = {
        (row.shape, row.instances, row.method): row.samples_per_hour
        for row in rows
        if row.is_whole and isfinite(row.error)
    }
    for instances, min_factor in _CHEAPER.items():
        factors = [
            reads[shape, instances, sloth.DEFAULT] / own_samples
            for (shape, count, method), own_samples in reads.items()
            if (count, method) == (instances, ours.NAME)
            and (shape, instances, sloth.DEFAULT) in reads
        ]
        if factors:
            target = f"samples an hour, {instances} series: Sloth's / {min_factor}"
            yield TargetResult(target, f"Sloth's / {min(factors):.0f}", min(factors) >= min_factor)


def _check_pages(pages: Sequence[IncidentReplay]) -> Iterator[TargetResult]:
    if not pages:
        return
    page, worst = max(((p, delay) for p in pages for delay in p.delays), key=lambda pair: pair[1])
    target = f"page: at most {_LATER_AT_MOST // SECOND} s after Sloth's"
    reached = f"{worst // SECOND} s ({page.job})"
    yield TargetResult(target, reached, worst <= _LATER_AT_MOST)
    silent = [p.job for p in pages if p.page_times and not all(p.ours)]
    yield TargetResult("page: for every incident worth one", ", ".join(silent) or "all", not silent)
    wrong = [p.job for p in pages if p.early_by]
    yield TargetResult("page: never before it is deserved", ", ".join(wrong) or "never", not wrong)
