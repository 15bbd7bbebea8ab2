"""Suggestion of an objective and a threshold that the past would have kept, with few pages.

How sure it is, is found by resampling days in blocks: a bad day is often followed by another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from generator.backtest.candidates import Candidate
from generator.backtest.episodes import SLOBacktest
from generator.backtest.history import GroupHistory, Values
from slos.schema.units import format_count, format_decimal

OBJECTIVES = tuple(
    100 - Decimal(budget).scaleb(power)
    for power in (1, 0, -1, -2, -3)
    for budget in ((1,) if power == 1 else (5, 2, 1))
)
"""Objectives that are tried: their budgets are 10, 5, 2, 1, 0.5 % and so on."""
_DAY_MS = 86_400_000
_MONTH_DAYS = 30
_BLOCK_DAYS = 3
_RESAMPLES = 1000
_SEED = 19
_OUTER = (0.05, 0.95)
_FEWEST_DAYS = 28
QUANTILES = (0.5, 0.9, 0.99, 1.0)
"""Quantiles of the error ratios of days that are shown."""


@dataclass(frozen=True, slots=True)
class DailyCounts:
    """Events of each day: rows are groups, columns are days."""

    total: Values
    errors: Values

    @property
    def days(self) -> int:
        """Number of days."""
        return int(self.total.shape[1])

    def compute_ratios(self) -> Values:
        """Error ratios of all groups and days with events."""
        known = self.total > 0
        return np.asarray(self.errors[known] / self.total[known])


@dataclass(frozen=True, slots=True)
class Option:
    """Candidate with its results over the past.

    Attributes:
        candidate: the candidate.
        pages_a_month: pages in 30 days.
        most_pages_a_month: pages in 30 days that 95 of 100 resampled pasts do not exceed.
        error_ratio: error ratio of the group with the highest.
        confidence: share of the resampled pasts that keep the objective with few enough pages.
        is_kept: whether the past keeps it with few enough pages.
    """

    candidate: Candidate
    pages_a_month: float
    most_pages_a_month: float
    error_ratio: float
    confidence: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Suggested candidate of an SLO for one threshold.

    Attributes:
        threshold: the threshold; empty where the SLI has none.
        best: tightest objective that the past keeps; None if it keeps none.
        lowest: tightest objective of most resampled pasts, at least; None for none.
        highest: tightest objective of most resampled pasts, at most; None for none.
        options: all objectives that were tried.
        ratios: quantiles of the error ratio of days.
        warnings: reasons to doubt it.
    """

    threshold: str
    best: Option | None
    lowest: Decimal | None
    highest: Decimal | None
    options: Sequence[Option]
    ratios: Sequence[float]
    warnings: Sequence[str]


def suggest_objective(
    results: Sequence[tuple[Candidate, SLOBacktest]], most_pages: float
) -> Suggestion:
    """Suggest the tightest of some objectives.

    Args:
        results: candidates that differ in their objectives only, with their backtests.
        most_pages: most pages in 30 days.
    """
    ordered = sorted(results, key=lambda each: each[0].slo.objective)
    daily = count_days(ordered[0][1].histories)
    drawn = draw_days(daily.days)
    kept = np.zeros((len(ordered), len(drawn)), dtype=np.bool_)
    options = []
    for number, (candidate, backtest) in enumerate(ordered):
        pages = _count_pages(backtest, daily.days)
        drawn_pages = pages[drawn].sum(axis=1) * _MONTH_DAYS / daily.days
        budget = float(candidate.slo.budget)
        has_events = bool(daily.total.any())
        kept[number] = (drawn_pages <= most_pages) & (_find_worst(daily, drawn) <= budget)
        kept[number] &= has_events
        is_kept = has_events and backtest.is_kept and backtest.pages_a_month <= most_pages
        options.append(
            Option(
                candidate,
                backtest.pages_a_month,
                float(np.quantile(drawn_pages, _OUTER[1])),
                backtest.error_ratio or 0.0,
                float(kept[number].mean()),
                is_kept,
            )
        )
    best = next((each for each in reversed(options) if each.is_kept), None)
    tightest = np.where(kept.any(axis=0), len(ordered) - 1 - kept[::-1].argmax(axis=0), -1)
    lowest, highest = (int(np.quantile(tightest, share, method="nearest")) for share in _OUTER)
    ratios = daily.compute_ratios()
    suggestion = Suggestion(
        options[0].candidate.threshold,
        best,
        options[lowest].candidate.slo.objective if lowest >= 0 else None,
        options[highest].candidate.slo.objective if highest >= 0 else None,
        options,
        [float(np.quantile(ratios, each)) for each in QUANTILES] if len(ratios) else (),
        (),
    )
    return replace(suggestion, warnings=_find_warnings(suggestion, daily))


def count_days(histories: Sequence[GroupHistory]) -> DailyCounts:
    """Count the events of each whole day of the reported time, of each group."""
    rows = []
    for history in histories:
        tier = history.coarse
        steps = max(_DAY_MS // tier.step.ms, 1)
        first = (history.span.start - history.span.read_from) // tier.step.ms + 1
        days = max((len(tier.total) - first) // steps, 0)
        # A time of less than a day is one day.
        chosen = slice(first, first + days * steps if days else None)
        rows.append(
            [
                values[chosen].reshape(max(days, 1), -1).sum(axis=1)
                for values in (tier.known_total, tier.known_errors)
            ]
        )
    table = np.array(rows or np.zeros((1, 2, 1)))
    return DailyCounts(table[:, 0], table[:, 1])


def draw_days(days: int) -> NDArray[np.int64]:
    """Draw days with replacement, in blocks that follow one another; rows are resampled pasts."""
    generator = np.random.default_rng(_SEED)
    length = min(_BLOCK_DAYS, days)
    starts = generator.integers(0, days, size=(_RESAMPLES, -(-days // length)))
    blocks = (starts[:, :, None] + np.arange(length)) % days
    return np.asarray(blocks.reshape(_RESAMPLES, -1)[:, :days])


def _count_pages(backtest: SLOBacktest, days: int) -> Values:
    """Count the pages of each day."""
    start = backtest.span.start
    numbers = [min((each.firing.start - start) // _DAY_MS, days - 1) for each in backtest.pages]
    return np.bincount(numbers, minlength=days).astype(np.float64)


def _find_worst(daily: DailyCounts, drawn: NDArray[np.int64]) -> Values:
    """Find the error ratio of the worst group of each resampled past."""
    total, errors = (values[:, drawn].sum(axis=2) for values in (daily.total, daily.errors))
    ratios = np.divide(errors, total, out=np.zeros_like(errors), where=total > 0)
    return np.asarray(ratios.max(axis=0))


def _find_warnings(suggestion: Suggestion, daily: DailyCounts) -> list[str]:
    if not daily.total.any():
        return ["there are no events in this time"]
    warnings = []
    if daily.days < _FEWEST_DAYS:
        warnings.append(
            f"the history has only {format_count(daily.days, 'day')}; read at least "
            f"{_FEWEST_DAYS} with --from"
        )
    if suggestion.best:
        slo = suggestion.best.candidate.slo
        if (daily.compute_ratios() <= float(slo.budget)).all():
            warnings.append(
                f"no day is bad: none has more errors than {format_decimal(slo.objective)} % "
                "allows, so the history does not show what an incident does"
            )
    return warnings
