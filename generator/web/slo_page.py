"""Page of an SLO: status, history, alerts and groups, and the values of its template."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from generator import names
from generator.clients.http_config import Source
from generator.clients.query_api import QueryClient
from generator.clients.slo_status import Labels
from generator.status.slo_states import SLOStatus
from generator.web import links, slo_description
from generator.web.history import History, read_history
from generator.web.queries import read_slo, select_slo
from generator.web.ranges import LENGTHS, PERIOD, build_range
from generator.web.slo_records import SLORecords, read_facts

_MAX_GROUPS = 100


@dataclass(frozen=True, slots=True)
class SLORequest:
    """Request of the page of an SLO, as its parameters ask for it.

    Attributes:
        slo_id: id of the SLO.
        labels: labels that tell it from others with the same id.
        group: labels of a group; empty for the worst one.
        range: name of the range.
        end: end of the range; None for now.
    """

    slo_id: str
    labels: Labels = field(default_factory=dict)
    group: Labels = field(default_factory=dict)
    range: str = ""
    end: float | None = None


@dataclass(frozen=True, slots=True)
class SLOPage:
    """Content of the page of an SLO.

    Attributes:
        source: source that has recorded it.
        request: the request.
        statuses: status of each group, the worst first.
        shown: status of the group that is shown.
        facts: facts of this group.
        history: its history.
    """

    source: Source
    request: SLORequest
    statuses: Sequence[SLOStatus]
    shown: SLOStatus
    facts: SLORecords
    history: History


async def read_page(client: QueryClient, request: SLORequest) -> SLOPage | None:
    """Read the page of an SLO; None if it, or its group, is not recorded.

    Raises:
        APIError: the source cannot be read.
    """
    now = time.time()
    at = now if request.end is None else min(request.end, now)
    every = await read_slo(client, request.slo_id, at)
    statuses = next(
        (each for each in every if request.labels.items() <= each[0].labels.items()), None
    )
    if statuses is None:
        return None
    matching = [
        each for each in statuses if request.group and request.group.items() <= each.group.items()
    ]
    if request.group and not matching:
        return None
    shown = (matching or statuses)[0]
    labels = {name: value for name, value in shown.labels.items() if name in names.IDENTITY} | dict(
        request.labels
    )
    facts = await read_facts(client, labels, shown.group, at)
    range_ = build_range(request.range, facts.period or LENGTHS["1w"], now, request.end)
    history = await read_history(client, labels, shown.group, facts, range_)
    return SLOPage(client.source, request, statuses, shown, facts, history)


def build_values(page: SLOPage, grafana: str, *, graphs: bool) -> dict[str, Any]:
    """Build the values of the template."""
    shown, history = page.shown, page.history
    return {
        "s": shown,
        "source": page.source.name,
        "statuses": page.statuses[:_MAX_GROUPS],
        "more_groups": max(0, len(page.statuses) - _MAX_GROUPS),
        "group_query": lambda group: _build_query(page, group=group, end=page.request.end),
        "labels": {
            name: value for name, value in shown.labels.items() if name not in names.IDENTITY
        },
        "promise": slo_description.describe_slo(shown, page.facts),
        "outlook": slo_description.describe_outlook(shown),
        "alerts": slo_description.list_alerts(page.facts, shown.alerts),
        "facts": page.facts,
        "history": history,
        "episodes": history.episodes[::-1],
        "ranges": _list_ranges(page),
        "range": history.range,
        "query": _build_query(page, end=page.request.end),
        "links": list(_list_links(page, grafana, graphs=graphs)),
        "chart_data": _dump(build_charts(page)),
        "badge_query": urlencode({"source": page.source.name, "id": shown.id}),
    }


def _build_query(
    page: SLOPage, *, group: Labels | None = None, end: float | None, **changes: str
) -> str:
    chosen = page.request.group if group is None else group
    pairs = [
        ("source", page.source.name),
        ("id", page.request.slo_id),
        *(("label", f"{name}={value}") for name, value in page.request.labels.items()),
        *(("group", f"{name}={value}") for name, value in chosen.items()),
        ("range", changes.get("range", page.history.range.name)),
        *([("end", f"{end:.0f}")] if end is not None else []),
    ]
    return urlencode(pairs)


def _list_ranges(page: SLOPage) -> dict[str, Any]:
    """List the links to other ranges; earlier and later ones have the same length."""
    range_, period = page.history.range, page.facts.period
    later = range_.end + range_.length
    is_past = not range_.is_now
    shorter = [name for name, length in LENGTHS.items() if not period or length < period]
    return {
        "lengths": [
            (name, _build_query(page, end=page.request.end, range=name))
            for name in (*shorter, PERIOD)
        ],
        "earlier": _build_query(page, end=range_.end - range_.length),
        "later": _build_query(page, end=later if later < time.time() else None) if is_past else "",
        "now": _build_query(page, end=None) if is_past else "",
    }


def _list_links(page: SLOPage, grafana: str, *, graphs: bool) -> Any:  # noqa: ANN401 - pairs
    if grafana:
        yield "Grafana", links.build_grafana_link(grafana, page.shown.labels)
    if graphs:
        query = select_slo(names.BUDGET_REMAINING, page.shown.labels)
        yield "Prometheus", links.build_prometheus_link(page.source.url, query, "1w")
    for alert, url in page.facts.runbooks.items():
        if links.check_link(url):
            yield f"Runbook of {alert}", url


def build_charts(page: SLOPage) -> dict[str, Any]:
    """Build the data of the charts."""
    history, facts = page.history, page.facts
    range_ = history.range
    return {
        "times": range_.times,
        "budget": [
            {"label": "left, rolling", "values": history.budget},
            *_build_burn_down(history, facts),
        ],
        "burn": [{"label": window, "values": values} for window, values in history.burn.items()],
        "thresholds": [
            {"label": f"{each.alert} ({each.window})", "value": each.burn}
            for each in facts.thresholds
        ],
        "events": [
            {"label": "good", "values": _subtract(history.events, history.errors)},
            {"label": "bad", "values": history.errors},
        ]
        if history.events
        else [],
        "spent": [{"label": "spent in each step", "values": history.spent}],
        "latency": [{"label": name, "values": values} for name, values in history.latency.items()],
        "latencyTarget": facts.latency_target,
        "episodes": [
            {
                "alert": each.alert,
                "page": each.severity in ("page", "critical"),
                "start": each.start,
                "end": range_.end if each.end is None else each.end,
            }
            for each in history.episodes
        ],
    }


def _build_burn_down(history: History, facts: SLORecords) -> list[dict[str, Any]]:
    """Build the burn-down of a whole period, or the line of burn rate 1 of a shorter range."""
    range_ = history.range
    if not facts.period:
        return []
    begin = 1.0 if range_.name == PERIOD else next(filter(None, history.budget), 1.0)
    ideal = [begin - (at - range_.start) / facts.period for at in range_.times]
    line = {"label": "ideal: burn rate 1", "values": ideal, "dash": True}
    if range_.name != PERIOD or not history.spent:
        return [line]
    return [{"label": "left since the start", "values": history.burn_down}, line]


def _subtract(total: Sequence[float | None], part: Sequence[float | None]) -> list[float | None]:
    found = part or [0.0] * len(total)
    return [
        None if whole is None else max(0.0, whole - (bad or 0.0))
        for whole, bad in zip(total, found, strict=True)
    ]


def _dump(document: Any) -> str:  # noqa: ANN401 - JSON
    """Write JSON that cannot end a script element."""
    text = json.dumps(document, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
