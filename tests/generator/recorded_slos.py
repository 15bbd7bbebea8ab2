"""Recorded series of SLOs, as rules of both profiles have them."""

from generator import names
from generator.clients.slo_status import RecordedSLOs, Sample

BUDGET, BURN, DAYS = names.BUDGET_REMAINING, names.CURRENT_BURN_RATE, names.PERIOD_DAYS
HOUR, SIX_HOURS = "slo:sli_error:ratio_rate1h", "slo:sli_error:ratio_rate6h"
HEALTHY = {BUDGET: 0.9, BURN: 0.1, HOUR: 0.0001, SIX_HOURS: 0.0001}


def build_labels(name: str = "requests", **labels: str) -> dict[str, str]:
    """Labels of an SLO of the service shop."""
    identity = {names.ID: f"shop-{name}", names.SERVICE: "shop", names.SLO_NAME: name}
    return {**identity, **labels}


def build_samples(
    values: dict[str, float], name: str = "requests", group: dict[str, str] | None = None,
    **labels: str,
) -> list[Sample]:  # fmt: skip
    """Series of an SLO of 99.9 % over 30 days; those of `values` have the labels of the group."""
    slo = build_labels(name, **labels)
    info = {"sloth_mode": "cli-gen-prom", "sloth_objective": "99.9", "sloth_version": "any"}
    constants = {names.OBJECTIVE: 0.999, names.ERROR_BUDGET: 0.001, DAYS: 30.0}
    return [
        Sample(names.INFO, {**slo, **info}, 1.0),
        *(Sample(metric, slo, value) for metric, value in constants.items()),
        *(
            Sample(metric, {**slo, **(group or {}), names.WINDOW: "any"}, value)
            for metric, value in values.items()
        ),
    ]


def build_recorded(*samples: list[Sample], alerts: tuple[dict[str, str], ...] = ()) -> RecordedSLOs:
    """Series of several SLOs, all of them selected."""
    every = [each for listed in samples for each in listed]
    return RecordedSLOs([each for each in every if each.is_catalogue], every, alerts)


def build_alert(name: str, severity: str = "page", **labels: str) -> dict[str, str]:
    """Labels of a firing alert of the SLO shop-requests."""
    return {
        **build_labels(),
        "alertname": name,
        "alertstate": "firing",
        names.SLOTH_SEVERITY: severity,
        **labels,
    }
