"""Terminal view of the demo: reads the components, and draws the table and the links."""

from collections.abc import Iterator, Mapping
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
_P95_QUERY = (
    "histogram_quantile(0.95, sum by (le, stage) "
    f"(rate({contract.STAGE_DURATION}_bucket[5m]))) >= 0"
)
_BURN_RATE_SERIES = "slo:current_burn_rate:ratio"
_BUDGET_LEFT_SERIES = "slo:period_error_budget_remaining:ratio"

_WIDTH = 72
# Of a table: an empty row above and below, the titles and their line.
_FRAME_ROWS = 4
_NOT_OBSERVED = Text("not observed", style="dim")
_NO_DATA = Text("no data yet", style="dim")
_NO_VALUE = Text("-", style="dim")


@dataclass(frozen=True, slots=True)
class Links:
    """URLs that answer in a browser.

    Attributes:
        urls: URLs by the name of the component.
        note: note about a component that has no pages; empty without one.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def find_links(components: Stack) -> Links:
    """Find the page of each component, or its API where the installed package has no pages.

    Debian's packages of Prometheus and Alertmanager leave out the files of their pages. The
    simulators have no page.
    """
    urls = {"SLOs": components.pages} if components.pages else {}
    urls["slo-probe"] = f"{components.probe}/"
    without_pages = []
    for name, url, page, file, api in (
        ("Prometheus", components.prometheus, "/alerts", "/alerts", "/api/v1/alerts"),
        ("Alertmanager", components.alertmanager, "/#/alerts", "/script.js", "/api/v2/alerts"),
    ):
        if url and _is_answering(f"{url}{file}"):
            urls[name] = f"{url}{page}"
        elif url:
            urls[name] = f"{url}{api}"
            without_pages.append(name)
    names = " and ".join(without_pages)
    note = f"No pages of {names} are installed, only APIs; see slo-probe." if names else ""
    return Links(urls, note)


def _is_answering(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=_REQUEST_TIMEOUT).ok
    return False


@dataclass(frozen=True, slots=True)
class SloState:
    """State of an SLO; None where Prometheus has no value yet."""

    burn_rate: float | None
    budget_left: float | None


@dataclass(frozen=True, slots=True)
class StackReading:
    """Values that the table shows, at one time; durations in seconds."""

    last_stages: Mapping[str, float] = field(default_factory=dict)
    p95_stages: Mapping[str, float] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)
    slos: Mapping[str, SloState] = field(default_factory=dict)
    firing: tuple[str, ...] = ()


def read_stack(stack: Stack) -> StackReading:
    """Read the state of all components; the part of one that does not answer is empty."""
    burn_rates = _query_vector(stack, _BURN_RATE_SERIES, "sloth_slo")
    budgets_left = _query_vector(stack, _BUDGET_LEFT_SERIES, "sloth_slo")
    names = {*_read_slo_names(stack), *burn_rates, *budgets_left}
    return StackReading(
        last_stages=_read_last_stages(stack),
        p95_stages=_query_vector(stack, _P95_QUERY, "stage"),
        verdicts=_read_verdicts(stack),
        slos={slo: SloState(burn_rates.get(slo), budgets_left.get(slo)) for slo in sorted(names)},
        firing=_read_firing(stack),
    )


def _read_last_stages(stack: Stack) -> dict[str, float]:
    """Read the newest time of every stage; runs are listed newest first."""
    stages: dict[str, float] = {}
    for run in _get_json(f"{stack.probe}/runs") or []:
        stages = {**run["stages"], **stages}
    return stages


def _read_verdicts(stack: Stack) -> dict[str, int]:
    counts: dict[str, int] = {}
    with suppress(requests.RequestException):
        text = requests.get(f"{stack.probe}/metrics", timeout=_REQUEST_TIMEOUT).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == contract.PROBE_RUNS:
                    verdict = sample.labels["verdict"]
                    counts[verdict] = counts.get(verdict, 0) + int(sample.value)
    return counts


def _query_vector(stack: Stack, query: str, label: str) -> dict[str, float]:
    if not stack.prometheus:
        return {}
    document = _get_json(f"{stack.prometheus}/api/v1/query", query=query)
    result = document["data"]["result"] if document else []
    return {row["metric"].get(label, ""): float(row["value"][1]) for row in result}


def _read_slo_names(stack: Stack) -> set[str]:
    """Read the names of all SLOs that Prometheus has rules for, with values or not."""
    if not stack.prometheus:
        return set()
    document = _get_json(f"{stack.prometheus}/api/v1/rules", type="record")
    groups = document["data"]["groups"] if document else []
    labels = [rule.get("labels", {}) for group in groups for rule in group["rules"]]
    return {label["sloth_slo"] for label in labels if "sloth_slo" in label}


def _read_firing(stack: Stack) -> tuple[str, ...]:
    if not stack.alertmanager:
        return ()
    alerts = _get_json(f"{stack.alertmanager}/api/v2/alerts", active="true") or []
    return tuple(sorted({alert["labels"]["alertname"] for alert in alerts}))


def _get_json(url: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON has any shape
    with suppress(requests.RequestException, ValueError):
        response = requests.get(url, params=parameters, timeout=_REQUEST_TIMEOUT)
        if response.ok:
            return response.json()
    return None


def render_screen(
    reading: StackReading,
    targets: Mapping[Stage, Duration],
    links: Links | None = None,
    *,
    rows: int | None = None,
) -> RenderableType:
    """Render the whole screen; the most important lines come first.

    Args:
        reading: values to show.
        targets: target of each stage.
        links: links to the components.
        rows: height of the terminal. Objectives that do not fit are left out, the worst are shown.
    """
    links = links or Links()
    head = [
        _render_verdicts(reading.verdicts),
        _render_alerts(reading),
        *(Text(f"  {name:13} {url}", style="dim") for name, url in links.urls.items()),
        *([Text(f"  {links.note}", style="dim")] if links.note else []),
    ]
    left = rows and rows - len(head) - len(Stage) - 2 * _FRAME_ROWS - 1
    return Group(*head, _render_stages(reading, targets), *_render_slos(reading.slos, left))


def _render_stages(reading: StackReading, targets: Mapping[Stage, Duration]) -> Table:
    table = _build_table("Stage", "last", "p95", "target")
    for stage in Stage:
        target = targets.get(stage)
        table.add_row(
            stage,
            _format_seconds(reading.last_stages.get(stage), target),
            _format_seconds(reading.p95_stages.get(stage), target),
            f"< {target}" if target else "",
        )
    return table


def _render_verdicts(counts: Mapping[str, int]) -> Text:
    line = Text("  Verdicts  ")
    for verdict in Verdict:
        count = counts.get(verdict, 0)
        if count or verdict is Verdict.OK:
            line.append(
                f"{verdict} {count}  ", style="green" if verdict is Verdict.OK else "bold red"
            )
    return line


def _render_slos(slos: Mapping[str, SloState], rows: int | None) -> Iterator[RenderableType]:
    shown = list(slos.items())
    if rows is not None and len(shown) > rows:
        shown.sort(key=lambda named: -(named[1].burn_rate or 0))
        shown = shown[: max(rows - 1, 0)]
    table = _build_table("Objective", "burn rate now", "budget left", "state")
    for name, slo in shown:
        table.add_row(
            name, _format_number(slo.burn_rate), _format_share(slo.budget_left), _format_state(slo)
        )
    yield table
    if len(shown) < len(slos):
        yield Text(f"  and {len(slos) - len(shown)} objectives more", style="dim")


def _render_alerts(reading: StackReading) -> Text:
    if not reading.firing:
        return Text("  No alert is firing in Alertmanager.", style="green")
    return Text("  Firing in Alertmanager: " + ", ".join(reading.firing), style="bold red")


def _build_table(first_title: str, *other_titles: str) -> Table:
    table = Table(box=box.SIMPLE, min_width=_WIDTH, padding=(0, 1))
    table.add_column(first_title)
    for title in other_titles:
        table.add_column(title, justify="right")
    return table


def _format_seconds(value: float | None, target: Duration | None) -> Text:
    if value is None:
        return _NOT_OBSERVED
    is_above = target is not None and value > float(target.seconds)
    return Text(f"{value:.3f} s", style="red" if is_above else "green")


def _format_number(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.2f}")


def _format_share(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.1%}", style="red" if value < 0 else "")


def _format_state(slo: SloState) -> Text:
    if slo.burn_rate is None:
        return _NO_DATA
    return Text("burning", style="red") if slo.burn_rate > 1 else Text("ok", style="green")
