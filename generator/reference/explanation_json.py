"""Explanation of an SLO as JSON values: the facts of the text, for other programs.

Numbers are JSON numbers, durations are written as in specs.
"""

from decimal import Decimal
from typing import Any

from generator.model import SLO, AlertMeta, BurnAlert, BurnCondition
from generator.rules import cost
from generator.rules.groups import build_groups
from generator.slo import burn_rate
from slos.schema.units import Duration, format_decimal


def describe_slo(slo: SLO) -> dict[str, Any]:
    """Describe an SLO: objective, error budget, alerts, rules and their cost."""
    return {
        "id": slo.id,
        "service": slo.service,
        "name": slo.name,
        "description": " ".join(slo.description.split()),
        "objective_percent": float(slo.objective),
        "period": str(slo.period),
        "counted_in": slo.signal.weight.name.lower(),
        "group_by": list(slo.signal.group_by),
        "budget": _describe_budget(slo),
        "burn_rate_alerts": [_describe_burn_alert(slo, each) for each in slo.burn_alerts],
        "threshold_alerts": [
            _describe_alert(each.meta)
            | {"above_percent": float(100 * each.above), "over": str(each.over)}
            for each in slo.threshold_alerts
        ],
        "no_data_alert": _describe_alert(slo.absent_alert) if slo.absent_alert else None,
        "groups": _describe_groups(slo),
    }


def _describe_budget(slo: SLO) -> dict[str, Any]:
    return {
        "percent": float(100 * slo.budget),
        "full_outage": str(burn_rate.compute_outage_budget(slo)),
        "bad_events_of_a_million": float(1_000_000 * slo.budget),
        "expected_events": slo.expected_events,
    }


def _describe_alert(meta: AlertMeta) -> dict[str, Any]:
    return {
        "name": meta.name,
        "labels": dict(meta.labels),
        "for": _format_duration(meta.for_),
        "min_events": meta.min_events,
        "min_errors": meta.min_errors,
    }


def _describe_burn_alert(slo: SLO, alert: BurnAlert) -> dict[str, Any]:
    conditions = [_describe_condition(slo, each, alert.meta) for each in alert.conditions]
    return {"severity": str(alert.severity), **_describe_alert(alert.meta), "any_of": conditions}


def _describe_condition(slo: SLO, condition: BurnCondition, meta: AlertMeta) -> dict[str, Any]:
    spent = 100 * burn_rate.compute_budget_spent(slo, condition)
    return {
        "burn_rate": _round(condition.factor),
        "long_window": str(condition.long),
        "short_window": str(condition.short),
        "budget_spent_percent": _round(spent),
        "fires_after": {
            f"{format_decimal(100 * share)}%": _format_duration(
                burn_rate.compute_alert_delay(slo, condition, share, meta.for_)
            )
            for share in burn_rate.ERROR_SHARES
        },
    }


def _describe_groups(slo: SLO) -> list[dict[str, Any]]:
    described = []
    for group in build_groups(slo):
        samples = cost.compute_group_cost(slo, group)
        described.append(
            {
                "name": group.name,
                "interval": _format_duration(group.interval),
                "rules": len(group.rules),
                "raw_samples": samples.raw,
                "recorded_samples": samples.recorded,
            }
        )
    return described


def _round(number: Decimal) -> float:
    return float(round(number, 4))


def _format_duration(length: Duration | None) -> str | None:
    return None if length is None else str(length)
