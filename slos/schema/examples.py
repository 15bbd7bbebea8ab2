"""Models of further test cases of a standalone alert or recording, besides its `example`."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from slos.schema.example import ExampleSeries
from slos.schema.units import Duration
from slos.schema.wire import DurationField, Labels, Wire

_SCRAPE = Duration.of(seconds=30)
_MINUTE = Duration.of(minutes=1)


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
