"""Evaluator of a small part of PromQL, and the error course of a test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

import promql_parser as ast

from slos.schema import promql
from slos.schema.units import Duration

LabelSet = frozenset[tuple[str, str]]
Vector = dict[LabelSet, Decimal]


@dataclass(frozen=True, slots=True)
class SteadySeries:
    """A series with a constant rate or value.

    Attributes:
        metric: its name.
        labels: all other labels.
        rate: of a counter, per second; the value of a gauge.
    """

    metric: str
    labels: Mapping[str, str]
    rate: Decimal


class UnsupportedQueryError(Exception):
    """The query uses a part of PromQL that is not evaluated here."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluator of queries over a window; scalars are vectors of one series without labels.

    Attributes:
        series: all series.
        window: the value of `{{.window}}`.
        scrape: the interval of samples.
    """

    series: Sequence[SteadySeries]
    window: Duration
    scrape: Duration

    def evaluate_template(self, template: str) -> Vector:
        """Evaluate a query template over the window.

        Raises:
            UnsupportedQueryError: the query uses a part of PromQL that is not evaluated here.
        """
        return self.evaluate(promql.parse_query(promql.render_template(template, str(self.window))))

    def evaluate(self, node: ast.Expr) -> Vector:
        """Evaluate an expression.

        Raises:
            UnsupportedQueryError: the expression uses a part of PromQL that is not evaluated here.
        """
        match node:
            case ast.ParenExpr():
                return self.evaluate(node.expr)
            case ast.NumberLiteral():
                return {frozenset(): Decimal(str(node.val))}
            case ast.VectorSelector():
                return {_freeze_labels(each): each.rate for each in self._select_series(node)}
            case ast.Call():
                return self._evaluate_call(node)
            case ast.AggregateExpr():
                return self._evaluate_aggregation(node)
            case ast.BinaryExpr():
                return self._evaluate_binary(node)
        raise UnsupportedQueryError(type(node).__name__)

    def _select_series(self, selector: ast.VectorSelector) -> list[SteadySeries]:
        if selector.offset is not None or selector.at is not None:
            raise UnsupportedQueryError("a query shifted in time")
        return [
            each
            for each in self.series
            if each.metric == selector.name
            and all(
                promql.matches_value(matcher, each.labels.get(matcher.name, ""))
                for matcher in selector.matchers.matchers
            )
        ]

    def _evaluate_call(self, node: ast.Call) -> Vector:
        name, argument = node.func.name, node.args[0]
        if name in ("clamp_min", "clamp_max", "clamp"):
            return self._evaluate_clamp(name, node)
        if name == "label_replace":
            return self._evaluate_label_replace(node)
        if not isinstance(argument, ast.MatrixSelector):
            raise UnsupportedQueryError(f"{name}()")
        length = Decimal(str(argument.range.total_seconds()))
        samples = length / self.scrape.seconds
        functions: Mapping[str, Callable[[Decimal], Decimal]] = {
            "rate": lambda rate: rate,
            "increase": lambda rate: rate * length,
            "count_over_time": lambda _: samples,
            "sum_over_time": lambda value: value * samples,
        }
        if name not in functions:
            raise UnsupportedQueryError(f"{name}()")
        selected = self._select_series(argument.vector_selector)
        return {_freeze_labels(each): functions[name](each.rate) for each in selected}

    def _evaluate_clamp(self, name: str, node: ast.Call) -> Vector:
        limits = [next(iter(self.evaluate(limit).values())) for limit in node.args[1:]]
        least = limits[0] if name != "clamp_max" else None
        most = limits[-1] if name != "clamp_min" else None

        def clamp(value: Decimal) -> Decimal:
            value = value if least is None else max(value, least)
            return value if most is None else min(value, most)

        return {labels: clamp(value) for labels, value in self.evaluate(node.args[0]).items()}

    def _evaluate_label_replace(self, node: ast.Call) -> Vector:
        """Set a label to a constant, as the terms of a sum have it."""
        label, value, source, regex = (getattr(each, "val", "") for each in node.args[1:])
        if source or regex or "$" in value:
            raise UnsupportedQueryError("label_replace() of a source label")
        found = self.evaluate(node.args[0]).items()
        return {
            frozenset(
                ({*labels} - {(label, dict(labels).get(label, ""))}) | {(label, value)}
            ): number
            for labels, number in found
        }

    def _evaluate_aggregation(self, node: ast.AggregateExpr) -> Vector:
        functions: dict[str, Callable[[Sequence[Decimal]], Decimal]] = {
            "sum": lambda values: sum(values, Decimal(0)),
            "max": max,
            "min": min,
            "count": lambda values: Decimal(len(values)),
            "avg": lambda values: sum(values, Decimal(0)) / len(values),
        }
        function = functions.get(str(node.op))
        if function is None:
            raise UnsupportedQueryError(f"{node.op}()")
        parts: dict[LabelSet, list[Decimal]] = {}
        for labels, value in self.evaluate(node.expr).items():
            parts.setdefault(_keep_labels(labels, node.modifier), []).append(value)
        return {labels: function(values) for labels, values in parts.items()}

    def _evaluate_binary(self, node: ast.BinaryExpr) -> Vector:
        left, right = self.evaluate(node.lhs), self.evaluate(node.rhs)
        operator, modifier = str(node.op), node.modifier
        if operator in ("or", "and", "unless"):
            return _apply_set_operator(operator, left, right, _build_match_key(modifier))
        if modifier is not None and str(modifier.card) != "VectorMatchCardinality.OneToOne":
            raise UnsupportedQueryError("group_left")
        gives_flags = modifier is not None and modifier.return_bool
        if isinstance(node.rhs, ast.NumberLiteral):
            number = next(iter(right.values()))
            pairs = [(labels, value, number) for labels, value in left.items()]
        elif isinstance(node.lhs, ast.NumberLiteral):
            number = next(iter(left.values()))
            pairs = [(labels, number, value) for labels, value in right.items()]
        else:
            pairs = _match_pairs(left, right, _build_match_key(modifier))
        return _apply_operator(operator, pairs, gives_flags=gives_flags)


def _apply_operator(
    operator: str, pairs: Sequence[tuple[LabelSet, Decimal, Decimal]], *, gives_flags: bool
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
        raise UnsupportedQueryError(f"the operator {operator}")
    holds = comparisons[operator]
    if gives_flags:
        return {labels: Decimal(holds(a, b)) for labels, a, b in pairs}
    return {labels: a for labels, a, b in pairs if holds(a, b)}


def _match_pairs(
    left: Vector, right: Vector, key: Callable[[LabelSet], LabelSet]
) -> list[tuple[LabelSet, Decimal, Decimal]]:
    others = {key(labels): value for labels, value in right.items()}
    if len(others) != len(right) or len({key(labels) for labels in left}) != len(left):
        raise UnsupportedQueryError("many series on one side")
    return [
        (key(labels), value, others[key(labels)])
        for labels, value in left.items()
        if key(labels) in others
    ]


def _apply_set_operator(
    operator: str, left: Vector, right: Vector, key: Callable[[LabelSet], LabelSet]
) -> Vector:
    on_left, on_right = {key(labels) for labels in left}, {key(labels) for labels in right}
    if operator == "or":
        added = {labels: v for labels, v in right.items() if key(labels) not in on_left}
        return {**left, **added}
    keeps_matches = operator == "and"
    return {labels: v for labels, v in left.items() if (key(labels) in on_right) is keeps_matches}


def _build_match_key(modifier: ast.BinModifier | None) -> Callable[[LabelSet], LabelSet]:
    """Build the function that reduces labels to those on which an operator matches."""
    if modifier is None or modifier.matching is None:
        return lambda labels: labels
    names = set(modifier.matching.labels)
    on = "Include" in str(modifier.matching.type)
    return lambda labels: frozenset(pair for pair in labels if (pair[0] in names) is on)


def _keep_labels(labels: LabelSet, modifier: ast.AggModifier | None) -> LabelSet:
    if modifier is None:
        return frozenset()
    named = "By" in str(modifier.type)
    return frozenset(pair for pair in labels if (pair[0] in modifier.labels) is named)


def _freeze_labels(series: SteadySeries) -> LabelSet:
    return frozenset(series.labels.items())


@dataclass(frozen=True, slots=True)
class ErrorCourse:
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

    def extend(self, share: Decimal, steps: int) -> "ErrorCourse":
        """Return the course with more steps of one share."""
        return ErrorCourse(self.step, (*self.shares, *[share] * steps), self.events)

    @property
    def last_step(self) -> int:
        """Number of the last step."""
        return len(self.shares) - 1

    def compute_time(self, step: int) -> Duration:
        """Compute the time of a step."""
        return self.step * step

    def count_steps(self, window: Duration) -> int:
        """Count the steps in a window that ends on a step and excludes its start."""
        return -(-window.ms // self.step.ms)

    def count_events(self, window: Duration, step: int) -> Decimal:
        """Count the events in a window that ends at a step."""
        return self.events * min(self.count_steps(window), step + 1)

    def compute_ratio(self, window: Duration, step: int) -> Decimal:
        """Compute the error ratio of a window that ends at a step.

        It is the mean of the shares, as all steps have the same number of events.
        """
        first = max(0, step + 1 - self.count_steps(window))
        return (self._sums[step + 1] - self._sums[first]) / (step + 1 - first)


def build_course(
    step: Duration, events: Decimal, parts: Iterable[tuple[Decimal, int]]
) -> ErrorCourse:
    """Build a course of parts, each a share and a number of steps."""
    return ErrorCourse(step, tuple(share for share, steps in parts for _ in range(steps)), events)
