"""The course of an example, in parts of one value each, as samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.plain import INTERVAL
from generator.unit_tests.case import Series
from slos.schema.example import ExampleSeries
from slos.schema.units import Duration


@dataclass(frozen=True, slots=True)
class Part:
    """How long a query is to have a value.

    Attributes:
        state: `quiet` or `firing`, as examples have it.
    """

    value: Decimal
    state: str
    length: Duration


def sampled(
    examples: Sequence[ExampleSeries], parts: Sequence[Part], scrape: Duration, *, differs: bool
) -> list[Series]:
    """The samples of each series.

    Args:
        examples: the series.
        parts: of the course, one after the other.
        scrape: the distance of samples.
        differs: whether series that go their own way go another one in the first part, each its
            own, so that the value is another there whatever it is made of.
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
    """The last evaluation of a part: what comes next has its first sample one interval later."""
    return Duration(sum(part.length.ms for part in parts) - step.ms)


def whole(length: Duration | None, step: Duration = INTERVAL) -> Duration:
    """Up to a whole evaluation interval."""
    return Duration(-(-length.ms // step.ms) * step.ms) if length else Duration(0)


def _otherwise(each: ExampleSeries, factor: int) -> ExampleSeries:
    """The same series, faster by a factor, or moving where it stood."""
    if each.rises is not None:
        return each.model_copy(update={"rises": each.rises * factor or Decimal(factor)})
    return each


def _continued(
    each: ExampleSeries,
    before: Sequence[Decimal | None],
    after: Sequence[Decimal | None],
    scrape: Duration,
) -> list[Decimal | None]:
    """What comes after, a counter from where it is, at its own pace."""
    if each.rises is None or not after:
        return list(after)
    ahead = (before[-1] or Decimal(0)) + each.rises * scrape.seconds - (after[0] or Decimal(0))
    return [None if value is None else value + ahead for value in after]
