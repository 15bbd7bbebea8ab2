"""Annotation texts of SLO alerts.

Templates use only `{{ $labels.x }}` and `{{ $value }}`, the two that rule linters of
clusters accept. Alert values are already percentages, so no template function is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.model import BurnCondition, Severity
from slos.schema.alert_text import escape
from slos.schema.signal import Weight
from slos.schema.units import Duration, plain

_MINUTE = Duration.of(minutes=1)
BAD = {Weight.EVENTS: "of events are bad", Weight.TIME: "of the time is bad"}


@dataclass(frozen=True, slots=True)
class Promise:
    """Values of an SLO that its alert annotations are written with.

    Attributes:
        objective: in percent.
        group_by: labels that the SLO is grouped by.
        bad_phrase: phrase after the percentage of an alert, such as `of events are bad`.
    """

    service: str
    slo: str
    description: str
    objective: Decimal
    period: Duration
    by: tuple[str, ...]
    bad: str

    @property
    def subject(self) -> str:
        """Name of the SLO that an alert is about, with its group."""
        groups = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in self.by)
        return f"{self.service} {self.slo}" + (f" ({groups})" if groups else "")

    def __str__(self) -> str:
        return (
            escape(self.description)
            or f"The objective is {plain(self.objective)} % over {span(self.period)}."
        )


def burn(
    promise: Promise, severity: Severity, conditions: Sequence[BurnCondition]
) -> dict[str, str]:
    """Annotations of a burn-rate alert."""
    speeds = " or ".join(_speed(promise, condition) for condition in conditions)
    allowed = plain(100 - promise.objective)
    return {
        **_numbers(promise, conditions),
        "value": f"{{{{ $value }}}} % {promise.bad}, {allowed} % allowed",
        "title": f"({severity}) {promise.service} {promise.slo}: error budget burns too fast",
        "summary": f"{promise.subject}: {{{{ $value }}}} % {promise.bad}, {allowed} % allowed",
        "description": f"{promise} Over the short window {{{{ $value }}}} % {promise.bad}; the "
        f"error budget is {allowed} % over {span(promise.period)}. This {severity} fires at a burn "
        f"rate of {speeds}. First check the remaining error budget and what changed.",
    }


def _speed(promise: Promise, condition: BurnCondition) -> str:
    """Burn rate in words: the budget spent over the window, and the time to exhaustion."""
    return (
        f"{plain(condition.factor, 2)} over {condition.long} "
        f"({_gone(promise, condition)} % of the error budget spent in {condition.long}, "
        f"all of it in {_left(promise, condition)})"
    )


def _numbers(promise: Promise, conditions: Sequence[BurnCondition]) -> dict[str, str]:
    """Burn rate, spent budget and time to exhaustion, for notifications that begin with them."""
    rates = (f"{plain(each.factor, 2)} times over {each.long}" for each in conditions)
    gone = (f"{_gone(promise, each)} % in {each.long}" for each in conditions)
    left = (str(_left(promise, each)) for each in conditions)
    return {
        "burn_rate": f"at least {' or '.join(rates)}",
        "budget_gone": f"at least {' or '.join(gone)}",
        "time_to_exhaustion": f"at most {' or '.join(left)}",
    }


def _gone(promise: Promise, condition: BurnCondition) -> str:
    """Percentage of the budget that is spent over the long window at this rate."""
    return plain(100 * condition.factor * condition.long.ms / promise.period.ms, 1)


def _left(promise: Promise, condition: BurnCondition) -> Duration:
    """Time in which this rate spends the whole budget, in whole minutes."""
    return Duration(int(promise.period.ms / condition.factor) // _MINUTE.ms * _MINUTE.ms)


def threshold(promise: Promise, above: Decimal, over: Duration) -> dict[str, str]:
    """Annotations of a threshold alert."""
    limit = plain(above * 100)
    return {
        "value": f"{{{{ $value }}}} % {promise.bad} over {over}, the limit is {limit} %",
        "title": f"{promise.service} {promise.slo}: above {limit} % over {over}",
        "summary": f"{promise.subject}: {{{{ $value }}}} % {promise.bad} over {over}, "
        f"the limit is {limit} %",
        "description": f"{promise} Over {over} {{{{ $value }}}} % {promise.bad}; "
        f"this alert fires above {limit} %. First check what changed.",
    }


def absent(promise: Promise, sources: Sequence[str]) -> dict[str, str]:
    """Annotations of an absent alert; `sources` are the series the SLO is counted from."""
    read = escape(" and ".join(sources) or "its query")
    return {
        "title": f"{promise.service} {promise.slo}: no data",
        "summary": f"{promise.service} {promise.slo}: no events are counted",
        "description": f"{promise} No events are counted, so neither a page nor a ticket can fire. "
        f"First check {read}: it is not exported, was never observed, or is scraped less often "
        "than the scrape_interval of the spec.",
    }


def span(period: Duration) -> str:
    """Period in words: `7 days` rather than `1w`."""
    return f"{plain(period.days)} days" if period.days == int(period.days) else str(period)
