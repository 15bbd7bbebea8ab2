"""An objective that is too tight for the number of events."""

from collections.abc import Iterator
from decimal import Decimal

from generator.lint._subject import Finding, OfSlo
from generator.model import Facts
from slos.schema.units import plain

ID = "tight-objective"
ALWAYS = False


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Objective of an SLO, by the events that the spec expects in a period."""
    if subject.written.expected_events is not None:
        yield from _found(subject, Decimal(subject.written.expected_events), "are expected")


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Objective of an SLO, by the events counted in the last period."""
    if facts.events:
        yield from _found(subject, Decimal(round(facts.events)), "were counted")


def _found(subject: OfSlo, events: Decimal, how: str) -> Iterator[Finding]:
    budget = subject.slo.budget
    if budget and events * budget < 1:
        yield Finding(
            ("objective",),
            f"{plain(events)} events {how} in {subject.slo.period}, and {plain(100 * budget)} % of "
            "them is less than one: a single failure is more than the whole budget",
            "lower the objective, lengthen the period, or send more probes",
        )
