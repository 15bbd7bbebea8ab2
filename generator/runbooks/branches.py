"""How to tell likely causes apart: by verdict, stage, check or call, as its data has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import promql_parser as ast

from generator.runbooks import criteria, outcomes, stages, verdicts
from generator.runbooks.topics import Kind, Topic
from slos.schema import contract, promql
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict
from slos.schema.go_regex import Pattern
from slos.schema.runbook import Step
from slos.schema.units import Duration

Value = TypeVar("Value", bound=StrEnum)
_OPERATORS = {"Equal": "=", "Re": "=~"}
_HALF_AN_HOUR = Duration.of(minutes=30)


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing that may lie behind an alert.

    Attributes:
        name: of the verdict, stage, check or call.
        says: what it means, whatever the service.
        hint: what is known of it here.
    """

    name: str
    says: str
    hint: Step | None = None


@dataclass(frozen=True, slots=True)
class Branches:
    """All that an alert's data can tell apart.

    Attributes:
        what: the label that tells them apart.
        query: which of them it is.
        each: in the order of looking.
        others: values that this alert does not count.
    """

    what: str
    query: str
    each: tuple[Branch, ...]
    others: tuple[str, ...] = ()


def of(topic: Topic) -> Branches | None:
    """What tells apart here; None where the data does not say, or the spec says it better."""
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
    """As far back as the alert itself looks: a ticket may be about what was bad last night."""
    if topic.conditions:
        return topic.conditions[0].long
    if topic.threshold:
        return topic.threshold.over
    reach = promql.reach_ms(topic.plain.query) if topic.plain else 0
    return max(Duration(reach), _HALF_AN_HOUR)


@dataclass(frozen=True, slots=True)
class _Read:
    """The series selectors of a query, and which values of a label they take."""

    selectors: tuple[ast.VectorSelector, ...]
    inverse: bool

    @classmethod
    def of(cls, topic: Topic) -> "_Read":
        """Of an SLO, what counts as bad; of a plain alert that asks for much, what is missing."""
        query = topic.slo.signal.errors if topic.slo else topic.plain.query if topic.plain else "up"
        nodes = promql.walk(promql.parse_template(query))
        selectors = tuple(node for node in nodes if isinstance(node, ast.VectorSelector))
        return cls(selectors, bool(topic.plain and topic.plain.below is not None))

    def reads(self, metric: str) -> bool:
        """Whether a metric is among what is read, or the histogram of that name."""
        return any((each.name or "").startswith(metric) for each in self.selectors)

    def values(self, metric: str, label: str, every: Iterable[Value]) -> list[Value]:
        """The values that selectors ask for; none where none asks."""
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
    bad = [each for each in verdicts.SAYS if each in asked]
    if not bad:
        return None
    others = [each for each in verdicts.SAYS if each not in bad]
    selector = _narrowed(read, contract.PROBE_RUNS, f"verdict=~{promql.quoted('|'.join(bad))}")
    query = f"sum by (probe, path, verdict) (increase({selector}[{over}])) > 0"
    each = _each(bad, verdicts.SAYS, topic.known.verdicts)
    return Branches("verdict", query, each, tuple(others))


def _narrowed(read: _Read, metric: str, matcher: str) -> str:
    """A selector for the one probe, or the one kind of probes, that an alert is about."""
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
    within = stages.WITHIN[asked[0]]
    chosen = promql.quoted("|".join(within))
    buckets = f"{contract.STAGE_DURATION}_bucket{{stage=~{chosen}}}"
    # Who saw a stage decides what it holds.
    query = f"histogram_quantile(0.95, sum by (stage, source, le) (rate({buckets}[{over}])))"
    return Branches("stage", query, _each(within, stages.SAYS, topic.known.stages))


def _checks(topic: Topic, read: _Read, over: Duration) -> Branches | None:
    if not read.reads(contract.CHECKS):
        return None
    asked = read.values(contract.CHECKS, "criterion", Criterion) or list(Criterion)
    chosen = "" if len(asked) == len(Criterion) else f",criterion=~{_any_of(asked)}"
    selector = f'{contract.CHECKS}{{result="fail"{chosen}}}'
    query = f"sort_desc(sum by (criterion) (increase({selector}[{over}])) > 0)"
    return Branches("criterion", query, _each(asked, criteria.SAYS, topic.known.criteria))


def _calls(read: _Read, over: Duration) -> Branches | None:
    if not read.reads(contract.CANARY_REQUESTS):
        return None
    query = f"sum by (outcome) (increase({contract.CANARY_REQUESTS}[{over}]))"
    return Branches("outcome", query, _each(CanaryOutcome, outcomes.SAYS, {}))


def _any_of(values: Sequence[str]) -> str:
    """The values as the pattern of a matcher; dots stand for themselves."""
    return promql.quoted("|".join(value.replace(".", "[.]") for value in values))


def _each(
    values: Iterable[Value], says: Mapping[Value, str], hints: Mapping[Value, Step]
) -> tuple[Branch, ...]:
    return tuple(Branch(value.value, says[value], hints.get(value)) for value in values)
