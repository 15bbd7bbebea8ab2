"""Example series and test cases of standalone rules, and promtool's notation of samples."""

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import repeat
from typing import Annotated, Literal, Self

import promql_parser as ast
from pydantic import AfterValidator, Field, model_validator

from slos.schema.compatibility import read_metric_name
from slos.schema.fields import DurationField, ResultLabels, SpecModel
from slos.schema.promql import parse_query
from slos.schema.units import Duration

_SAMPLE_RUN = re.compile(
    r"(?P<first>-?\d+(?:\.\d+)?)(?:(?P<by>[+-]\d+(?:\.\d+)?)?x(?P<more>\d+))?"
    r"|_(?:x(?P<missing>\d+))?"
)
# A month of samples at an interval of 30 s.
_MAX_SAMPLES = 100_000

_COURSES = ("times", "is", "rate", "rises", "ago", "climbs", "grows", "samples")

_SCRAPE_INTERVAL = Duration.from_parts(seconds=30)
_MINUTE = Duration.from_parts(minutes=1)


def parse_samples(text: str) -> list[Decimal | None]:
    """Parse samples; None is a missing sample.

    Raises:
        ValueError: it is another notation, or more samples than a month has.
    """
    samples: list[Decimal | None] = []
    for run in text.split():
        match = _SAMPLE_RUN.fullmatch(run)
        if not match:
            raise ValueError(
                f"{run!r} is not in the notation of samples; write it like 5, 5x30, 0+2x30 or _x3"
            )
        count = _count_samples(match)
        if len(samples) + count > _MAX_SAMPLES:
            raise ValueError(f"{text!r} is more than {_MAX_SAMPLES} samples; use a longer interval")
        samples += (
            repeat(None, count) if match["first"] is None else _build_rising_samples(match, count)
        )
    if not samples:
        raise ValueError("no samples; write them like 5x30 _x3 0+2x30")
    return samples


def check_samples(text: str) -> str:
    """Return the notation of samples when it is valid.

    Raises:
        ValueError: it is not, see `parse_samples`.
    """
    parse_samples(text)
    return text


def _count_samples(run: re.Match[str]) -> int:
    """Count the samples of a run: `5x2` is three, the first and two more; `_x2` is two."""
    if run["first"] is None:
        return int(run["missing"] or 1)
    return 1 + int(run["more"] or 0)


def _build_rising_samples(run: re.Match[str], count: int) -> list[Decimal | None]:
    first, increment = Decimal(run["first"]), Decimal(run["by"] or 0)
    return [first + increment * number for number in range(count)]


def _check_single_series(text: str) -> str:
    """Return a series: a metric name and labels, each with one value.

    Raises:
        ValueError: it is not the selector of one series.
    """
    node = parse_query(text)
    if (
        isinstance(node, ast.VectorSelector)
        and read_metric_name(node)
        and all(str(matcher.op) == "MatchOp.Equal" for matcher in node.matchers.matchers)
        and (node.offset, node.at) == (None, None)
    ):
        return text
    raise ValueError(f'{text!r} is not one series; write it like requests_total{{job="api"}}')


class ExampleSeries(SpecModel):
    """Input series of a test. Its samples depend on the value that the query must return.

    Attributes:
        series: metric name and labels of the series.
        times: gauge with this multiple of the value.
        is_: gauge with this constant.
        rate: counter that increases by this multiple of the value per second.
        rises: counter that increases by this constant per second.
        ago: Unix timestamp that lies this multiple of the value, in seconds, in the past.
        climbs: gauge that increases by this multiple of the value per second.
        grows: gauge that starts at 1 and grows exponentially, at this multiple of the value per
            second.
        samples: samples in the notation of promtool, for a case with `then`: `5x9` is ten samples,
            `0+2x9` increases by 2 with each, `_x9` are nine missing samples.
        of: factor of the samples, for instance a setting that the query uses.
        while_: phase of the test in which the series exists. Default: both phases.
    """

    series: Annotated[str, AfterValidator(_check_single_series)]
    times: Decimal | None = None
    is_: Annotated[Decimal | None, Field(alias="is")] = None
    rate: Annotated[Decimal | None, Field(ge=0)] = None
    rises: Annotated[Decimal | None, Field(ge=0)] = None
    ago: Annotated[Decimal | None, Field(gt=0)] = None
    climbs: Annotated[Decimal | None, Field(gt=0)] = None
    grows: Annotated[Decimal | None, Field(gt=0)] = None
    samples: Annotated[str, AfterValidator(check_samples)] | None = None
    of: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    while_: Annotated[Literal["quiet", "firing"] | None, Field(alias="while")] = None

    @model_validator(mode="after")
    def _check_single_course(self) -> Self:
        if sum(course is not None for course in self._list_courses()) != 1:
            raise ValueError(
                f"a series must have exactly one of these keys; write one of {', '.join(_COURSES)}"
            )
        return self

    def _list_courses(self) -> tuple[Decimal | str | None, ...]:
        return (
            *(self.times, self.is_, self.rate, self.rises),
            *(self.ago, self.climbs, self.grows, self.samples),
        )

    def compute_samples(
        self, phases: Iterable[tuple[Decimal, str, int]], interval: Decimal
    ) -> list[Decimal | None]:
        """Compute the samples of the series from time 0; None is a missing sample.

        Args:
            phases: the phases of the test: the value of the query, its state `quiet` or `firing`,
                and its number of samples.
            interval: the seconds between two samples.
        """
        if self.samples is not None:
            written_samples = parse_samples(self.samples)
            return [None if each is None else each * self.of for each in written_samples]
        samples: list[Decimal | None] = []
        counter, growth = Decimal(0), Decimal(1)
        for value, state, length in phases:
            for _ in range(length):
                factor = self.rate or self.climbs or Decimal(0)
                counter += interval * (factor * value + (self.rises or 0))
                growth *= 1 + interval * (self.grows or 0) * value
                is_present = self.while_ in (None, state)
                now = interval * len(samples)
                course = counter if self.grows is None else growth
                samples.append(self._compute_sample(value, course, now) if is_present else None)
        return samples

    def _compute_sample(self, value: Decimal, course: Decimal, now: Decimal) -> Decimal:
        if self.ago is not None:
            return now - value * self.ago * self.of
        if self.times is not None:
            return value * self.times * self.of
        return (self.is_ if self.is_ is not None else course) * self.of


def _check_whole_minutes(value: Duration) -> Duration:
    if value.ms % _MINUTE.ms:
        raise ValueError(
            f"{value} is not a multiple of a minute; rules are evaluated once a minute"
        )
    return value


Moment = Annotated[DurationField, AfterValidator(_check_whole_minutes)]


def check_no_samples(example: list[ExampleSeries]) -> list[ExampleSeries]:
    """Return an `example` when none of its series has `samples`.

    Raises:
        ValueError: one has; its value could not follow that of the query.
    """
    if any(each.samples is not None for each in example):
        raise ValueError(
            "'samples' is only allowed in a case with 'then'; move the series to 'examples'"
        )
    return example


class _ExampleCase(SpecModel):
    """Keys that test cases of alerts and of recordings have in common.

    Attributes:
        says: name of the case.
        series: input series, as in `example`; with `then` they start at 0s.
        labels: labels of the result. Default: `example_labels`.
        every: interval between two samples. Above a minute it is also the evaluation interval.
            Default: 30s.
    """

    says: Annotated[str, Field(min_length=1)]
    series: Annotated[list[ExampleSeries], Field(min_length=1)]
    labels: ResultLabels = Field(default_factory=dict)
    every: DurationField | None = None

    @property
    def scrape_interval(self) -> Duration:
        """The interval between two samples."""
        return self.every or _SCRAPE_INTERVAL

    def _check_series(self, *, has_expectations: bool) -> None:
        """Refuse `samples` in a case without `then`, which has no expectation for them."""
        if not has_expectations:
            check_no_samples(self.series)


class AlertCase(_ExampleCase):
    """Test case of an alert.

    Attributes:
        then: expected state, `silent` or `firing`, by time since the start of the series, such as
            `5m`. The value that the series depend on is `firing`. Without `then`, the test is that
            of `example` with these series.
    """

    then: dict[Moment, Literal["silent", "firing"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_case(self) -> Self:
        self._check_series(has_expectations=bool(self.then))
        return self


class RecordingCase(_ExampleCase):
    """Test case of a recording.

    Attributes:
        expect: expected value. Default: `expect` of the recording.
        then: expected value, or `nothing`, by time since the start of the series, such as `5m`.
            Without `then`, the expected value is `expect`.
    """

    expect: Decimal | None = None
    then: dict[Moment, Decimal | Literal["nothing"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_case(self) -> Self:
        self._check_series(has_expectations=bool(self.then))
        return self
