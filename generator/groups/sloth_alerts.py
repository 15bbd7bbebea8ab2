"""Sloth's alert rules: burn-rate page and ticket under one name, without `for`."""

from collections.abc import Iterator

from generator import go_format, names
from generator.model import AlertingRule, Severity, Window
from generator.sloth.model import SlothSLO, burn_factor
from slos.schema.units import Duration


def alert_rules(slo: SlothSLO) -> Iterator[AlertingRule]:
    """Build the rules of the alerts that are not disabled, page first."""
    for alert in slo.alerts:
        pair = slo.windows.page if alert.severity is Severity.PAGE else slo.windows.ticket
        either = "or\n".join(_burning(slo, window) for window in pair)
        yield AlertingRule(alert.name, either, alert.labels, alert.annotations)


def _burning(slo: SlothSLO, window: Window) -> str:
    factor = go_format.number(burn_factor(window, slo.period))
    limit = f"({factor} * {go_format.number((100 - slo.objective) / 100)})"

    def above(length: Duration) -> str:
        return f"    max({slo.error_ratio(length)} > {limit}) without ({names.WINDOW})\n"

    return f"(\n{above(window.short)}    and\n{above(window.long)})\n"
