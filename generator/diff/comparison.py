"""Comparison of two versions of specs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from generator.diff import facts
from generator.model import SLO
from generator.pipeline import BuildPlan
from slos.schema.units import format_names

_MAX_NAMES = 3


class ChangeKind(StrEnum):
    """Kind of a change of an object."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FactChange:
    """Change of one fact; `before` or `after` is empty where the fact does not exist."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """Change of an SLO, a standalone alert or a standalone recording.

    Attributes:
        name: kind and name, such as `SLO shop-requests`.
        kind: kind of the change.
        facts: facts that differ.
        notes: consequences, one sentence each.
    """

    name: str
    kind: ChangeKind
    facts: tuple[FactChange, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Difference between two versions of specs.

    Attributes:
        changes: objects that differ, SLOs first.
        samples_before: samples that all SLOs read per hour, with one series for each metric.
        samples_after: the same of the new version.
    """

    changes: tuple[ObjectChange, ...]
    samples_before: int
    samples_after: int


def compare_plans(before: BuildPlan, after: BuildPlan) -> Comparison:
    """Compare two plans SLO by SLO, and standalone rule by standalone rule."""
    old, new = _list_slos(before), _list_slos(after)
    return Comparison(
        (*_compare_slos(old, new), *_compare_rules(before, after)),
        sum(map(facts.count_samples, old.values())),
        sum(map(facts.count_samples, new.values())),
    )


def _list_slos(plan: BuildPlan) -> dict[str, SLO]:
    return {slo.id: slo for slo in plan.slos if isinstance(slo, SLO)}


def _compare_slos(old: Mapping[str, SLO], new: Mapping[str, SLO]) -> Iterator[ObjectChange]:
    removed_slis = {_list_queries(slo): slo.id for slo in old.values() if slo.id not in new}
    for slo_id in sorted({*old, *new}):
        before, after = old.get(slo_id), new.get(slo_id)
        changed = _compare_facts(
            facts.list_slo_facts(before) if before else {},
            facts.list_slo_facts(after) if after else {},
        )
        notes: tuple[str, ...] = ()
        if before and after:
            notes = tuple(_list_notes(before, after, {each.name for each in changed}))
        elif after and (former := removed_slis.get(_list_queries(after))):
            notes = (f"the SLI is that of {former}, which is removed; its history is not kept",)
        elif before:
            notes = ("its recorded series end, and its budget is no longer known",)
        if change := _build_change(f"SLO {slo_id}", changed, old=before, new=after, notes=notes):
            yield change


def _list_queries(slo: SLO) -> tuple[str, str]:
    return slo.signal.total, slo.signal.errors


def _list_notes(before: SLO, after: SLO, changed: set[str]) -> Iterator[str]:
    """Consequences of a change of an SLO for alerts and recorded history."""
    old_delays, new_delays = facts.list_alert_delays(before), facts.list_alert_delays(after)
    for name in (each for each in old_delays if each in new_delays):
        old, new = old_delays[name], new_delays[name]
        if old != new:
            speed = "faster" if new.ms < old.ms else "slower"
            yield f"{name} is {speed}: {new} instead of {old} after the start of a full outage"
    old_series, new_series = (
        facts.list_recorded_series(before),
        facts.list_recorded_series(after),
    )
    old_names = {record for record, _ in old_series}
    anew = sorted({record for record, _ in new_series - old_series if record in old_names})
    if before.signal.group_by != after.signal.group_by:
        yield "the recorded series have other labels, so the history of the budget begins anew"
    elif anew:
        listed = format_names(anew, _MAX_NAMES)
        yield f"recorded series have other labels, so their history begins anew: {listed}"
    elif changed & set(facts.SLI_FACTS):
        yield (
            f"the recorded series continue, so the budget mixes events of the old and the new "
            f"SLI for {after.period}"
        )
    elif "objective" in changed:
        yield "the recorded events are kept, so the new objective applies to the past as well"


def _compare_rules(before: BuildPlan, after: BuildPlan) -> Iterator[ObjectChange]:
    old, new = _collect_rule_facts(before), _collect_rule_facts(after)
    for key in sorted({*old, *new}):
        changed = _compare_facts(old.get(key, {}), new.get(key, {}))
        if change := _build_change(key, changed, old=old.get(key), new=new.get(key)):
            yield change


def _collect_rule_facts(plan: BuildPlan) -> dict[str, dict[str, str]]:
    return {
        key: rule_facts
        for each in plan.plans
        for spec_plan in each.spec_plans
        for key, rule_facts in facts.list_standalone_facts(spec_plan)
    }


def _build_change(
    name: str,
    changed: tuple[FactChange, ...],
    *,
    old: object | None,
    new: object | None,
    notes: Iterable[str] = (),
) -> ObjectChange | None:
    if old and new and not changed:
        return None
    kind = ChangeKind.CHANGED if old and new else ChangeKind.ADDED if new else ChangeKind.REMOVED
    return ObjectChange(name, kind, changed, tuple(notes))


def _compare_facts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FactChange, ...]:
    return tuple(
        FactChange(name, before.get(name, ""), after.get(name, ""))
        for name in {**after, **before}
        if before.get(name) != after.get(name)
    )
