"""Queries of a report; their number does not depend on the number of SLOs."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import aiohttp

from generator import names
from generator.clients.http_config import Source
from generator.clients.query_api import QueryClient, Row
from generator.clients.slo_status import (
    Labels,
    RecordedSLOs,
    format_alert_selector,
    format_status_selector,
    match_metrics,
    parse_samples,
)
from generator.status.slo_states import SLOStatus, compute_statuses
from generator.web.ranges import split_runs
from generator.web.report import HOUR, AlertFiring, Hour, PeriodReport, Review, sort_reviews
from generator.web.report_period import ReportPeriod
from slos.schema.promql import format_selector
from slos.schema.units import Duration

_TIMEOUT = 120.0
"""Seconds of a query; a period may be long, and nobody waits for a page."""
_ALERT_POINTS = 8000
_HOUR = Duration(HOUR * 1000)
_Points = Mapping[float, float]


async def read_source_report(
    source: Source, period: ReportPeriod, matchers: Sequence[str]
) -> PeriodReport:
    """Read what a report of a source shows, over a connection of its own.

    Raises:
        APIError: a query fails.
    """
    async with aiohttp.ClientSession() as session:
        return await read_report(QueryClient(source, session, _TIMEOUT), period, matchers)


async def read_report(
    client: QueryClient, period: ReportPeriod, matchers: Sequence[str] = ()
) -> PeriodReport:
    """Read what a report shows.

    Args:
        client: client of the source.
        period: the period.
        matchers: matchers of the labels of SLOs.

    Raises:
        APIError: a query fails.
    """
    status_rows, metric_rows = await asyncio.gather(
        client.query(f"last_over_time({format_status_selector(*matchers)}[1h])", period.end),
        client.query(_LIST_METRICS, period.end),
    )
    samples = list(parse_samples(status_rows))
    catalogue = [sample for sample in samples if sample.is_catalogue]
    statuses = compute_statuses(RecordedSLOs(catalogue, samples, []))
    metrics = [row["metric"]["__name__"] for row in metric_rows]
    total, errors, ratio = (
        _build_query(metrics, prefix, function)
        for prefix, function in (
            (_TOTAL, "sum_over_time"),
            (_ERRORS, "sum_over_time"),
            (_RATIO, "avg_over_time"),
        )
    )
    totals, failures, ratios, firings = await asyncio.gather(
        _read_hours(client, period, total),
        _read_hours(client, period, errors),
        _read_hours(client, period, ratio),
        _read_firings(client, period),
    )
    return PeriodReport(
        period,
        client.source.url,
        sort_reviews(
            _build_review(status, totals, failures, ratios, firings)
            for listed in statuses
            for status in listed
            if status.objective is not None
        ),
    )


_TOTAL = names.name_total(Duration(0)).removesuffix("0s")
_ERRORS = names.name_errors(Duration(0)).removesuffix("0s")
_RATIO = names.build_error_ratio_pattern().removesuffix(".+")
_ALL_METRICS = match_metrics(f"{_TOTAL}.+", f"{_ERRORS}.+", f"{_RATIO}.+")
_LIST_METRICS = f"count by (__name__) (last_over_time({format_selector('', _ALL_METRICS)}[1h10m]))"


def _build_query(metrics: Iterable[str], prefix: str, function: str) -> str:
    """Build the query of an hour: from the longest tier of an SLO, or its shortest window."""
    lengths = []
    for metric in metrics:
        if metric.startswith(prefix):
            try:
                lengths.append((Duration.parse(metric.removeprefix(prefix)), metric))
            except ValueError:
                continue
    if prefix == _RATIO:
        chosen = [metric for _, metric in sorted(lengths)[:2]]
    else:
        tiers = [each for each in lengths if each[0] <= _HOUR and _HOUR.ms % each[0].ms == 0]
        chosen = [metric for _, metric in sorted(tiers, reverse=True)]
    return " or ".join(
        f"max without ({names.WINDOW}) ({function}({metric}[{HOUR * 1000 - 1}ms]))"
        for metric in chosen
    )


async def _read_hours(
    client: QueryClient, period: ReportPeriod, query: str
) -> list[tuple[Labels, _Points]]:
    if not query:
        return []
    rows = await client.query_range(query, period.start + HOUR, period.end, HOUR)
    return [(row["metric"], _read_points(row)) for row in rows]


def _read_points(row: Row) -> _Points:
    values = ((float(at), float(text)) for at, text in row["values"])
    return {at: value for at, value in values if math.isfinite(value)}


async def _read_firings(client: QueryClient, period: ReportPeriod) -> dict[str, list[Row]]:
    step = max(60, math.ceil((period.end - period.start) / _ALERT_POINTS / 60) * 60)
    selector = format_alert_selector(f'{names.ID}!=""')
    rows = await client.query_range(
        f"max_over_time({selector}[{step}s])", period.start + step, period.end, step
    )
    by_id = defaultdict(list)
    for row in rows:
        by_id[row["metric"].get(names.ID, "")].append({**row, "step": step})
    return by_id


def _build_review(
    status: SLOStatus,
    totals: Sequence[tuple[Labels, _Points]],
    failures: Sequence[tuple[Labels, _Points]],
    ratios: Sequence[tuple[Labels, _Points]],
    firings: Mapping[str, list[Row]],
) -> Review:
    events = _find_points(totals, status)
    failed = _find_points(failures, status)
    shares = {} if events else _find_points(ratios, status)
    hours = [Hour(at, value, failed.get(at, 0.0)) for at, value in events.items()] or [
        Hour(at, 1.0, value) for at, value in shares.items()
    ]
    return Review(
        status.labels,
        status.group,
        status.objective or 0.0,
        sorted(hours, key=lambda hour: hour.end),
        [
            firing
            for row in firings.get(status.id, [])
            if _matches(row["metric"], status)
            for firing in _list_firings(row)
        ],
        bool(events),
    )


def _find_points(series: Sequence[tuple[Labels, _Points]], status: SLOStatus) -> _Points:
    """Find the series of a status."""
    wanted = {names.ID: status.id, **status.group}
    for labels, points in series:
        if wanted.items() <= labels.items() and _matches(labels, status):
            return points
    return {}


def _matches(labels: Labels, status: SLOStatus) -> bool:
    """Tell whether no label of a series contradicts the SLO and the group."""
    every = {**status.labels, **status.group}
    return all(every.get(name, value) == value for name, value in labels.items())


def _list_firings(row: Row) -> Iterable[AlertFiring]:
    labels, step = row["metric"], row["step"]
    severity = labels.get(names.SLOTH_SEVERITY) or labels.get(names.SEVERITY, "")
    for start, end in split_runs([float(at) for at, _ in row["values"]], step):
        yield AlertFiring(labels.get(names.ALERT, ""), severity, start - step, end)
