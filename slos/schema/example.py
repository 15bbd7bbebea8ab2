"""Series that make a query's value a known number: what its unit test is fed."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import promql_parser as ast
from pydantic import AfterValidator, Field, model_validator

from slos.schema.promql import parse
from slos.schema.wire import Wire


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
    """One series. It follows the value (`times`, `rate`), or `is` the same all along.

    Attributes:
        series: its name and labels.
        times: a gauge, this many times the query's value.
        rate: a counter that rises this many times the query's value a second.
        is_: a gauge that stays the same.
        while_: there is no such series in the other state.
    """

    series: Annotated[str, AfterValidator(_one_series)]
    times: Decimal | None = None
    rate: Annotated[Decimal | None, Field(gt=0)] = None
    is_: Annotated[Decimal | None, Field(alias="is")] = None
    while_: Annotated[Literal["quiet", "firing"] | None, Field(alias="while")] = None

    @model_validator(mode="after")
    def _one_course(self) -> Self:
        given: list[Any] = [self.times, self.rate, self.is_]
        if sum(course is not None for course in given) != 1:
            raise ValueError("a series has exactly one course; write one of times, rate and is")
        return self

    def gauge(self, value: Decimal) -> Decimal | None:
        """Its value while the query has one; None for a counter."""
        return self.is_ if self.is_ is not None else value * self.times if self.times else None
