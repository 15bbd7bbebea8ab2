"""Tasks of a backfill: each recording rule with the times of its evaluations."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from generator import names
from generator.backfill.expressions import list_metrics
from generator.model import RecordingRule, RuleGroup, SpecPlan
from slos.schema.units import Duration

DAY = 86_400_000
_DEFAULT_INTERVAL = Duration.from_parts(minutes=1)


@dataclass(frozen=True, slots=True)
class RuleTask:
    """Recording rule and what is known of its series.

    Attributes:
        rule: the rule.
        group: name of its group.
        interval: interval of its group in milliseconds.
        selector: selector of its series, whatever the user's labels are.
        reads: recorded metrics that the rule reads, without its own.
        first_sample: time of the oldest sample that is recorded already; None without samples.
        times: times of the evaluations.
    """

    rule: RecordingRule
    group: str
    interval: int
    selector: str
    reads: frozenset[str]
    first_sample: int | None = None
    times: range = range(0)

    @property
    def series(self) -> str:
        """Selector of the series that the rule records."""
        return names.format_series(self.rule.record, self.rule.labels)

    @property
    def slo(self) -> str:
        """Id of the SLO; the name of the group for a rule of none."""
        return self.rule.labels.get(names.ID, self.group)


def list_tasks(plans: Iterable[SpecPlan]) -> list[RuleTask]:
    """List the tasks of plans, each after those whose series it reads; they have no times yet."""
    rules = [
        (plan, group, rule)
        for plan in plans
        for group in plan.groups
        for rule in group.rules
        if isinstance(rule, RecordingRule)
    ]
    recorded = {rule.record for _, _, rule in rules}
    tasks = [_build_task(plan, group, rule, recorded) for plan, group, rule in rules]
    levels = _compute_levels(tasks)
    return sorted(tasks, key=lambda task: levels[task.rule.record])


def _build_task(
    plan: SpecPlan, group: RuleGroup, rule: RecordingRule, recorded: set[str]
) -> RuleTask:
    ignored = {
        label
        for slo in plan.slos
        if slo.id == rule.labels.get(names.ID)
        for label in slo.labels
        if label not in names.build_key_labels(slo)
    }
    return RuleTask(
        rule,
        group.name,
        (group.interval or _DEFAULT_INTERVAL).ms,
        names.format_series(
            rule.record,
            {label: value for label, value in rule.labels.items() if label not in ignored},
        ),
        frozenset(list_metrics(rule.expr) & recorded - {rule.record}),
    )


def _compute_levels(tasks: Sequence[RuleTask]) -> dict[str, int]:
    """Compute a level for each metric, higher than that of any metric that it is made of."""
    reads: dict[str, set[str]] = {}
    for task in tasks:
        reads.setdefault(task.rule.record, set()).update(task.reads)
    levels = dict.fromkeys(reads, 0)
    for _ in reads:
        for metric, others in reads.items():
            levels[metric] = max([levels[metric], *(levels[other] + 1 for other in others)])
    return levels


def set_times(
    tasks: Sequence[RuleTask],
    start: int,
    end: int,
    find_first_sample: Callable[[str], int | None],
) -> list[RuleTask]:
    """Set the times of tasks: from the start up to the oldest sample, or up to the end.

    All rules of a group are evaluated at the same times, which follow from what is recorded.
    Without samples, they are whole intervals since the epoch.
    """
    found = [replace(task, first_sample=find_first_sample(task.selector)) for task in tasks]
    phases = {
        task.group: task.first_sample % task.interval
        for task in found
        if task.first_sample is not None
    }
    return [
        replace(task, times=_compute_times(task, phases.get(task.group, 0), start, end))
        for task in found
    ]


def _compute_times(task: RuleTask, phase: int, start: int, end: int) -> range:
    first = start + (phase - start) % task.interval
    stop = end if task.first_sample is None else min(end, task.first_sample)
    return range(first, stop, task.interval)


def list_days(tasks: Iterable[RuleTask]) -> range:
    """List the starts of the days, in UTC, of the evaluations of tasks; one has some."""
    times = [task.times for task in tasks if task.times]
    first = min(each[0] for each in times) // DAY * DAY
    return range(first, max(each[-1] for each in times) + 1, DAY)
