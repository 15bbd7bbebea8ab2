"""Example series and test cases of standalone rules, and promtool's notation of samples."""

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import repeat
from typing import Annotated, Literal, Self

import promql_parser as ast
from pydantic import AfterValidator, Field, model_validator

from slos.schema.fields import DurationField, Labels, Wire
from slos.schema.promql import parse
from slos.schema.units import Duration

_RUN = re.compile(
    r"(?P<first>-?\d+(?:\.\d+)?)(?:(?P<by>[+-]\d+(?:\.\d+)?)?x(?P<more>\d+))?"
    r"|_(?:x(?P<missing>\d+))?"
)
# A month of samples at an interval of 30 s.
_MOST = 100_000

_COURSES = ("times", "is", "rate", "rises", "ago", "climbs", "grows", "samples")

_SCRAPE = Duration.of(seconds=30)
_MINUTE = Duration.of(minutes=1)


def parse_samples(text: str) -> list[Decimal | None]:
    """Parse samples; None is a missing sample.

    Raises:
        ValueError: it is another notation, or more samples than a month has.
    """
    samples: list[Decimal | None] = []
    for run in text.split():
        found = _RUN.fullmatch(run)
        if not found:
            raise ValueError(
                f"{run!r} is not a run of samples; write it like 5, 5x30, 0+2x30 or _x3"
            )
        times = _times(found)
        if len(samples) + times > _MOST:
            raise ValueError(f"{text!r} is more than {_MOST} samples; put them further apart")
        samples += repeat(None, times) if found["first"] is None else _rising(found, times)
    if not samples:
        raise ValueError("there is no sample; write them like 5x30 _x3 0+2x30")
    return samples


def one_text(text: str) -> str:
    """Return the notation of samples when it is valid.

    Raises:
        ValueError: it is not, see `parse_samples`.
    """
    parse_samples(text)
    return text


def _times(found: re.Match[str]) -> int:
    """Count the samples of a run: `5x2` is three, the first and two more; `_x2` is two."""
    if found["first"] is None:
        return int(found["missing"] or 1)
    return 1 + int(found["more"] or 0)


def _rising(found: re.Match[str], times: int) -> list[Decimal | None]:
    first, by = Decimal(found["first"]), Decimal(found["by"] or 0)
    return [first + by * number for number in range(times)]


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


def _whole_minutes(value: Duration) -> Duration:
    if value.ms % _MINUTE.ms:
        raise ValueError(f"rules are evaluated once a minute; {value} is no whole number of them")
    return value


Moment = Annotated[DurationField, AfterValidator(_whole_minutes)]


def only_in_cases(example: list[ExampleSeries]) -> list[ExampleSeries]:
    """Return an `example` when none of its series has `samples`.

    Raises:
        ValueError: one has; its value could not follow that of the query.
    """
    if any(each.samples is not None for each in example):
        raise ValueError(
            "'samples' cannot follow the value; write a case with 'then' into 'examples'"
        )
    return example


class _Case(Wire):
    """What both kinds of cases have.

    Attributes:
        says: what is the case, in a few words.
        series: as in `example`; with `then` they begin at 0s.
        labels: those of the query's result; of `example_labels` where there are none.
        every: the distance of two samples, of evaluations too where it is over a minute; 30s where
            nothing is said.
    """

    says: Annotated[str, Field(min_length=1)]
    series: Annotated[list[ExampleSeries], Field(min_length=1)]
    labels: Labels = Field(default_factory=dict)
    every: DurationField | None = None

    @property
    def scrape(self) -> Duration:
        """The interval between two samples."""
        return self.every or _SCRAPE

    def _check_series(self, *, told: bool) -> None:
        """Refuse `samples` in a case without `then`, which has no expectation for them."""
        if not told:
            only_in_cases(self.series)


class AlertCase(_Case):
    """A case of its own for an alert.

    Attributes:
        then: whether it is `silent` or `firing`, at times since the start of the series, such as
            `5m`. Series that follow the value are at `firing` all along. Without it, the alert
            must do with these series all that it does with those of `example`.
    """

    then: dict[Moment, Literal["silent", "firing"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _told(self) -> Self:
        self._check_series(told=bool(self.then))
        return self


class RecordingCase(_Case):
    """A case of its own for a recording.

    Attributes:
        expect: what its series follow; that of the recording where nothing is said.
        then: what is recorded, or `nothing`, at times since the start of the series, such as `5m`.
            Without it, it is `expect` as soon as that can be.
    """

    expect: Decimal | None = None
    then: dict[Moment, Decimal | Literal["nothing"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _told(self) -> Self:
        self._check_series(told=bool(self.then))
        return self
