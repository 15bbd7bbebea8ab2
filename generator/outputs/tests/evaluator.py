"""Evaluator of a small part of PromQL on series with constant rates and values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import promql_parser as ast

from generator.outputs.tests import numbers
from generator.outputs.tests.numbers import Number, UnsupportedQueryError
from generator.outputs.tests.promtool_file import round_sample
from generator.outputs.tests.selectors import selects_series
from slos.schema import promql
from slos.schema.units import Duration

_MAX_STEPS = 20

LabelSet = frozenset[tuple[str, str]]
Vector = dict[LabelSet, Number]
_Aggregation = Callable[[Sequence[Number]], Number]


@dataclass(frozen=True, slots=True)
class SteadySeries:
    """A series with a constant rate or value.

    Attributes:
        metric: its name.
        labels: all other labels.
        rate: of a counter, per second; the value of a gauge.
        is_counter: True if it rises.
    """

    metric: str
    labels: Mapping[str, str]
    rate: Decimal
    is_counter: bool = False

    def read_gauge(self) -> Number:
        """Read the value as a test file has it.

        Raises:
            UnsupportedQueryError: it is a counter, which has no constant value.
        """
        if self.is_counter:
            raise UnsupportedQueryError("a counter without rate()")
        return Number.from_text(str(round_sample(self.rate)))

    def read_rate(self, scrape: Duration) -> Number:
        """Read the rate as the samples of a test file have it.

        Raises:
            UnsupportedQueryError: it is a gauge, whose values do not rise.
        """
        if not self.is_counter:
            raise UnsupportedQueryError("rate() of a gauge")
        return Number(round_sample(self.rate * scrape.seconds) / scrape.seconds).add_roundings()


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluator of queries over a window; scalars are vectors of one series without labels.

    Attributes:
        series: all series.
        window: the value of `{{.window}}`.
        scrape: the interval of samples.
        is_short: whether the series are no longer than a few coarse steps.
        extra_samples: samples of a range beyond those of its length.
    """

    series: Sequence[SteadySeries]
    window: Duration
    scrape: Duration
    is_short: bool = False
    extra_samples: int = 0

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
                return {frozenset(): Number(Decimal(node.val))}
            case ast.VectorSelector():
                return {
                    _freeze_labels(each): each.read_gauge() for each in self._select_series(node)
                }
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
        return [each for each in self.series if selects_series(selector, each.metric, each.labels)]

    def _evaluate_call(self, node: ast.Call) -> Vector:
        match node.func.name:
            case "vector":
                return self.evaluate(node.args[0])
            case "clamp_min" | "clamp_max" | "clamp":
                return self._evaluate_clamp(node)
            case "label_replace":
                return self._evaluate_label_replace(node)
            case "rate" | "increase" | "count_over_time" | "sum_over_time" as name:
                return self._evaluate_range_function(name, node.args[0])
        raise UnsupportedQueryError(f"{node.func.name}()")

    def _evaluate_range_function(self, name: str, argument: ast.Expr) -> Vector:
        if not isinstance(argument, ast.MatrixSelector):
            raise UnsupportedQueryError(f"{name}() of a subquery")
        selected = self._select_series(argument.vector_selector)
        if not selected:
            return {}
        length = Decimal(str(argument.range.total_seconds()))
        samples = Number(length / self.scrape.seconds + self.extra_samples)
        # A test of an SLO has little more than two coarse steps of samples.
        is_limited = self.is_short or name.endswith("_over_time")
        if is_limited and length > _MAX_STEPS * self.window.seconds:
            raise UnsupportedQueryError("a range that is longer than a test")
        if samples.value % 1 and name.endswith("_over_time"):
            raise UnsupportedQueryError("a range that is no multiple of the scrape interval")
        functions: Mapping[str, Callable[[SteadySeries], Number]] = {
            "rate": lambda each: each.read_rate(self.scrape),
            "increase": lambda each: numbers.compute(
                each.read_rate(self.scrape), "*", Number(length)
            ),
            "count_over_time": lambda _: samples,
            "sum_over_time": lambda each: numbers.compute(each.read_gauge(), "*", samples),
        }
        return {_freeze_labels(each): functions[name](each) for each in selected}

    def _evaluate_clamp(self, node: ast.Call) -> Vector:
        limits = [self._evaluate_scalar(limit) for limit in node.args[1:]]
        least = limits[0] if node.func.name != "clamp_max" else None
        most = limits[-1] if node.func.name != "clamp_min" else None

        def clamp(number: Number) -> Number:
            value = number.value if least is None else max(number.value, least)
            return Number(value if most is None else min(value, most), number.error)

        return {labels: clamp(value) for labels, value in self.evaluate(node.args[0]).items()}

    def _evaluate_scalar(self, node: ast.Expr) -> Decimal:
        number = self.evaluate(node).get(frozenset())
        if number is None or number.error or number.value.is_nan():
            raise UnsupportedQueryError("a limit that is no number")
        return number.value

    def _evaluate_label_replace(self, node: ast.Call) -> Vector:
        """Set a label to a constant, as the terms of a sum have it."""
        label, value, source, regex = (getattr(each, "val", "") for each in node.args[1:])
        found = self.evaluate(node.args[0]).items()
        if found and (source or regex or "$" in value):
            raise UnsupportedQueryError("label_replace() of a source label")
        return {
            frozenset(
                ({*labels} - {(label, dict(labels).get(label, ""))}) | {(label, value)}
            ): number
            for labels, number in found
        }

    def _evaluate_aggregation(self, node: ast.AggregateExpr) -> Vector:
        function = _AGGREGATIONS.get(str(node.op))
        if function is None:
            raise UnsupportedQueryError(f"{node.op}()")
        parts: dict[LabelSet, list[Number]] = {}
        for labels, value in self.evaluate(node.expr).items():
            parts.setdefault(_keep_labels(labels, node.modifier), []).append(value)
        return {labels: function(values) for labels, values in parts.items()}

    def _evaluate_binary(self, node: ast.BinaryExpr) -> Vector:
        operator, modifier = str(node.op), node.modifier
        is_set_operator = operator in ("or", "and", "unless")
        left = self.evaluate(node.lhs)
        if not left and not is_set_operator:
            return {}  # whatever the other side is
        right = self.evaluate(node.rhs)
        if is_set_operator:
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
        # A comparison keeps the values of the vector, on whichever side it is.
        keeps_right = isinstance(node.lhs, ast.NumberLiteral)
        return _apply_operator(operator, pairs, gives_flags=gives_flags, keeps_right=keeps_right)


def _find_extreme(choose: Callable[[Iterable[Decimal]], Decimal]) -> _Aggregation:
    return lambda values: Number(
        choose(each.value for each in values), max(each.error for each in values)
    )


_AGGREGATIONS: Mapping[str, _Aggregation] = {
    "sum": numbers.sum_numbers,
    "max": _find_extreme(max),
    "min": _find_extreme(min),
    "count": lambda values: Number(Decimal(len(values))),
    "avg": numbers.average_numbers,
}
_COMPARISONS: Mapping[str, Callable[[Number, Number], bool]] = {
    ">": lambda a, b: b.is_below(a),
    ">=": lambda a, b: not a.is_below(b),
    "<": lambda a, b: a.is_below(b),
    "<=": lambda a, b: not b.is_below(a),
    "==": lambda a, b: not (a.is_below(b) or b.is_below(a)),
    "!=": lambda a, b: a.is_below(b) or b.is_below(a),
}


def _apply_operator(
    operator: str,
    pairs: Sequence[tuple[LabelSet, Number, Number]],
    *,
    gives_flags: bool,
    keeps_right: bool,
) -> Vector:
    holds = _COMPARISONS.get(operator)
    if holds is None:
        return {labels: numbers.compute(a, operator, b) for labels, a, b in pairs}
    if gives_flags:
        return {labels: Number(Decimal(holds(a, b))) for labels, a, b in pairs}
    return {labels: b if keeps_right else a for labels, a, b in pairs if holds(a, b)}


def _match_pairs(
    left: Vector, right: Vector, key: Callable[[LabelSet], LabelSet]
) -> list[tuple[LabelSet, Number, Number]]:
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
