"""Conditions that stop a pipeline, such as `budget < 10%`."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from generator.status.slo_states import SLOStatus
from slos.schema.units import Duration, parse_ratio

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION = re.compile(r"\s*(\w+)\s*([<>]=?)\s*(\S+)\s*", re.ASCII)
_FORM = 'write it like "budget < 10%", "burn > 2", "alerts > 0" or "exhaustion < 3d"'


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Quantity of an SLO that a condition compares.

    Attributes:
        read: its value; None if it is not known.
        parse: parser of the limit; raises ValueError.
    """

    read: Callable[[SLOStatus], float | None]
    parse: Callable[[str], float]


def _parse_number(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"{text!r} is not a number; write it like 2 or 14.4")
    return float(text)


_QUANTITIES = {
    "budget": _Quantity(lambda status: status.budget, lambda text: float(parse_ratio(text))),
    "burn": _Quantity(lambda status: status.burn, _parse_number),
    "alerts": _Quantity(lambda status: len(status.alerts), _parse_number),
    "exhaustion": _Quantity(
        lambda status: status.forecast.earliest if status.forecast else None,
        lambda text: float(Duration.parse(text).seconds),
    ),
}


@dataclass(frozen=True, slots=True)
class GateCondition:
    """Condition on a quantity of an SLO.

    Attributes:
        text: the condition as it was written.
        quantity: name of the quantity.
        compare: comparison of the quantity with the limit.
        limit: the limit.
    """

    text: str
    quantity: str
    compare: Callable[[float, float], bool]
    limit: float

    def holds(self, status: SLOStatus) -> bool | None:
        """Tell whether it holds for an SLO; None if the quantity is not known."""
        value = _QUANTITIES[self.quantity].read(status)
        return None if value is None or math.isnan(value) else self.compare(value, self.limit)


def parse_condition(text: str) -> GateCondition:
    """Parse a condition.

    Raises:
        ValueError: it is none; the message says how to write one.
    """
    match = _CONDITION.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a condition; {_FORM}")
    name, sign, limit = match.groups()
    if name not in _QUANTITIES:
        known = ", ".join(_QUANTITIES)
        raise ValueError(f"{text!r} has an unknown quantity {name!r}; use one of {known}")
    try:
        return GateCondition(text.strip(), name, _OPERATORS[sign], _QUANTITIES[name].parse(limit))
    except ValueError as error:
        raise ValueError(f"limit of {text!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """Result of one condition.

    Attributes:
        condition: the condition.
        holding: SLOs and groups for which it holds.
        unknown: SLOs and groups without the data that it needs.
    """

    condition: GateCondition
    holding: Sequence[SLOStatus]
    unknown: Sequence[SLOStatus]


def evaluate_conditions(
    conditions: Iterable[GateCondition], statuses: Sequence[SLOStatus]
) -> list[ConditionResult]:
    """Evaluate conditions for all SLOs and their groups."""
    return [
        ConditionResult(
            condition,
            [each for each in statuses if condition.holds(each)],
            [each for each in statuses if condition.holds(each) is None],
        )
        for condition in conditions
    ]
