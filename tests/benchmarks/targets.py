"""Targets of the measured values, and their results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from tests.benchmarks.incident_replay import IncidentReplay
from tests.benchmarks.measurement import MethodMeasurement
from tests.benchmarks.methods import ours, sloth
from tests.benchmarks.traffic import MINUTE, SECOND

_CHEAPER = {1: 50, 20: 250}
"""Sloth reads at least so many times as many samples, by number of series."""
_LATER_AT_MOST = MINUTE


@dataclass(frozen=True, slots=True)
class TargetResult:
    """A target and what was reached."""

    target: str
    reached: str
    met: bool


def check_targets(
    rows: Sequence[MethodMeasurement], pages: Sequence[IncidentReplay]
) -> list[TargetResult]:
    """Every target that these figures can tell about."""
    return [*_check_accuracy(rows), *_check_cost(rows), *_check_pages(pages)]


def _check_accuracy(rows: Sequence[MethodMeasurement]) -> Iterator[TargetResult]:
    """Against the truth; where not even every raw sample tells it, against what those tell."""
    raw = {(row.shape, row.instances): row for row in rows if row.method == sloth.RAW}
    own_rows = [row for row in rows if row.method == ours.NAME and row.tolerance is not None]
    for shape in dict.fromkeys(row.shape for row in own_rows):
        shape_rows = [row for row in own_rows if row.shape == shape]
        hidden_rows = [row for row in shape_rows if _is_hidden(raw.get((shape, row.instances)))]
        yield from _check_new_series(shape_rows, raw)
        visible_rows = [row for row in shape_rows if row not in hidden_rows]
        if visible_rows:
            worst = max(visible_rows, key=lambda row: abs(row.error))
            yield _check_tolerance(worst, f"period, {shape}", worst.error)
        for row in hidden_rows:
            raw_row = raw[shape, row.instances]
            target = f"period, {shape}, {row.instances} series, beside all raw samples"
            yield _check_tolerance(
                row, f"{target} ({raw_row.error:+.1e})", row.ratio / raw_row.ratio - 1
            )


def _is_hidden(raw: MethodMeasurement | None) -> bool:
    """A counter that was reset, and has passed its old value when next scraped, hides events.

    First values of new counters are not hidden, although rates of raw samples lose them.
    """
    if raw is None or raw.tolerance is None or raw.has_new_series:
        return False
    return isfinite(raw.error) and abs(raw.error) > raw.tolerance


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


def _check_tolerance(row: MethodMeasurement, target: str, error: float) -> TargetResult:
    tolerance = row.tolerance or 0
    return TargetResult(f"{target}: within {tolerance:g}", f"{error:+.1e}", abs(error) <= tolerance)


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
