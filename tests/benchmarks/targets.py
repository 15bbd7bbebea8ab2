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
    own = [row for row in rows if row.method == ours.NAME]
    for shape in dict.fromkeys(row.shape for row in own):
        worst = max((row for row in own if row.shape == shape), key=lambda row: abs(row.error))
        if worst.tolerance is not None:
            target = f"period, {shape}: within {worst.tolerance:g}"
            yield Result(target, f"{worst.error:+.1e}", abs(worst.error) <= worst.tolerance)


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
