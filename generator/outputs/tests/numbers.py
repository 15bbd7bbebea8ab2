"""Numbers of the evaluator: exact values, and how far the engine's floats may be from them.

The engine rounds after each operation, and its versions add up in different orders. A comparison
or a rounding that such an error could decide is not tested.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction

# The product of two floats between 1e-20 and 1e20 has fewer digits than this.
_CONTEXT = Context(prec=150)
_ROUNDING = Decimal(2) ** -53
# Functions over ranges and powers are off by some more roundings.
_MANY_ROUNDINGS = Decimal("1e-12")
_LARGEST = Decimal("1e20")
_EXACT_INTEGERS = 2**53
_ZERO = Decimal(0)


class UnsupportedQueryError(Exception):
    """The query uses a part of PromQL that is not evaluated here."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the engine.

    Attributes:
        value: its value without rounding errors.
        error: the most that the engine's float may differ from it; 0 if it is exact.
    """

    value: Decimal
    error: Decimal = _ZERO

    @classmethod
    def from_text(cls, text: str) -> "Number":
        """Read a number as the engine does: the float next to it."""
        return cls(Decimal(float(text)))

    def add_roundings(self) -> "Number":
        """Return the number with the error of a function that rounds many times."""
        return Number(self.value, self.error + abs(self.value) * _MANY_ROUNDINGS)

    def is_near(self, other: "Number") -> bool:
        """Return whether it may be the same number as another one, but for roundings."""
        if not (self.value.is_finite() and other.value.is_finite()):
            return str(self.value) == str(other.value)
        return (
            abs(self.value - other.value)
            <= self.error + other.error + abs(self.value) * _MANY_ROUNDINGS
        )

    def is_below(self, other: "Number") -> bool:
        """Return whether it is below another number.

        Raises:
            UnsupportedQueryError: rounding decides.
        """
        error = self.error + other.error
        if error and abs(self.value - other.value) <= error:
            raise UnsupportedQueryError("a comparison that rounding decides")
        return self.value < other.value


def sum_numbers(numbers: Sequence[Number]) -> Number:
    """Add up numbers; the sum is exact if it is in any order."""
    with localcontext(_CONTEXT):
        value = sum((each.value for each in numbers), _ZERO)
        error = sum((each.error for each in numbers), _ZERO)
        if error or not _is_exact_sum([each.value for each in numbers]):
            size = sum((abs(each.value) for each in numbers), _ZERO)
            error += size * _ROUNDING * len(numbers)
    return _check_size(Number(value, error))


def average_numbers(numbers: Sequence[Number]) -> Number:
    """Average numbers; versions of Prometheus do it in different ways."""
    if len(numbers) == 1:
        return numbers[0]
    return compute(sum_numbers(numbers), "/", Number(Decimal(len(numbers)))).add_roundings()


def _is_exact_sum(values: Sequence[Decimal]) -> bool:
    """Return whether no order of adding rounds: all are small multiples of one power of two."""
    fractions = [Fraction(each) for each in values]
    unit = max((each.denominator for each in fractions), default=1)
    return sum(abs(each) for each in fractions) * unit < _EXACT_INTEGERS


def compute(left: Number, operator: str, right: Number) -> Number:
    """Compute the result of an arithmetic operator.

    Raises:
        UnsupportedQueryError: the operator or the numbers are not evaluated here.
    """
    function = _OPERATORS.get(operator)
    if function is None:
        raise UnsupportedQueryError(f"the operator {operator}")
    with localcontext(_CONTEXT):
        number = _check_size(function(left, right))
        if not number.error and Decimal(float(number.value)) == number.value:
            return number
        return Number(number.value, number.error + abs(number.value) * _ROUNDING)


def _check_size(number: Number) -> Number:
    if not number.value.is_finite() or abs(number.value) > _LARGEST:
        raise UnsupportedQueryError("a number that is too large")
    return number


def _add(left: Number, right: Number) -> Number:
    return Number(left.value + right.value, left.error + right.error)


def _subtract(left: Number, right: Number) -> Number:
    return Number(left.value - right.value, left.error + right.error)


def _multiply(left: Number, right: Number) -> Number:
    error = abs(left.value) * right.error + abs(right.value) * left.error + left.error * right.error
    return Number(left.value * right.value, error)


def _divide(left: Number, right: Number) -> Number:
    least = abs(right.value) - right.error
    if least <= 0:
        raise UnsupportedQueryError("a division by zero")
    value = left.value / right.value
    return Number(value, (left.error + abs(value) * right.error) / least)


def _raise(left: Number, right: Number) -> Number:
    if right == Number(_ZERO):
        return Number(Decimal(1))
    if left.value <= left.error or right.error or abs(right.value) > _LARGEST.log10():
        raise UnsupportedQueryError("a power")
    value = left.value**right.value
    error = abs(value * right.value) * left.error / (left.value - left.error)
    return Number(value, 2 * error).add_roundings()


_OPERATORS: Mapping[str, Callable[[Number, Number], Number]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "^": _raise,
}
