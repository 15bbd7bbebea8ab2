"""Small PromQL evaluator, error course."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

import promql_parser as ast

from generator.outputs.tests import decoys
from slos.schema import promql
from slos.schema.units import Duration

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, Decimal]


@dataclass(frozen=True, slots=True)
class Steady:
    """A series with a constant rate or value.

    Attributes:
        metric: its name.
        labels: all other labels.
        rate: of a counter, per second; the value of a gauge.
    """

    metric: str
    labels: Mapping[str, str]
    rate: Decimal


class NotKnownError(Exception):
    """The query uses a part of PromQL that is not evaluated here."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluator of queries over a window; scalars are vectors of one series without labels.

    Attributes:
        series: all series.
        window: the value of `{{.window}}`.
        scrape: the interval of samples.
    """

    series: Sequence[Steady]
    window: Duration
    scrape: Duration

    def of_template(self, template: str) -> Vector:
        """Evaluate a query template over the window.

        Raises:
            UnsupportedQueryError: the query uses a part of PromQL that is not evaluated here.
        """
        return self.of(promql.parse(promql.render(template, str(self.window))))

    def of(self, node: ast.Expr) -> Vector:
        """Evaluate an expression.

        Raises:
            UnsupportedQueryError: the expression uses a part of PromQL that is not evaluated here.
        """
        match node:
            case ast.ParenExpr():
                return self.of(node.expr)
            case ast.NumberLiteral():
                return {frozenset(): Decimal(str(node.val))}
            case ast.VectorSelector():
                return {_labels(each): each.rate for each in self._matching(node)}
            case ast.Call():
                return self._call(node)
            case ast.AggregateExpr():
                return self._aggregate(node)
            case ast.BinaryExpr():
                return self._binary(node)
        raise NotKnownError(type(node).__name__)

    def _matching(self, selector: ast.VectorSelector) -> list[Steady]:
        if selector.offset is not None or selector.at is not None:
            raise NotKnownError("a query shifted in time")
        return [
            each
            for each in self.series
            if each.metric == selector.name
            and all(
                decoys.matches(matcher, each.labels.get(matcher.name, ""))
                for matcher in selector.matchers.matchers
            )
        ]

    def _call(self, node: ast.Call) -> Vector:
        name, argument = node.func.name, node.args[0]
        if name in ("clamp_min", "clamp_max", "clamp"):
            return self._clamped(name, node)
        if not isinstance(argument, ast.MatrixSelector):
            raise NotKnownError(f"{name}()")
        length = Decimal(str(argument.range.total_seconds()))
        samples = length / self.scrape.seconds
        over: Mapping[str, Callable[[Decimal], Decimal]] = {
            "rate": lambda rate: rate,
            "increase": lambda rate: rate * length,
            "count_over_time": lambda _: samples,
            "sum_over_time": lambda value: value * samples,
        }
        if name not in over:
            raise NotKnownError(f"{name}()")
        found = self._matching(argument.vector_selector)
        return {_labels(each): over[name](each.rate) for each in found}

    def _clamped(self, name: str, node: ast.Call) -> Vector:
        limits = [next(iter(self.of(limit).values())) for limit in node.args[1:]]
        least = limits[0] if name != "clamp_max" else None
        most = limits[-1] if name != "clamp_min" else None

        def clamp(value: Decimal) -> Decimal:
            value = value if least is None else max(value, least)
            return value if most is None else min(value, most)

        return {labels: clamp(value) for labels, value in self.of(node.args[0]).items()}

    def _aggregate(self, node: ast.AggregateExpr) -> Vector:
        functions: dict[str, Callable[[Sequence[Decimal]], Decimal]] = {
            "sum": lambda values: sum(values, Decimal(0)),
            "max": max,
            "min": min,
            "count": lambda values: Decimal(len(values)),
            "avg": lambda values: sum(values, Decimal(0)) / len(values),
        }
        function = functions.get(str(node.op))
        if function is None:
            raise NotKnownError(f"{node.op}()")
        parts: dict[Labels, list[Decimal]] = {}
        for labels, value in self.of(node.expr).items():
            parts.setdefault(_kept(labels, node.modifier), []).append(value)
        return {labels: function(values) for labels, values in parts.items()}

    def _binary(self, node: ast.BinaryExpr) -> Vector:
        left, right = self.of(node.lhs), self.of(node.rhs)
        operator, modifier = str(node.op), node.modifier
        if operator in ("or", "and", "unless"):
            return _set_operation(operator, left, right, _matched_by(modifier))
        if modifier is not None and str(modifier.card) != "VectorMatchCardinality.OneToOne":
            raise NotKnownError("group_left")
        gives_flags = modifier is not None and modifier.return_bool
        if isinstance(node.rhs, ast.NumberLiteral):
            number = next(iter(right.values()))
            pairs = [(labels, value, number) for labels, value in left.items()]
        elif isinstance(node.lhs, ast.NumberLiteral):
            number = next(iter(left.values()))
            pairs = [(labels, number, value) for labels, value in right.items()]
        else:
            pairs = _pairs(left, right, _matched_by(modifier))
        return _computed(operator, pairs, gives_flags=gives_flags)


def _computed(
    operator: str, pairs: Sequence[tuple[Labels, Decimal, Decimal]], *, gives_flags: bool
) -> Vector:
    arithmetic: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "^": lambda a, b: a**b if b else Decimal(1),
    }
    comparisons: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
    }
    if operator in arithmetic:
        return {labels: arithmetic[operator](a, b) for labels, a, b in pairs}
    if operator not in comparisons:
        raise NotKnownError(f"the operator {operator}")
    holds = comparisons[operator]
    if gives_flags:
        return {labels: Decimal(holds(a, b)) for labels, a, b in pairs}
    return {labels: a for labels, a, b in pairs if holds(a, b)}


def _pairs(
    left: Vector, right: Vector, key: Callable[[Labels], Labels]
) -> list[tuple[Labels, Decimal, Decimal]]:
    others = {key(labels): value for labels, value in right.items()}
    if len(others) != len(right) or len({key(labels) for labels in left}) != len(left):
        raise NotKnownError("many series on one side")
    return [
        (key(labels), value, others[key(labels)])
        for labels, value in left.items()
        if key(labels) in others
    ]


def _set_operation(
    operator: str, left: Vector, right: Vector, key: Callable[[Labels], Labels]
) -> Vector:
    on_left, on_right = {key(labels) for labels in left}, {key(labels) for labels in right}
    if operator == "or":
        more = {labels: v for labels, v in right.items() if key(labels) not in on_left}
        return {**left, **more}
    wanted = operator == "and"
    return {labels: v for labels, v in left.items() if (key(labels) in on_right) is wanted}


def _matched_by(modifier: ast.BinModifier | None) -> Callable[[Labels], Labels]:
    """Build the function that reduces labels to those on which an operator matches."""
    if modifier is None or modifier.matching is None:
        return lambda labels: labels
    names = set(modifier.matching.labels)
    on = "Include" in str(modifier.matching.type)
    return lambda labels: frozenset(pair for pair in labels if (pair[0] in names) is on)


def _kept(labels: Labels, modifier: ast.AggModifier | None) -> Labels:
    if modifier is None:
        return frozenset()
    named = "By" in str(modifier.type)
    return frozenset(pair for pair in labels if (pair[0] in modifier.labels) is named)


def _labels(series: Steady) -> Labels:
    return frozenset(series.labels.items())


@dataclass(frozen=True, slots=True)
class Course:
    """Error ratio of each step; every step has the same number of events.

    Attributes:
        step: interval between two values and two evaluations.
        shares: 0 to 1, one for each step from time 0.
        events: number of events of each step.
    """

    step: Duration
    shares: tuple[Decimal, ...]
    events: Decimal
    _sums: tuple[Decimal, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.shares, initial=Decimal(0))))

    def then(self, share: Decimal, steps: int) -> "Course":
        """Return the course with more steps of one share."""
        return Course(self.step, (*self.shares, *[share] * steps), self.events)

    @property
    def last(self) -> int:
        """Number of the last step."""
        return len(self.shares) - 1

    def at(self, step: int) -> Duration:
        """Compute the time of a step."""
        return self.step * step

    def steps_in(self, window: Duration) -> int:
        """Count the steps in a window that ends on a step and excludes its start."""
        return -(-window.ms // self.step.ms)

    def counted(self, window: Duration, step: int) -> Decimal:
        """Count the events in a window that ends at a step."""
        return self.events * min(self.steps_in(window), step + 1)

    def ratio(self, window: Duration, step: int) -> Decimal:
        """Compute the error ratio of a window that ends at a step.

        It is the mean of the shares, as all steps have the same number of events.
        """
        first = max(0, step + 1 - self.steps_in(window))
        return (self._sums[step + 1] - self._sums[first]) / (step + 1 - first)


def of(step: Duration, events: Decimal, parts: Iterable[tuple[Decimal, int]]) -> Course:
    """Build a course of parts, each a share and a number of steps."""
    return Course(step, tuple(share for share, steps in parts for _ in range(steps)), events)
