"""State of the running components, read over their HTTP interfaces."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.live.stack import Stack
from slos.schema import contract

_REQUEST_TIMEOUT = 2.0
_P95 = (
    "histogram_quantile(0.95, sum by (le, stage) "
    f"(rate({contract.STAGE_DURATION}_bucket[5m]))) >= 0"
)
_BURN = "slo:current_burn_rate:ratio"
_BUDGET_LEFT = "slo:period_error_budget_remaining:ratio"


@dataclass(frozen=True, slots=True)
class SloState:
    """State of an SLO; None where Prometheus has no value yet."""

    burn: float | None
    budget_left: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Values that the table shows, at one time; durations in seconds."""

    last: Mapping[str, float] = field(default_factory=dict)
    p95: Mapping[str, float] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)
    slos: Mapping[str, SloState] = field(default_factory=dict)
    firing: tuple[str, ...] = ()


def read(stack: Stack) -> Reading:
    """Read the state of all components; the part of one that does not answer is empty."""
    burn = _vector(stack, _BURN, "sloth_slo")
    left = _vector(stack, _BUDGET_LEFT, "sloth_slo")
    names = {*_ruled(stack), *burn, *left}
    return Reading(
        last=_last(stack),
        p95=_vector(stack, _P95, "stage"),
        verdicts=_verdicts(stack),
        slos={slo: SloState(burn.get(slo), left.get(slo)) for slo in sorted(names)},
        firing=_firing(stack),
    )


def _last(stack: Stack) -> dict[str, float]:
    """Read the newest time of every stage; runs are listed newest first."""
    newest: dict[str, float] = {}
    for run in _json(f"{stack.probe}/runs") or []:
        newest = {**run["stages"], **newest}
    return newest


def _verdicts(stack: Stack) -> dict[str, int]:
    counts: dict[str, int] = {}
    with suppress(requests.RequestException):
        text = requests.get(f"{stack.probe}/metrics", timeout=_REQUEST_TIMEOUT).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == contract.PROBE_RUNS:
                    verdict = sample.labels["verdict"]
                    counts[verdict] = counts.get(verdict, 0) + int(sample.value)
    return counts


def _vector(stack: Stack, query: str, label: str) -> dict[str, float]:
    if not stack.prometheus:
        return {}
    answer = _json(f"{stack.prometheus}/api/v1/query", query=query)
    result = answer["data"]["result"] if answer else []
    return {row["metric"].get(label, ""): float(row["value"][1]) for row in result}


def _ruled(stack: Stack) -> set[str]:
    """Read the names of all SLOs that Prometheus has rules for, with values or not."""
    if not stack.prometheus:
        return set()
    answer = _json(f"{stack.prometheus}/api/v1/rules", type="record")
    groups = answer["data"]["groups"] if answer else []
    labels = [rule.get("labels", {}) for group in groups for rule in group["rules"]]
    return {label["sloth_slo"] for label in labels if "sloth_slo" in label}


def _firing(stack: Stack) -> tuple[str, ...]:
    if not stack.alertmanager:
        return ()
    alerts = _json(f"{stack.alertmanager}/api/v2/alerts", active="true") or []
    return tuple(sorted({alert["labels"]["alertname"] for alert in alerts}))


def _json(url: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON has any shape
    with suppress(requests.RequestException, ValueError):
        answer = requests.get(url, params=parameters, timeout=_REQUEST_TIMEOUT)
        if answer.ok:
            return answer.json()
    return None
