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
from tests.benchmarks.traffic import MINUTE, SECOND, START, find_evaluation

_LOOKBACK = 5 * MINUTE
_EVALUATION_INTERVAL = 30 * SECOND


@dataclass(frozen=True, slots=True)
class RecordingTask:
    """A rule to be run over the past.

    Attributes:
        level: rules of a level read only rules of lower ones.
        read_from: the moment from which on others read it.
        phase: of its group's beats.
    """

    rule: RecordingRule
    group: RuleGroup
    level: int
    read_from: float
    phase: int

    def compute_times(self, end: int) -> range:
        """Compute the times of the evaluations, with at least the last one up to the end."""
        interval, phase = get_interval(self.group), self.phase
        last = find_evaluation(phase, interval, end=end)
        first = min(
            last, find_evaluation(phase, interval, end=int(max(self.read_from, START))) + interval
        )
        return range(first, last + 1, interval)


def get_interval(group: RuleGroup) -> int:
    """Return the interval of a group, by default the evaluation interval of Prometheus."""
    return group.interval.ms if group.interval else _EVALUATION_INTERVAL


def compute_phase(group: RuleGroup) -> int:
    """Prometheus spreads groups over their interval by a hash of their name; so do we."""
    return zlib.crc32(group.name.encode()) % get_interval(group)


def build_tasks(method: Method, end: int) -> list[RecordingTask]:
    """The recording rules of a method, each as far back as later rules read it."""
    placed = _list_rules(method)
    read_starts = _compute_read_starts(placed, end)
    return [
        RecordingTask(rule, group, level, read_starts.get(rule.record, end), compute_phase(group))
        for rule, group, level in _list_recording_rules(placed)
    ]


def build_full_tasks(
    method: Method, compute_phase: Callable[[RuleGroup], int]
) -> list[RecordingTask]:
    """The recording rules of a method, over all the data there is."""
    return [
        RecordingTask(rule, group, level, START, compute_phase(group))
        for rule, group, level in _list_recording_rules(_list_rules(method))
    ]


def record_series(
    tasks: Sequence[RecordingTask],
    folder: Path,
    *,
    end: int,
    print_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run recording rules and write what they give, level by level."""
    for level in sorted({task.level for task in tasks}):
        level_tasks = [task for task in tasks if task.level == level]
        points = sum(len(task.compute_times(end)) for task in level_tasks)
        print_line(f"level {level}: {len(level_tasks)} rules, {points} evaluations")
        with prometheus.run_prometheus(folder) as server:
            texts = [text for task in level_tasks for text in _run_task(task, server, end)]
        tsdb.write_series(texts, folder)


def _run_task(
    task: RecordingTask, server: prometheus.BenchmarkPrometheus, end: int
) -> Iterator[str]:
    """The rule's series as text; what becomes one series by the rule's labels is one."""
    times = task.compute_times(end)
    merged: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
    for series in server.evaluate_range(task.rule.expr, times[0], times[-1], times.step):
        labels = {**series.labels, **task.rule.labels}
        merged.setdefault(tuple(sorted(labels.items())), []).extend(series.samples)
    for key, samples in merged.items():
        yield tsdb.format_series(task.rule.record, dict(key), sorted(samples))


def find_instant_inputs(record: str, method: Method) -> set[str]:
    """A recorded series and those it is computed from at the same moment, not over a range."""
    reads = {
        rule.record: _list_reads(rule) for rule, _, _ in _list_recording_rules(_list_rules(method))
    }
    found, new = set[str](), {record}
    while new:
        found |= new
        new = {
            name
            for each in new
            for name, lookback in reads[each]
            if name in reads and lookback == _LOOKBACK
        } - found
    return found


def _list_rules(method: Method) -> list[tuple[Rule, RuleGroup]]:
    return [(rule, group) for group in method.groups for rule in group.rules]


def _list_recording_rules(
    rules: Sequence[tuple[Rule, RuleGroup]],
) -> Iterator[tuple[RecordingRule, RuleGroup, int]]:
    found = [(rule, group) for rule, group in rules if isinstance(rule, RecordingRule)]
    levels = _compute_levels([rule for rule, _ in found])
    for rule, group in found:
        yield rule, group, levels[rule.record]


def _compute_levels(rules: Sequence[RecordingRule]) -> dict[str, int]:
    """One more than that of the highest rule it reads."""
    levels = {rule.record: 1 for rule in rules}
    for _ in rules:
        for rule in rules:
            below = [levels[name] for name, _ in _list_reads(rule) if name in levels]
            levels[rule.record] = max([levels[rule.record], *(level + 1 for level in below)])
    return levels


def _compute_read_starts(rules: Sequence[tuple[Rule, RuleGroup]], end: int) -> dict[str, float]:
    """From when on each series is read; a rule that is read early reads even earlier itself."""
    read_starts: dict[str, float] = {}
    for _ in rules:
        for rule, group in rules:
            rule_start = (
                end if isinstance(rule, AlertingRule) else read_starts.get(rule.record, end)
            )
            for name, lookback in _list_reads(rule):
                read_starts[name] = min(
                    read_starts.get(name, math.inf), rule_start - get_interval(group) - lookback
                )
    return read_starts


def _list_reads(rule: Rule) -> list[tuple[str, int]]:
    """The series of a rule by name, and how far back it reads them.

    A rule that is not run twice at a time reads nothing that matters of its own series.
    """
    own = rule.record if isinstance(rule, RecordingRule) else ""
    reads = _list_node_reads(promql.parse_query(rule.expr), 0)
    return [(name, lookback) for name, lookback in reads if name != own]


def _list_node_reads(node: ast.Expr, lookback: int) -> Iterator[tuple[str, int]]:
    match node:
        case ast.MatrixSelector():
            yield node.vector_selector.name or "", lookback + _get_range_ms(node)
        case ast.VectorSelector():
            yield node.name or "", lookback + _LOOKBACK
        case _:
            range_ms = _get_range_ms(node) if isinstance(node, ast.SubqueryExpr) else 0
            for child in promql.list_children(node):
                yield from _list_node_reads(child, lookback + range_ms)


def _get_range_ms(node: ast.MatrixSelector | ast.SubqueryExpr) -> int:
    assert node.range is not None, "a range without a range"
    return round(node.range.total_seconds() * 1000)
