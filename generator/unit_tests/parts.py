"""Samples of example series over a course of parts with one value each."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.plain import INTERVAL
from generator.unit_tests.case import Series
from slos.schema.example import ExampleSeries
from slos.schema.units import Duration


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a course, in which a query has one value.

    Attributes:
        state: `quiet` or `firing`, as in examples.
    """

    value: Decimal
    state: str
    length: Duration


def sampled(
    examples: Sequence[ExampleSeries], parts: Sequence[Part], scrape: Duration, *, differs: bool
) -> list[Series]:
    """Sample each example series.

    Args:
        examples: the series.
        parts: the parts of the course, in order.
        scrape: the interval of samples.
        starts_differently: True if series with values of their own start with other ones, each
            with its own, so that the value of the query differs in the first part.
    """
    given = [(part.value, part.state, part.length.ms // scrape.ms) for part in parts]
    found = []
    for number, each in enumerate(examples):
        values = each.values(given, scrape.seconds)
        if differs:
            before = _otherwise(each, number + 2).values(given[:1], scrape.seconds)
            values = [*before, *_continued(each, before, values[len(before) :], scrape)]
        found.append(Series(each.series, values, ends=each.while_ is not None))
    return found


def end_of(parts: Sequence[Part], step: Duration = INTERVAL) -> Duration:
    """Find the last evaluation of a part: the next part has its first sample one interval later."""
    return Duration(sum(part.length.ms for part in parts) - step.ms)


def whole(length: Duration | None, step: Duration = INTERVAL) -> Duration:
    """Round up to whole evaluation intervals."""
    return Duration(-(-length.ms // step.ms) * step.ms) if length else Duration(0)


def _otherwise(each: ExampleSeries, factor: int) -> ExampleSeries:
    """Return the same series, faster by a factor, or rising if it was constant."""
    if each.rises is not None:
        return each.model_copy(update={"rises": each.rises * factor or Decimal(factor)})
    return each


def _continued(
    each: ExampleSeries,
    before: Sequence[Decimal | None],
    after: Sequence[Decimal | None],
    scrape: Duration,
) -> list[Decimal | None]:
    """Continue a counter from its present value at its own rate."""
    if each.rises is None or not after:
        return list(after)
    ahead = (before[-1] or Decimal(0)) + each.rises * scrape.seconds - (after[0] or Decimal(0))
    return [None if value is None else value + ahead for value in after]
