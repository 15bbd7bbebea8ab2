"""What the figures must be, and whether they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.measure import Row
from tests.benchmarks.methods import ours, sloth
from tests.benchmarks.replay import Page
from tests.benchmarks.timeline import MINUTE, SECOND

_CHEAPER = {1: 50, 20: 300}
"""Sloth reads at least so many times as many samples, by number of series."""
_LATER_AT_MOST = MINUTE


@dataclass(frozen=True, slots=True)
class Result:
    """A target and what was reached."""

    target: str
    reached: str
    met: bool


def results(rows: Sequence[Row], pages: Sequence[Page]) -> list[Result]:
    """Every target that these figures can tell about."""
    return [*_accuracy(rows), *_cost(rows), *_pages(pages)]


def _accuracy(rows: Sequence[Row]) -> Iterator[Result]:
    """Against the truth; where not even every raw sample tells it, against what those tell."""
    raw = {(row.shape, row.instances): row for row in rows if row.method == sloth.RAW}
    own = [row for row in rows if row.method == ours.NAME and row.tolerance is not None]
    for shape in dict.fromkeys(row.shape for row in own):
        chosen = [row for row in own if row.shape == shape]
        untold = [row for row in chosen if _is_untold(raw.get((shape, row.instances)))]
        told = [row for row in chosen if row not in untold]
        if told:
            worst = max(told, key=lambda row: abs(row.error))
            yield _within(worst, f"period, {shape}", worst.error)
        for row in untold:
            read = raw[shape, row.instances]
            what = f"period, {shape}, {row.instances} series, beside all raw samples"
            yield _within(row, f"{what} ({read.error:+.1e})", row.ratio / read.ratio - 1)


def _is_untold(raw: Row | None) -> bool:
    """A counter that was reset, and has passed its old value when next scraped, hides events."""
    return raw is not None and raw.tolerance is not None and abs(raw.error) > raw.tolerance


def _within(row: Row, what: str, error: float) -> Result:
    tolerance = row.tolerance or 0
    return Result(f"{what}: within {tolerance:g}", f"{error:+.1e}", abs(error) <= tolerance)


def _cost(rows: Sequence[Row]) -> Iterator[Result]:
    """The least favourable shape counts."""
    reads = {(row.shape, row.instances, row.method): row.samples_an_hour for row in rows}
    for instances, wanted in _CHEAPER.items():
        factors = [
            reads[shape, instances, sloth.DEFAULT] / own
            for (shape, count, method), own in reads.items()
            if (count, method) == (instances, ours.NAME)
            and (shape, instances, sloth.DEFAULT) in reads
        ]
        if factors:
            target = f"samples an hour, {instances} series: Sloth's / {wanted}"
            yield Result(target, f"Sloth's / {min(factors):.0f}", min(factors) >= wanted)


def _pages(pages: Sequence[Page]) -> Iterator[Result]:
    if not pages:
        return
    page, worst = max(((p, delay) for p in pages for delay in p.delays), key=lambda pair: pair[1])
    target = f"page: at most {_LATER_AT_MOST // SECOND} s after Sloth's"
    reached = f"{worst // SECOND} s ({page.job})"
    yield Result(target, reached, worst <= _LATER_AT_MOST)
    silent = [p.job for p in pages if p.deserved and not all(p.ours)]
    yield Result("page: for every incident worth one", ", ".join(silent) or "all", not silent)
    wrong = [p.job for p in pages if p.undeserved]
    yield Result("page: never before it is deserved", ", ".join(wrong) or "never", not wrong)
