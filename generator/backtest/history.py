"""Counted events of the past: the queries that give them, and the tiers they are kept in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generator.clients.range_queries import SampleArrays
from generator.model import SLO
from generator.rules import tiers
from slos.schema.units import Duration

Values = NDArray[np.float64]
Times = NDArray[np.int64]
GroupLabels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CountQuery:
    """Query of the events of each step.

    Attributes:
        expr: the query, as the recording rule has it.
        step: step of the tier.
    """

    expr: str
    step: Duration


@dataclass(frozen=True, slots=True)
class Span:
    """Times of a replay, in milliseconds.

    Attributes:
        read_from: first evaluation, which is before the start by the longest window.
        start: start of what is reported.
        end: last evaluation.
    """

    read_from: int
    start: int
    end: int

    @property
    def length(self) -> Duration:
        """Length of what is reported."""
        return Duration(self.end - self.start)

    @property
    def days(self) -> float:
        """Days that are reported."""
        return float(self.length.days)


SeriesSamples = Mapping[GroupLabels, Values]
"""Samples of each series of a query: rows of the time in milliseconds and the value."""


@dataclass(frozen=True)
class Tier:
    """Total and errors of each step of one group; steps that were not counted are NaN.

    Attributes:
        step: time between two steps.
        total: total of each step.
        errors: errors of each step.
    """

    step: Duration
    total: Values
    errors: Values

    @cached_property
    def known_total(self) -> Values:
        """Total of each step, 0 where it was not counted."""
        return np.nan_to_num(self.total)

    @cached_property
    def known_errors(self) -> Values:
        """Errors of each step, 0 where they were not counted."""
        return np.nan_to_num(self.errors)


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """Counted events of one group of an SLO; a whole SLO has one group without labels.

    Attributes:
        labels: labels of the group.
        span: times of the replay.
        fine: the fine tier; its first step ends at `span.read_from`.
        coarse: the coarse tier.
        ratios: error ratios of windows that were computed, which do not depend on the objective.
    """

    labels: GroupLabels
    span: Span
    fine: Tier
    coarse: Tier
    ratios: dict[tuple[int, ...], Values] = field(default_factory=dict, compare=False)

    @property
    def is_empty(self) -> bool:
        """True if no event was counted in the reported time."""
        first = (self.span.start - self.span.read_from) // self.fine.step.ms
        return not self.fine.known_total[first:].any()


def build_span(slo: SLO, start: int, end: int) -> Span:
    """Build the times of a replay; they are whole coarse steps, as evaluations are."""
    coarse = slo.steps.coarse.ms
    first = (start - slo.windows[-1].ms) // coarse * coarse
    return Span(first, -(-start // coarse) * coarse, end // coarse * coarse)


def list_queries(slo: SLO) -> Iterator[CountQuery]:
    """List the queries of an SLO: total and errors of the fine tier, then of the coarse tier."""
    signal, steps = slo.signal, slo.steps
    for template in (signal.total, signal.errors):
        yield CountQuery(tiers.render_fine_count(slo, template), steps.fine)
    if tiers.has_counter_queries(slo):
        for template in (signal.total, signal.errors):
            yield CountQuery(tiers.render_coarse_count(slo, template), steps.coarse)


def reshape_samples(series: SampleArrays) -> SeriesSamples:
    """View samples, which are times and values in turn, as rows."""
    return {labels: np.asarray(samples).reshape(-1, 2) for labels, samples in series.items()}


def build_histories(slo: SLO, span: Span, answers: Sequence[SeriesSamples]) -> list[GroupHistory]:
    """Build the counted events of each group of an SLO.

    Args:
        slo: the SLO.
        span: times of the replay.
        answers: what was read for each query, in the order of `list_queries`.
    """
    fine_total, fine_errors, *coarse = answers
    groups = sorted({*fine_total, *(coarse[0] if coarse else ())})
    steps, histories = slo.steps, []
    for labels in groups:
        fine = _build_tier(slo, steps.fine, span, (fine_total.get(labels), fine_errors.get(labels)))
        counted = (
            _build_tier(slo, steps.coarse, span, (coarse[0].get(labels), coarse[1].get(labels)))
            if coarse
            else _sum_tier(fine, steps.coarse)
        )
        kept = tuple((name, value) for name, value in labels if name != "__name__")
        histories.append(GroupHistory(kept, span, fine, counted))
    return histories


def _build_tier(
    slo: SLO, step: Duration, span: Span, samples: tuple[Values | None, Values | None]
) -> Tier:
    total, errors = (_place_samples(rows, span, step) for rows in samples)
    if slo.signal.errors_may_be_absent:
        errors = np.where(np.isnan(errors) & ~np.isnan(total), 0.0, errors)
    return Tier(step, total, errors)


def _place_samples(rows: Values | None, span: Span, step: Duration) -> Values:
    """Place samples at their steps; steps without a sample are NaN."""
    placed = np.full((span.end - span.read_from) // step.ms + 1, np.nan)
    if rows is not None:
        placed[((rows[:, 0] - span.read_from) // step.ms).astype(np.int64)] = rows[:, 1]
    return placed


def _sum_tier(fine: Tier, step: Duration) -> Tier:
    """Sum the fine tier to coarse steps, as the rules do where no counters are read."""
    times = np.arange(0, len(fine.total) * fine.step.ms, step.ms, dtype=np.int64)
    sums = []
    for values in (fine.total, fine.errors):
        counted = count_windows(values, fine.step, step, times)
        known = np.nan_to_num(values)
        sums.append(np.where(counted > 0, sum_windows(known, fine.step, step, times), np.nan))
    return Tier(step, *sums)


def sum_windows(values: Values, step: Duration, window: Duration, times: Times) -> Values:
    """Sum the steps in windows that end at some times, as `sum_over_time` of the rules does.

    Args:
        values: values of the steps; the first one is at time 0.
        step: time between two values.
        window: length of the windows; a step on the start of a window is not in it.
        times: ends of the windows.
    """
    newest = times // step.ms
    if window.ms % step.ms == 0:
        return compute_rolling_sums(values, window.ms // step.ms)[newest]
    lengths = newest - -(-(times - window.ms + 1) // step.ms) + 1
    shortest, longest = int(lengths.min()), int(lengths.max())
    found = compute_rolling_sums(values, longest)[newest]
    if shortest < longest:
        found = np.where(lengths < longest, compute_rolling_sums(values, shortest)[newest], found)
    return found


def count_windows(values: Values, step: Duration, window: Duration, times: Times) -> Values:
    """Count the steps with a value in windows that end at some times."""
    newest = times // step.ms
    oldest = np.maximum(-(-(times - window.ms + 1) // step.ms), 0)
    missing = np.isnan(values)
    if not missing.any():
        return np.asarray(newest - oldest + 1, dtype=np.float64)
    counts = np.concatenate([[0], np.cumsum(~missing)])
    return np.asarray(counts[newest + 1] - counts[oldest], dtype=np.float64)


def compute_rolling_sums(values: Values, length: int) -> Values:
    """Sum each value with those before it, `length` in all; nothing is before the first.

    Each sum is made of the start of a block and the end of the block before, so that nothing is
    subtracted: a difference of running sums is not exact, and not zero where all values are. It is
    rounded once, as the compensated sum of Prometheus is.
    """
    if length <= 0:
        return np.zeros(len(values))
    blocks = -(-(len(values) + length - 1) // length)
    padded = np.zeros(blocks * length, dtype=np.longdouble)
    padded[length - 1 : length - 1 + len(values)] = values
    table = padded.reshape(blocks, length)
    starts = np.cumsum(table, axis=1).ravel()
    ends = np.empty_like(table)
    np.cumsum(table[:, ::-1], axis=1, out=ends[:, ::-1])
    # A sum that is a whole block is the start of the next one.
    ends[:, 0] = 0
    sums = ends.ravel()[: len(values)] + starts[length - 1 : length - 1 + len(values)]
    return np.asarray(sums, dtype=np.float64)
