"""Options of commands over the past, whose modules need no NumPy: --help works without it."""

import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import click

from generator.backtest.incidents import parse_time
from generator.commands import _values
from generator.commands._options import add_read_options, spec_argument
from slos.schema.units import Duration

Command = TypeVar("Command", bound=Callable[..., Any])
Threshold = Duration | Decimal


class TimeType(click.ParamType[int]):
    """Time option: a duration before now, such as `30d`, or a time of RFC 3339."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse a time to milliseconds; fail with a usage error that shows the syntax."""
        if isinstance(value, int):
            return value
        try:
            return round(time.time() * 1000) - Duration.parse(str(value)).ms
        except ValueError:
            pass
        try:
            return round(parse_time(str(value)).timestamp() * 1000)
        except ValueError:
            self.fail(f"{value!r} is not a time; write it like 30d or 2026-03-01", param, ctx)


class ThresholdType(click.ParamType[Threshold]):
    """Threshold option, such as `500ms` or `0.5`."""

    name = "threshold"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Threshold:
        """Parse a threshold; fail with a usage error that shows the syntax."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            try:
                return Duration.parse(str(value))
            except ValueError:
                number = Decimal("NaN")
        if not number.is_finite():
            self.fail(f"{value!r} is not a threshold; write it like 500ms or 0.5", param, ctx)
        return number


_HISTORY_OPTIONS = (
    spec_argument,
    click.option(
        "--prometheus",
        "prometheus_url",
        required=True,
        metavar="URL",
        callback=_values.check_web_address,
        help="URL of the Prometheus that has the metrics of the SLOs.",
    ),
    click.option(
        "--slo",
        "slo_names",
        multiple=True,
        metavar="ID",
        help="Only this SLO, by its id or its name in the spec. Repeatable.",
    ),
    click.option(
        "--from",
        "start",
        type=TimeType(),
        default="30d",
        show_default=True,
        metavar="TIME",
        help="Start: a time before now like 30d, or a date. Samples are read from before it, as "
        "long as the longest alert window.",
    ),
    click.option(
        "--to",
        "end",
        type=TimeType(),
        metavar="TIME",
        help="End, written in the same way.  [default: now]",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        help="Number of requests at the same time.",
    ),
    click.option(
        "--cache/--no-cache",
        "uses_cache",
        default=True,
        show_default=True,
        help="Keep what is read of the past in the cache folder of the user.",
    ),
)


def add_history_options(command: Command) -> Command:
    """Add the options of commands over the past."""
    command = add_read_options(command)
    for option in reversed(_HISTORY_OPTIONS):
        command = option(command)
    return command


class ObjectiveType(click.ParamType[Decimal]):
    """Objective option, such as `99.9`."""

    name = "objective"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Parse an objective; fail with a usage error that shows the syntax."""
        try:
            objective = Decimal(str(value))
        except InvalidOperation:
            objective = Decimal("NaN")
        if not objective.is_finite() or not 0 < objective < 100:  # noqa: PLR2004 - percent
            self.fail(f"{value!r} is not an objective; write a percentage like 99.9", param, ctx)
        return objective
