"""What a rule costs: the samples that one evaluation reads, counted on its syntax tree."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as ast

from generator import names
from generator.model import SLO, AlertingRule, RecordingRule, RuleGroup
from slos.schema import promql
from slos.schema.units import Duration

_HOUR = Duration.of(hours=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """Samples read, by where they lie.

    Attributes:
        raw: of the metrics that the SLI names, for each of their series.
        recorded: of series that the SLO's own rules record, for each group of the SLO.
    """

    raw: int = 0
    recorded: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.raw + other.raw, self.recorded + other.recorded)

    def __mul__(self, factor: int) -> "Cost":
        return Cost(self.raw * factor, self.recorded * factor)


def of_group(slo: SLO, group: RuleGroup) -> Cost:
    """One evaluation of all rules of a group."""
    return sum((of_rule(slo, rule) for rule in group.rules), Cost())


def an_hour(group: RuleGroup) -> int:
    """How often a group is evaluated in an hour; ours all have an interval."""
    return _HOUR.ms // (group.interval or _HOUR).ms


def of_rule(slo: SLO, rule: RecordingRule | AlertingRule) -> Cost:
    """One evaluation of a rule: a range holds its length over the step of its series."""
    return sum(
        (_read(slo, metric, range_ms) for metric, range_ms in _readings(promql.parse(rule.expr))),
        Cost(),
    )


def _readings(node: ast.Expr) -> Iterator[tuple[str, int]]:
    """Each metric that an expression reads, and the milliseconds of its range, 0 for none."""
    if isinstance(node, ast.MatrixSelector):
        yield node.vector_selector.name or "", round(1000 * node.range.total_seconds())
    elif isinstance(node, ast.VectorSelector):
        yield node.name or "", 0
    else:
        for child in promql.children(node):
            yield from _readings(child)


def _read(slo: SLO, metric: str, range_ms: int) -> Cost:
    step = _step_of(slo, metric)
    # Our ranges over steps are a millisecond short of a whole number of them.
    samples = max(1, -(-range_ms // (step or slo.steps.scrape).ms))
    return Cost(recorded=samples) if step else Cost(raw=samples)


def _step_of(slo: SLO, metric: str) -> Duration | None:
    """The distance of samples of a series that our rules record; None for the user's metrics."""
    for step in (slo.steps.fine, slo.steps.coarse):
        if metric in (names.total(step), names.errors(step)):
            return step
    return slo.steps.fine if metric.startswith("slo:") else None
