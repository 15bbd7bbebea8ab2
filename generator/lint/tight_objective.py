"""An objective that is too tight for the number of events."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import LintFinding, SloSubject
from generator.model import MetricFacts
from slos.schema.units import format_decimal

ID = "tight-objective"
ALWAYS = False


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Objective of an SLO, by the events that the spec expects in a period."""
    if subject.slo_spec.expected_events is not None:
        yield from _compare_with_budget(
            subject, Decimal(subject.slo_spec.expected_events), "are expected"
        )


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Objective of an SLO, by the events counted in the last period."""
    if facts.events:
        yield from _compare_with_budget(subject, Decimal(round(facts.events)), "were counted")


def _compare_with_budget(subject: SloSubject, events: Decimal, verb: str) -> Iterator[LintFinding]:
    budget = subject.slo.budget
    if budget and events * budget < 1:
        yield LintFinding(
            ("objective",),
            f"{format_decimal(events)} events {verb} in {subject.slo.period}, "
            f"and {format_decimal(100 * budget)} % of them is less than one: "
            "a single failure exceeds the error budget",
            "lower the objective, lengthen the period, or count more events",
        )
