"""What alerts say to the person they wake.

Templates stay within `{{ $labels.x }}` and `{{ $value }}`, the two that rule linters of
clusters accept; alert values are percentages already, so that they read without a function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.model import BurnCondition, Severity
from slos.schema.alert_text import escape
from slos.schema.units import Duration, plain


@dataclass(frozen=True, slots=True)
class Promise:
    """The promise in the words of its spec; the objective in percent."""

    service: str
    slo: str
    description: str
    objective: Decimal
    period: Duration

    def __str__(self) -> str:
        return (
            escape(self.description) or f"{plain(self.objective)} % good over {_span(self.period)}."
        )


def burn(
    promise: Promise, severity: Severity, conditions: Sequence[BurnCondition]
) -> dict[str, str]:
    """Annotations of a burn-rate alert."""
    speeds = " or ".join(
        f"{plain(condition.factor, 2)} times the allowed rate over {condition.long}"
        for condition in conditions
    )
    allowed = plain(100 - promise.objective)
    return {
        "title": f"({severity}) {promise.service} {promise.slo}: error budget burns too fast",
        "summary": f"{promise.service} {promise.slo}: {{{{ $value }}}} % of events are bad, "
        f"{allowed} % are allowed",
        "description": f"{promise} Right now {{{{ $value }}}} % of events are bad; the budget "
        f"is {allowed} % over {_span(promise.period)}. This {severity} fires when the budget burns "
        f"at {speeds}.",
    }


def threshold(promise: Promise, above: Decimal, over: Duration) -> dict[str, str]:
    """Annotations of a plain threshold alert."""
    limit = plain(above * 100)
    return {
        "title": f"{promise.service} {promise.slo}: above {limit} % over {over}",
        "summary": f"{promise.service} {promise.slo}: {{{{ $value }}}} % bad over {over}, "
        f"the limit is {limit} %",
        "description": f"{promise} Over the last {over} {{{{ $value }}}} % of events were bad; "
        f"this alert fires above {limit} %.",
    }


def absent(promise: Promise) -> dict[str, str]:
    """Annotations of an absent alert."""
    return {
        "title": f"{promise.service} {promise.slo}: no data",
        "summary": f"{promise.service} {promise.slo}: the metrics behind this SLO are gone",
        "description": f"{promise} Nobody measures it now: the metrics it is computed from do "
        "not exist, so neither a page nor a ticket can fire. Either nothing exports them, or "
        "they were never observed.",
    }


def _span(period: Duration) -> str:
    """A period as people say it: 7 days rather than 1w."""
    return f"{plain(period.days)} days" if period.days == int(period.days) else str(period)
