"""Series that make a query's value a known number: what its unit test is fed."""

from decimal import Decimal
from typing import Annotated, Literal, Self

import promql_parser as ast
from pydantic import AfterValidator, Field, model_validator

from slos.schema.promql import parse
from slos.schema.wire import Wire

_COURSES = ("times", "is", "rate", "rises")


def _one_series(text: str) -> str:
    """A metric name and its labels, each with one value.

    Raises:
        ValueError: when it could be several series, or none.
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
        while_: only while the alert is to be quiet, or only while it is to fire, is it there.
    """

    series: Annotated[str, AfterValidator(_one_series)]
    times: Decimal | None = None
    is_: Annotated[Decimal | None, Field(alias="is")] = None
    rate: Annotated[Decimal | None, Field(ge=0)] = None
    rises: Annotated[Decimal | None, Field(ge=0)] = None
    while_: Annotated[Literal["quiet", "firing"] | None, Field(alias="while")] = None

    @model_validator(mode="after")
    def _one_course(self) -> Self:
        courses = (self.times, self.is_, self.rate, self.rises)
        if sum(course is not None for course in courses) != 1:
            raise ValueError(f"a series has exactly one course; write one of {', '.join(_COURSES)}")
        return self

    @property
    def is_counter(self) -> bool:
        """Whether it rises, by `at` a second."""
        return self.rate is not None or self.rises is not None

    def at(self, value: Decimal) -> Decimal:
        """The gauge, or the rise of the counter in a second, while the query has a value."""
        factor = self.times if self.times is not None else self.rate
        if factor is not None:
            return value * factor
        return self.is_ if self.is_ is not None else self.rises or Decimal(0)
