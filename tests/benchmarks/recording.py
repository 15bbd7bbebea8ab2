"""Recording rules run over the past, as Prometheus would have run them.

Each rule is evaluated at the beats of its group, as far back as later rules read it, and what
it gives is written into the TSDB before the rules that read it are evaluated.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import promql_parser as ast

from generator.model import AlertingRule, RecordingRule, Rule, RuleGroup
from slos.schema import promql
from tests.benchmarks import prometheus, tsdb
from tests.benchmarks.methods import Method
from tests.benchmarks.timeline import MINUTE, SECOND, START, beat

_LOOKBACK = 5 * MINUTE
_EVALUATION_INTERVAL = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Task:
    """A rule to be run over the past.

    Attributes:
        level: rules of a level read only rules of lower ones.
        since: the moment from which on others read it.
        phase: of its group's beats.
    """

    rule: RecordingRule
    group: RuleGroup
    level: int
    since: float
    phase: int

    def beats(self, end: int) -> range:
        """When it is evaluated; at the end at least."""
        interval, phase = interval_of(self.group), self.phase
        last = beat(phase, interval, until=end)
        first = min(last, beat(phase, interval, until=int(max(self.since, START))) + interval)
        return range(first, last + 1, interval)


def interval_of(group: RuleGroup) -> int:
    """Of a group's beats; one without an interval has Prometheus' evaluation interval."""
    return group.interval.ms if group.interval else _EVALUATION_INTERVAL


def phase_of(group: RuleGroup) -> int:
    """Prometheus spreads groups over their interval by a hash of their name; so do we."""
    return zlib.crc32(group.name.encode()) % interval_of(group)


def tasks_of(method: Method, end: int) -> list[Task]:
    """The recording rules of a method, each as far back as later rules read it."""
    placed = _placed(method)
    since = _since(placed, end)
    return [
        Task(rule, group, level, since.get(rule.record, end), phase_of(group))
        for rule, group, level in _recorded(placed)
    ]


def whole_tasks_of(method: Method, phase: Callable[[RuleGroup], int]) -> list[Task]:
    """The recording rules of a method, over all the data there is."""
    return [
        Task(rule, group, level, START, phase(group))
        for rule, group, level in _recorded(_placed(method))
    ]


def record(
    tasks: Sequence[Task], folder: Path, *, end: int, say: Callable[[str], None] = lambda _: None
) -> None:
    """Run recording rules and write what they give, level by level."""
    for level in sorted({task.level for task in tasks}):
        chosen = [task for task in tasks if task.level == level]
        points = sum(len(task.beats(end)) for task in chosen)
        say(f"level {level}: {len(chosen)} rules, {points} evaluations")
        with prometheus.running(folder) as server:
            texts = [text for task in chosen for text in _run(task, server, end)]
        tsdb.write_series(texts, folder)


def _run(task: Task, server: prometheus.Prometheus, end: int) -> Iterator[str]:
    """The rule's series as text; what becomes one series by the rule's labels is one."""
    beats = task.beats(end)
    merged: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
    for series in server.over(task.rule.expr, beats[0], beats[-1], beats.step):
        labels = {**series.labels, **task.rule.labels}
        merged.setdefault(tuple(sorted(labels.items())), []).extend(series.samples)
    for key, samples in merged.items():
        yield tsdb.lines(task.rule.record, dict(key), sorted(samples))


def together_with(record: str, method: Method) -> set[str]:
    """A recorded series and those it is computed from at the same moment, not over a range."""
    reads = {rule.record: _reads(rule) for rule, _, _ in _recorded(_placed(method))}
    found, new = set[str](), {record}
    while new:
        found |= new
        new = {
            name
            for each in new
            for name, back in reads[each]
            if name in reads and back == _LOOKBACK
        } - found
    return found


def _placed(method: Method) -> list[tuple[Rule, RuleGroup]]:
    return [(rule, group) for group in method.groups for rule in group.rules]


def _recorded(
    placed: Sequence[tuple[Rule, RuleGroup]],
) -> Iterator[tuple[RecordingRule, RuleGroup, int]]:
    found = [(rule, group) for rule, group in placed if isinstance(rule, RecordingRule)]
    levels = _levels([rule for rule, _ in found])
    for rule, group in found:
        yield rule, group, levels[rule.record]


def _levels(rules: Sequence[RecordingRule]) -> dict[str, int]:
    """One more than that of the highest rule it reads."""
    levels = {rule.record: 1 for rule in rules}
    for _ in rules:
        for rule in rules:
            below = [levels[name] for name, _ in _reads(rule) if name in levels]
            levels[rule.record] = max([levels[rule.record], *(level + 1 for level in below)])
    return levels


def _since(placed: Sequence[tuple[Rule, RuleGroup]], end: int) -> dict[str, float]:
    """From when on each series is read; a rule that is read early reads even earlier itself."""
    since: dict[str, float] = {}
    for _ in placed:
        for rule, group in placed:
            own = end if isinstance(rule, AlertingRule) else since.get(rule.record, end)
            for name, back in _reads(rule):
                since[name] = min(since.get(name, math.inf), own - interval_of(group) - back)
    return since


def _reads(rule: Rule) -> list[tuple[str, int]]:
    """The series of a rule by name, and how far back it reads them."""
    return list(_reads_of(promql.parse(rule.expr), 0))


def _reads_of(node: ast.Expr, back: int) -> Iterator[tuple[str, int]]:
    match node:
        case ast.MatrixSelector():
            yield node.vector_selector.name or "", back + _ms(node)
        case ast.VectorSelector():
            yield node.name or "", back + _LOOKBACK
        case _:
            more = _ms(node) if isinstance(node, ast.SubqueryExpr) else 0
            for child in promql.children(node):
                yield from _reads_of(child, back + more)


def _ms(node: ast.MatrixSelector | ast.SubqueryExpr) -> int:
    assert node.range is not None, "a range without a range"
    return round(node.range.total_seconds() * 1000)
