"""Documents run through the pure part of the program, for tests."""

from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from generator.lint import _run
from generator.model import SLO, AlertingRule, Plan, RecordingRule, Rule, Source
from generator.pipeline import Plans, Settings, plan
from generator.settings import Defaults
from generator.slo.resolve import resolve
from slos.schema.loader import parse_specs
from slos.schema.problem import Problem
from tests.schema.specs import as_yaml, slo, spec


def source(document: object, name: str = "shop.yaml") -> Source:
    data = document if isinstance(document, bytes) else as_yaml(document)
    return Source(name, PurePosixPath(name), data)


def planned(*documents: object, settings: Settings | None = None) -> Plans:
    sources = [source(document, f"{i}.yaml") for i, document in enumerate(documents)]
    return plan(sources, settings or Settings())


def only_plan(document: object) -> Plan:
    plans = planned(document)
    assert not plans.broken, plans.problems
    (found,) = plans.plans
    return found


def rules_of(document: object) -> list[Rule]:
    return [rule for group in only_plan(document).groups for rule in group.rules]


def recorded(document: object, name: str) -> RecordingRule:
    (found,) = [
        rule
        for rule in rules_of(document)
        if isinstance(rule, RecordingRule) and rule.record == name
    ]
    return found


def alert(document: object, name: str) -> AlertingRule:
    (found,) = [
        rule for rule in rules_of(document) if isinstance(rule, AlertingRule) and rule.alert == name
    ]
    return found


def resolved(document: object, defaults: Defaults | None = None) -> tuple[list[SLO], list[Problem]]:
    (located,), problems = parse_specs(as_yaml(document), "shop.yaml")
    assert not problems
    by = defaults or Defaults()
    slos, found = resolve(located, by)
    return slos, [*found, *_run.of_planned(located, slos, by)]


def one_slo(top: dict[str, Any] | None = None, **changes: Any) -> SLO:  # noqa: ANN401 - YAML
    """The resolved SLO of a document with one; `top` changes the spec, the rest the SLO."""
    slos, _ = resolved(spec(slo(**changes), **(top or {})))
    assert len(slos) == 1
    return slos[0]


def factors(found: SLO) -> list[Decimal]:
    return [each.factor for alert_ in found.burn_alerts for each in alert_.conditions]
