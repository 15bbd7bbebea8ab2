"""Diagnosis of an alert: its likely causes by verdict, stage, check or canary call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import promql_parser as ast

from generator.outputs.runbooks import catalogue
from generator.outputs.runbooks.alerts import Kind, Topic
from slos.schema import contract, promql
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict
from slos.schema.golang import Pattern
from slos.schema.runbook import Step
from slos.schema.units import Duration

Value = TypeVar("Value", bound=StrEnum)
_OPERATORS = {"Equal": "=", "Re": "=~"}
_HALF_AN_HOUR = Duration.of(minutes=30)


@dataclass(frozen=True, slots=True)
class Branch:
    """One possible cause of an alert.

    Attributes:
        name: of the verdict, stage, check or call.
        meaning: its meaning for any service.
        hint: knowledge from the spec of the service.
    """

    name: str
    says: str
    hint: Step | None = None


@dataclass(frozen=True, slots=True)
class Branches:
    """All causes that the data of an alert tells apart.

    Attributes:
        label: the label that tells them apart.
        query: a query that shows which of them occur.
        diagnoses: in the order in which to look at them.
        other_values: values that this alert does not count.
    """

    what: str
    query: str
    each: tuple[Branch, ...]
    others: tuple[str, ...] = ()


def of(topic: Topic) -> Branches | None:
    """Diagnose an alert by the label values its query counts.

    Returns None if the data does not tell causes apart, or if the spec lists causes itself.
    """
    if topic.kind is Kind.NO_DATA or (topic.plain and topic.firing.runbook.causes):
        return None
    read = _Read.of(topic)
    over = _over(topic)
    return (
        _verdicts(topic, read, over)
        or _stages(topic, read, over)
        or _checks(topic, read, over)
        or _calls(read, over)
    )


def _over(topic: Topic) -> Duration:
    """Choose the range of the query: that of the alert, since the trouble may be hours ago."""
    if topic.conditions:
        return topic.conditions[0].long
    if topic.threshold:
        return topic.threshold.over
    reach = promql.reach_ms(topic.plain.query) if topic.plain else 0
    return max(Duration(reach), _HALF_AN_HOUR)


@dataclass(frozen=True, slots=True)
class _Read:
    """Series selectors of a query, and the values of a label that they match."""

    selectors: tuple[ast.VectorSelector, ...]
    inverse: bool

    @classmethod
    def of(cls, topic: Topic) -> "_Read":
        """Read the selectors of an alert.

        For an SLO these select bad events. For a standalone alert with a lower limit they select
        good ones, so the label values are inverted.
        """
        query = topic.slo.signal.errors if topic.slo else topic.plain.query if topic.plain else "up"
        nodes = promql.walk(promql.parse_template(query))
        selectors = tuple(node for node in nodes if isinstance(node, ast.VectorSelector))
        return cls(selectors, bool(topic.plain and topic.plain.below is not None))

    def reads(self, metric: str) -> bool:
        """Check whether a metric, or the histogram of that name, is read."""
        return any((each.name or "").startswith(metric) for each in self.selectors)

    def values(self, metric: str, label: str, every: Iterable[Value]) -> list[Value]:
        """List the values that selectors ask for; empty if no selector has the label."""
        asked = [
            [matcher for matcher in selector.matchers.matchers if matcher.name == label]
            for selector in self.selectors
            if (selector.name or "").startswith(metric)
        ]
        asked = [matchers for matchers in asked if matchers]
        if not asked:
            return []
        return [
            value
            for value in every
            if any(all(_takes(each, value) for each in matchers) for matchers in asked)
            is not self.inverse
        ]


def _operator(matcher: ast.Matcher) -> str:
    return str(matcher.op).removeprefix("MatchOp.")


def _takes(matcher: ast.Matcher, value: str) -> bool:
    match _operator(matcher):
        case "Equal":
            return value == str(matcher.value)
        case "NotEqual":
            return value != str(matcher.value)
        case "Re":
            return _whole(matcher).is_in(value)
    return not _whole(matcher).is_in(value)


def _whole(matcher: ast.Matcher) -> Pattern:
    return Pattern(f"^(?:{matcher.value})$")


def _verdicts(topic: Topic, read: _Read, over: Duration) -> Branches | None:
    asked = read.values(contract.PROBE_RUNS, "verdict", Verdict)
    bad = [each for each in catalogue.VERDICT_TEXTS if each in asked]
    if not bad:
        return None
    others = [each for each in catalogue.VERDICT_TEXTS if each not in bad]
    selector = _narrowed(read, contract.PROBE_RUNS, f"verdict=~{promql.quoted('|'.join(bad))}")
    query = f"sum by (probe, path, verdict) (increase({selector}[{over}])) > 0"
    each = _each(bad, catalogue.VERDICT_TEXTS, topic.known.verdicts)
    return Branches("verdict", query, each, tuple(others))


def _narrowed(read: _Read, metric: str, matcher: str) -> str:
    """Render a selector with the matcher of the alert's probe or kind of probes, if it has one."""
    probes = {
        f"probe{_OPERATORS[_operator(each)]}{promql.quoted(each.value)}"
        for selector in read.selectors
        if selector.name == metric
        for each in selector.matchers.matchers
        if each.name == "probe" and _operator(each) in _OPERATORS
    }
    chosen = [*probes, matcher] if len(probes) == 1 else [matcher]
    return f"{metric}{{{','.join(chosen)}}}"


def _stages(topic: Topic, read: _Read, over: Duration) -> Branches | None:
    asked = read.values(contract.STAGE_DURATION, "stage", Stage)
    if topic.plain or len(asked) != 1:
        return None
    within = catalogue.WITHIN[asked[0]]
    chosen = promql.quoted("|".join(within))
    buckets = f"{contract.STAGE_DURATION}_bucket{{stage=~{chosen}}}"
    # The extent of a stage depends on the source that saw it.
    query = f"histogram_quantile(0.95, sum by (stage, source, le) (rate({buckets}[{over}])))"
    return Branches("stage", query, _each(within, catalogue.STAGE_TEXTS, topic.known.stages))


def _checks(topic: Topic, read: _Read, over: Duration) -> Branches | None:
    if not read.reads(contract.CHECKS):
        return None
    asked = read.values(contract.CHECKS, "criterion", Criterion) or list(Criterion)
    chosen = "" if len(asked) == len(Criterion) else f",criterion=~{_any_of(asked)}"
    selector = f'{contract.CHECKS}{{result="fail"{chosen}}}'
    query = f"sort_desc(sum by (criterion) (increase({selector}[{over}])) > 0)"
    return Branches(
        "criterion", query, _each(asked, catalogue.CRITERION_TEXTS, topic.known.criteria)
    )


def _calls(read: _Read, over: Duration) -> Branches | None:
    if not read.reads(contract.CANARY_REQUESTS):
        return None
    query = f"sum by (outcome) (increase({contract.CANARY_REQUESTS}[{over}]))"
    return Branches("outcome", query, _each(CanaryOutcome, catalogue.OUTCOME_TEXTS, {}))


def _any_of(values: Sequence[str]) -> str:
    """Render values as the pattern of a matcher, with dots escaped."""
    return promql.quoted("|".join(value.replace(".", "[.]") for value in values))


def _each(
    values: Iterable[Value], says: Mapping[Value, str], hints: Mapping[Value, Step]
) -> tuple[Branch, ...]:
    return tuple(Branch(value.value, says[value], hints.get(value)) for value in values)
