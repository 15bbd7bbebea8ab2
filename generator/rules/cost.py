"""Cost of rules: the samples that one evaluation reads, counted on the syntax tree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import promql_parser as ast

from generator import names
from generator.model import SLO, AlertingRule, RecordingRule, RuleGroup
from slos.schema import promql
from slos.schema.compatibility import read_metric_name
from slos.schema.units import Duration

_HOUR = Duration.from_parts(hours=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """Number of samples that an evaluation reads.

    Attributes:
        raw: samples of the metrics that the SLI names, for each of their series.
        recorded: samples of series that the SLO's rules record, for each group of the SLO.
    """

    raw: int = 0
    recorded: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.raw + other.raw, self.recorded + other.recorded)

    def __mul__(self, factor: int) -> "Cost":
        return Cost(self.raw * factor, self.recorded * factor)


def compute_group_cost(slo: SLO, group: RuleGroup) -> Cost:
    """Cost of one evaluation of all rules of a group."""
    return sum((compute_rule_cost(slo, rule) for rule in group.rules), Cost())


def compute_hourly_cost(slo: SLO, groups: Iterable[RuleGroup]) -> Cost:
    """Cost of all evaluations of some groups in an hour."""
    return sum(
        (compute_group_cost(slo, group) * count_hourly_evaluations(group) for group in groups),
        Cost(),
    )


def count_hourly_evaluations(group: RuleGroup) -> int:
    """Number of evaluations of a group in an hour; all generated groups have an interval."""
    return _HOUR.ms // (group.interval or _HOUR).ms


def compute_rule_cost(slo: SLO, rule: RecordingRule | AlertingRule) -> Cost:
    """Cost of one evaluation of a rule: a range reads its length over the series' interval."""
    return sum(
        (
            _compute_read_cost(slo, metric, range_ms)
            for metric, range_ms in _list_reads(promql.parse_query(rule.expr))
        ),
        Cost(),
    )


def _list_reads(node: ast.Expr) -> Iterator[tuple[str, int]]:
    """Metrics that an expression reads, each with its range in milliseconds, 0 for no range."""
    if isinstance(node, ast.MatrixSelector):
        yield read_metric_name(node.vector_selector), round(1000 * node.range.total_seconds())
    elif isinstance(node, ast.VectorSelector):
        yield read_metric_name(node), 0
    else:
        for child in promql.list_children(node):
            yield from _list_reads(child)


def _compute_read_cost(slo: SLO, metric: str, range_ms: int) -> Cost:
    step = _find_step(slo, metric)
    # Generated ranges over tiers are one millisecond shorter than a whole number of steps.
    samples = max(1, -(-range_ms // (step or slo.steps.scrape).ms))
    return Cost(recorded=samples) if step else Cost(raw=samples)


def _find_step(slo: SLO, metric: str) -> Duration | None:
    """Interval of the samples of a recorded series; None for a metric of the user."""
    for step in (slo.steps.fine, slo.steps.coarse):
        if metric in (names.name_total(step), names.name_errors(step)):
            return step
    period = slo.period
    if metric in (
        name(period) for name in (names.name_total, names.name_errors, names.name_coverage)
    ):
        return slo.steps.coarse
    return slo.steps.fine if metric.startswith("slo:") else None
