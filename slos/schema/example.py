"""Model of example series: the input series of unit tests, which give a query a known value."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal, Self

import promql_parser as ast
from pydantic import AfterValidator, Field, model_validator

from slos.schema.promql import parse
from slos.schema.samples import one_text, parse_samples
from slos.schema.wire import Wire

_COURSES = ("times", "is", "rate", "rises", "ago", "climbs", "grows", "samples")


def _one_series(text: str) -> str:
    """Return a series: a metric name and labels, each with one value.

    Raises:
        ValueError: it is not the selector of one series.
    """
    node = parse(text)
    if (
        isinstance(node, ast.VectorSelector)
        and node.name
        and all(str(matcher.op) == "MatchOp.Equal" for matcher in node.matchers.matchers)
        and (node.offset, node.at) == (None, None)
    ):
        return text
    raise ValueError(f'{text!r} is not one series; write it like requests_total{{job="api"}}')


class ExampleSeries(Wire):
    """One series: it follows the value of the query, or goes its own way all along.

    Attributes:
        series: its name and labels.
        times: a gauge at this many times the value.
        is_: a gauge that stays the same.
        rate: a counter that rises by this many times the value a second.
        rises: a counter that rises by this much a second.
        ago: a point in time, this many seconds ago for each unit of the value.
        climbs: a gauge that rises by this many times the value a second.
        grows: a gauge from 1 that rises by this many times the value, times itself, a second.
        samples: its samples one by one, as promtool writes them, in a case that says `then`: `5x9`
            is ten of them, `0+2x9` rises by 2 with each, `_x9` are missing.
        of: what its course is in units of; a setting, where the query has one.
        while_: only while the alert is to be quiet, or only while it is to fire, is it there.
    """

    series: Annotated[str, AfterValidator(_one_series)]
    times: Decimal | None = None
    is_: Annotated[Decimal | None, Field(alias="is")] = None
    rate: Annotated[Decimal | None, Field(ge=0)] = None
    rises: Annotated[Decimal | None, Field(ge=0)] = None
    ago: Annotated[Decimal | None, Field(gt=0)] = None
    climbs: Annotated[Decimal | None, Field(gt=0)] = None
    grows: Annotated[Decimal | None, Field(gt=0)] = None
    samples: Annotated[str, AfterValidator(one_text)] | None = None
    of: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    while_: Annotated[Literal["quiet", "firing"] | None, Field(alias="while")] = None

    @model_validator(mode="after")
    def _one_course(self) -> Self:
        if sum(course is not None for course in self._courses()) != 1:
            raise ValueError(f"a series has exactly one course; write one of {', '.join(_COURSES)}")
        return self

    def _courses(self) -> tuple[Decimal | str | None, ...]:
        return (
            *(self.times, self.is_, self.rate, self.rises),
            *(self.ago, self.climbs, self.grows, self.samples),
        )

    def values(
        self, parts: Iterable[tuple[Decimal, str, int]], every: Decimal
    ) -> list[Decimal | None]:
        """Compute the samples of the series from time 0; None is a missing sample.

        Args:
            parts: the phases of the test: the value of the query, its state `quiet` or `firing`,
                and its number of samples.
            every: the seconds between two samples.
        """
        if self.samples is not None:
            given = parse_samples(self.samples)
            return [None if each is None else each * self.of for each in given]
        samples: list[Decimal | None] = []
        counter, grown = Decimal(0), Decimal(1)
        for value, state, length in parts:
            for _ in range(length):
                factor = self.rate or self.climbs or Decimal(0)
                counter += every * (factor * value + (self.rises or 0))
                grown *= 1 + every * (self.grows or 0) * value
                there = self.while_ in (None, state)
                now = every * len(samples)
                course = counter if self.grows is None else grown
                samples.append(self._sample(value, course, now) if there else None)
        return samples

    def _sample(self, value: Decimal, course: Decimal, now: Decimal) -> Decimal:
        if self.ago is not None:
            return now - value * self.ago * self.of
        if self.times is not None:
            return value * self.times * self.of
        return (self.is_ if self.is_ is not None else course) * self.of
