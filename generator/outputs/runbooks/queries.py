"""Queries of a runbook page, and links to their graphs in Prometheus."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.runbooks.alerts import AlertKind, AlertPage
from generator.rules import increments
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.units import Duration, format_decimal

_HOUR = Duration.from_parts(hours=1)
_COUNTER_SUFFIXES = ("_total", "_count", "_sum", "_bucket")
# Upper limit of the selectors that a page shows of one query.
_MAX_SELECTORS = 8


@dataclass(frozen=True, slots=True)
class RunbookQuery:
    """A query of a runbook page.

    Attributes:
        title: the quantity that it shows.
        query: PromQL.
        span: the time range of the graph.
    """

    title: str
    query: str
    span: Duration = _HOUR

    def build_graph_url(self, prometheus_url: str) -> str:
        """Build the URL of its graph in Prometheus."""
        expression = quote(self.query, safe="")
        return f"{prometheus_url}/graph?g0.expr={expression}&g0.tab=0&g0.range_input={self.span}"


def list_queries(
    page: AlertPage, recordings: Mapping[str, StandaloneRecording]
) -> list[RunbookQuery]:
    """List the queries that show the extent of the trouble, the most informative first."""
    if page.standalone:
        return list(_query_standalone_alert(page.standalone, recordings))
    if page.slo and page.kind is not AlertKind.NO_DATA:
        return list(_query_slo(page.slo, _choose_span(page)))
    return list(_query_sources(page.slo)) if page.slo else []


def query_firing_alerts(page: AlertPage) -> RunbookQuery:
    """Query the firing alerts of the same service."""
    labels = {"alertstate": "firing", names.SERVICE: page.spec.service}
    return RunbookQuery(
        "Firing alerts of this service",
        names.format_series("ALERTS", labels),
        Duration.from_parts(hours=6),
    )


def list_source_selectors(slo: SLO) -> tuple[str, ...]:
    """List the selectors of the series that an SLO is counted from."""
    return slo.signal.sources or tuple(
        dict.fromkeys(
            selector
            for query in (slo.signal.total, slo.signal.errors)
            for selector in promql.list_selectors(query)
        )
    )


def compute_reach(slo: SLO) -> Duration:
    """Compute the range over which the raw series of an SLO are read."""
    return increments.compute_range(slo.steps.fine, slo.steps.scrape)


def _choose_span(page: AlertPage) -> Duration:
    """Choose a time range that contains the start of the trouble."""
    if page.threshold:
        return page.threshold.over * 6
    return max((condition.long for condition in page.conditions), default=_HOUR)


def _query_slo(slo: SLO, span: Duration) -> Iterator[RunbookQuery]:
    now, allowed = slo.windows[0], format_decimal(100 * slo.budget)
    bad, burn = (
        names.select_series(names.name_error_ratio(now), slo),
        names.select_series(names.CURRENT_BURN_RATE, slo),
    )
    left = names.select_series(names.BUDGET_REMAINING, slo)
    yield RunbookQuery(f"Bad share over {now} in %; {allowed} % are allowed", f"100 * {bad}", span)
    yield RunbookQuery(
        f"Burn rate over {now}; at 1 the budget lasts exactly {slo.period}", burn, span
    )
    yield RunbookQuery(
        "Remaining error budget in %; below 0 the objective is missed", f"100 * {left}", span
    )
    if slo.signal.is_event_count:
        remaining = names.select_series(names.PERIOD_EVENTS_REMAINING, slo)
        yield RunbookQuery("Remaining error budget in events", remaining, span)
    hours = format_decimal(slo.period.seconds / 3600, 2)
    hours_left = f"{hours} * {left} / ignoring ({names.WINDOW}) ({burn} > 0)"
    yield RunbookQuery("Hours until the error budget is exhausted at this rate", hours_left, span)
    if slo.signal.histogram:
        labels = {**names.build_key_labels(slo), names.QUANTILE: "0.95"}
        p95 = names.format_series(names.name_latency_quantile(now), labels)
        yield RunbookQuery(f"P95 over {now}, in the unit of the metric", p95, span)


def _query_sources(slo: SLO) -> Iterator[RunbookQuery]:
    """Query the series that an SLO is counted from, and its counts."""
    day = Duration.from_parts(days=1)
    for selector in list_source_selectors(slo)[:_MAX_SELECTORS]:
        yield RunbookQuery(
            f"Current number of series of {promql.read_selector_metric(selector)}",
            f"count({selector})",
            day,
        )
    counted = names.select_series(names.name_total(slo.steps.fine), slo)
    yield RunbookQuery(f"Events counted per {slo.steps.fine}", counted, day)


def _query_standalone_alert(
    alert: StandaloneAlert, recordings: Mapping[str, StandaloneRecording]
) -> Iterator[RunbookQuery]:
    span = _widen_span(Duration(promql.compute_lookback_ms(alert.query)))
    side = "above" if alert.above is not None else "below"
    title = f"The value; the alert fires {side} {format_decimal(alert.threshold)}"
    yield RunbookQuery(title, alert.query.strip(), span)
    for selector in promql.list_selectors(alert.query)[:_MAX_SELECTORS]:
        if selector != alert.query.strip():
            yield _query_selector(selector, recordings, span)


def _query_selector(
    selector: str, recordings: Mapping[str, StandaloneRecording], span: Duration
) -> RunbookQuery:
    name = promql.read_selector_metric(selector)
    if name in recordings:
        return RunbookQuery(f"{name}: {recordings[name].description}", selector, span)
    if name.endswith(_COUNTER_SUFFIXES):
        return RunbookQuery(f"Increase of {name} in an hour", f"increase({selector}[1h])", span)
    return RunbookQuery(name or "Series read by the alert", selector, span)


def render_label_counts(selector: str) -> str:
    """Render the counts of a metric by the labels of a selector; empty if it has no labels."""
    node = promql.parse_query(selector)
    if not isinstance(node, ast.VectorSelector):
        return ""
    metric = read_metric_name(node)
    labels = dict.fromkeys(matcher.name for matcher in list_label_matchers(node))
    if not metric or not labels:
        return ""
    return f"count by ({promql.format_label_names(labels)}) ({promql.format_selector(metric)})"


def _widen_span(length: Duration) -> Duration:
    """Widen a time range so that the graph of a query over it shows a course."""
    return max(length * 3, Duration.from_parts(hours=6))
