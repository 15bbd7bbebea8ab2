"""Description of an SLO in words, from what its rules have recorded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from generator.status.slo_states import FiringAlert, SLOStatus
from generator.status.table import format_forecast
from generator.web.formats import format_length, format_number, format_objective, format_percent
from generator.web.links import check_link
from generator.web.slo_records import SLORecords
from slos.schema.units import Duration


def describe_slo(status: SLOStatus, facts: SLORecords) -> str:
    """Describe the objective and what it allows."""
    if status.objective is None or not facts.period:
        return "Objective and period of this SLO are not recorded."
    period = Duration.from_parts(seconds=facts.period)
    objective = format_objective(status.objective)
    budget = 1 - status.objective
    text = (
        f"{objective} of events have to be good over {_format_days(period)}. "
        f"The budget is as much as a full outage of {_format_outage(period, budget)}."
    )
    if not facts.events:
        return text
    text += f" Of {facts.events:,.0f} counted events, {facts.events * budget:,.0f} may fail"
    return f"{text}." if facts.errors is None else f"{text}, and {facts.errors:,.0f} failed."


def _format_days(period: Duration) -> str:
    return (
        f"{period.days:f} days".replace("1 days", "a day") if period.days % 1 == 0 else str(period)
    )


def _format_outage(period: Duration, budget: float) -> str:
    seconds = float(period.seconds) * budget
    return format_length(seconds) if seconds >= 1 else "less than a second"


def describe_outlook(status: SLOStatus) -> str:
    """Describe what is left, and for how long."""
    if status.budget is None:
        return "No budget is recorded."
    if status.budget <= 0:
        return (
            f"The budget is spent: {format_percent(-status.budget)} more than allowed has failed."
        )
    text = f"{format_percent(status.budget)} of the budget is left"
    if status.forecast is None:
        return f"{text}."
    if math.isinf(status.forecast.earliest):
        return f"{text}; at the current burn rates it will not be exhausted."
    return (
        f"{text}; at the current burn rates it is exhausted in {format_forecast(status.forecast)}."
    )


@dataclass(frozen=True, slots=True)
class AlertLine:
    """Alert of an SLO and when it fires.

    Attributes:
        name: its name.
        severity: its severity.
        fires: True if it fires.
        conditions: conditions in words, any of which makes it fire.
        runbook: link to its runbook; empty for none.
    """

    name: str
    severity: str
    fires: bool
    conditions: Sequence[str]
    runbook: str


def list_alerts(facts: SLORecords, firing: Sequence[FiringAlert]) -> list[AlertLine]:
    """List the alerts of an SLO; of rules of Sloth only those that fire are known."""
    severities = {alert.name: alert.severity for alert in firing} | dict(facts.severities)
    firing_names = {alert.name for alert in firing}
    lines = [
        AlertLine(
            name,
            severities[name],
            name in firing_names,
            [
                _describe_condition(each.burn, each.window, each.short, facts)
                for each in facts.thresholds
                if each.alert == name
            ],
            check_link(facts.runbooks.get(name, "")),
        )
        for name in severities
    ]
    order = {"page": 0, "critical": 0}
    return sorted(lines, key=lambda each: (not each.fires, order.get(each.severity, 1), each.name))


def _describe_condition(burn: float, window: str, short: str, facts: SLORecords) -> str:
    windows = f"{window} and {short}" if short else window
    text = f"burn rate above {format_number(burn)} over {windows}"
    try:
        seconds = float(Duration.parse(window).seconds)
    except ValueError:
        return text
    if not facts.period or not short:
        return text
    return f"{text}: {format_percent(burn * seconds / facts.period)} of the budget spent"
