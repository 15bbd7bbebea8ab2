"""Queries of a runbook page, and links to their graphs in Prometheus."""

from dataclasses import dataclass
from urllib.parse import quote

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.runbooks.alerts import AlertKind, AlertPage
from generator.rules import increments, tiers
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.sli_signal import Histogram
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration, format_decimal

_HOUR = Duration.from_parts(hours=1)
_DAY = Duration.from_parts(days=1)
_COMPARISONS = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "==": "equal to",
    "!=": "not equal to",
}


@dataclass(frozen=True, slots=True)
class RunbookQuery:
    """A query of a runbook page.

    Attributes:
        title: the quantity that it shows.
        query: PromQL.
        span: the time range of the graph.
        good: the values that it has without trouble, in words.
    """

    title: str
    query: str
    span: Duration = _HOUR
    good: str = ""

    def build_graph_url(self, prometheus_url: str) -> str:
        """Build the URL of its graph in Prometheus."""
        expression = quote(self.query, safe="")
        return f"{prometheus_url}/graph?g0.expr={expression}&g0.tab=0&g0.range_input={self.span}"


def choose_query(page: AlertPage) -> RunbookQuery | None:
    """Choose the one query that shows the extent of the trouble."""
    if page.standalone:
        return _query_standalone_alert(page.standalone)
    if not page.slo:
        return None
    if page.kind is AlertKind.NO_DATA:
        counted = names.select_series(names.name_total(page.slo.steps.fine), page.slo)
        title = f"Events counted per {page.slo.steps.fine}; no result for what is missing"
        return RunbookQuery(title, counted, _DAY)
    return _query_slo(page.slo, _choose_window(page), _choose_span(page))


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


def _choose_window(page: AlertPage) -> Duration:
    """Choose the window of the value that the alert shows."""
    if page.threshold:
        return page.threshold.over
    return min((condition.short for condition in page.conditions), default=_HOUR)


def _query_slo(slo: SLO, window: Duration, span: Duration) -> RunbookQuery:
    """Query the value that the SLI compares, the latency of the objective, or the bad share."""
    if measured := slo.signal.measured:
        bound = f"{_COMPARISONS[measured.comparison]} {format_decimal(measured.bound)}"
        title = f"The value of the SLI; time is good while it is {bound}"
        return RunbookQuery(title, measured.query.strip(), span, bound)
    if histogram := slo.signal.histogram:
        metric = promql.read_selector_metric(histogram.selector).removesuffix("_bucket")
        unit = " s" if metric.endswith("_seconds") else ", in the unit of the metric"
        target = f"{format_decimal(histogram.target)}{unit}"
        title = f"P{format_decimal(slo.objective)} over {window}; the target is {target}"
        quantile = _render_objective_quantile(slo, histogram, window)
        return RunbookQuery(title, quantile, span, f"below {target}")
    bad = names.select_series(names.name_error_ratio(window), slo)
    allowed = f"{format_decimal(100 * slo.budget)} %"
    title = f"Bad share over {window} in %; {allowed} are allowed"
    return RunbookQuery(title, f"100 * {bad}", span, f"below {allowed}")


def _render_objective_quantile(slo: SLO, histogram: Histogram, window: Duration) -> str:
    """Render the quantile that has to be below the target; it is recorded if others read it."""
    quantile = format_decimal(slo.objective / 100)
    if quantile in names.QUANTILES and window == slo.windows[0]:
        labels = {**names.build_key_labels(slo), names.QUANTILE: quantile}
        return names.format_series(names.name_latency_quantile(window), labels)
    return tiers.render_latency_quantile(slo, histogram, quantile, window)


def _query_standalone_alert(alert: StandaloneAlert) -> RunbookQuery:
    span = _widen_span(Duration(promql.compute_lookback_ms(alert.query)))
    side, other = ("above", "less") if alert.above is not None else ("below", "more")
    threshold = format_decimal(alert.threshold)
    title = f"The value; the alert fires {side} {threshold}"
    return RunbookQuery(title, alert.query.strip(), span, f"{threshold} or {other}")


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
