"""Read the components, draw the table."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.devstack.stack import Stack
from slos.schema import contract
from slos.schema.contract import Stage, Verdict
from slos.schema.units import Duration

_REQUEST_TIMEOUT = 2.0
_P95 = (
    "histogram_quantile(0.95, sum by (le, stage) "
    f"(rate({contract.STAGE_DURATION}_bucket[5m]))) >= 0"
)
_BURN = "slo:current_burn_rate:ratio"
_BUDGET_LEFT = "slo:period_error_budget_remaining:ratio"

_WIDTH = 72
_NEVER = Text("not observed", style="dim")
_NO_DATA = Text("no data yet", style="dim")
_NO_VALUE = Text("-", style="dim")


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


def render(
    reading: Reading, targets: Mapping[Stage, Duration], urls: Mapping[str, str]
) -> RenderableType:
    """Render the whole screen."""
    return Group(
        _stages(reading, targets),
        _verdict_table(reading.verdicts),
        _slos(reading.slos),
        _alerts(reading),
        *(Text(f"{name:22} {url}", style="dim") for name, url in urls.items()),
    )


def _stages(reading: Reading, targets: Mapping[Stage, Duration]) -> Table:
    table = _table("Stage", "last", "p95", "target")
    for stage in Stage:
        limit = targets.get(stage)
        table.add_row(
            stage,
            _seconds(reading.last.get(stage), limit),
            _seconds(reading.p95.get(stage), limit),
            f"< {limit}" if limit else "",
        )
    return table


def _verdict_table(counts: Mapping[str, int]) -> Text:
    line = Text("  Verdicts  ")
    for verdict in Verdict:
        count = counts.get(verdict, 0)
        if count or verdict is Verdict.OK:
            line.append(
                f"{verdict} {count}  ", style="green" if verdict is Verdict.OK else "bold red"
            )
    return line


def _slos(slos: Mapping[str, SloState]) -> Table:
    table = _table("Objective", "burn rate now", "budget left", "state")
    for name, slo in slos.items():
        table.add_row(name, _number(slo.burn), _share(slo.budget_left), _state(slo))
    return table


def _alerts(reading: Reading) -> Text:
    if not reading.firing:
        return Text("  No alert is firing in Alertmanager.", style="green")
    return Text("  Firing in Alertmanager: " + ", ".join(reading.firing), style="bold red")


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE, min_width=_WIDTH, padding=(0, 1))
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="right")
    return table


def _seconds(value: float | None, limit: Duration | None) -> Text:
    if value is None:
        return _NEVER
    above = limit is not None and value > float(limit.seconds)
    return Text(f"{value:.3f} s", style="red" if above else "green")


def _number(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.2f}")


def _share(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.1%}", style="red" if value < 0 else "")


def _state(slo: SloState) -> Text:
    if slo.burn is None:
        return _NO_DATA
    return Text("burning", style="red") if slo.burn > 1 else Text("ok", style="green")
