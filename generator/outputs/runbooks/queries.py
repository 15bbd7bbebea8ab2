"""Queries of a runbook page, and links to their graphs in Prometheus."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.runbooks.alerts import Kind, Topic
from generator.rules import tiers
from slos.schema import promql
from slos.schema.standalone import PlainAlert, Recording
from slos.schema.units import Duration, plain

_HOUR = Duration.of(hours=1)
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
# Upper limit of the selectors that a page shows of one query.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Look:
    """A query of a runbook page.

    Attributes:
        title: the quantity that it shows.
        query: PromQL.
        span: the time range of the graph.
    """

    title: str
    query: str
    span: Duration = _HOUR

    def url(self, prometheus: str) -> str:
        """Build the URL of its graph in Prometheus."""
        asked = quote(self.query, safe="")
        return f"{prometheus}/graph?g0.expr={asked}&g0.tab=0&g0.range_input={self.span}"


def of(topic: Topic, recorded: Mapping[str, Recording]) -> list[Look]:
    """List the queries that show the extent of the trouble, the most informative first."""
    if topic.plain:
        return list(_of_plain(topic.plain, recorded))
    if topic.slo and topic.kind is not Kind.NO_DATA:
        return list(_of_slo(topic.slo, _span(topic)))
    return list(_of_sources(topic.slo)) if topic.slo else []


def firing_beside(topic: Topic) -> Look:
    """Query the firing alerts of the same service."""
    labels = {"alertstate": "firing", names.SERVICE: topic.spec.service}
    return Look(
        "Firing alerts of this service", names.series("ALERTS", labels), Duration.of(hours=6)
    )


def sources(slo: SLO) -> tuple[str, ...]:
    """List the selectors of the series that an SLO is counted from."""
    return slo.signal.sources or tuple(
        dict.fromkeys(
            selector
            for query in (slo.signal.total, slo.signal.errors)
            for selector in promql.selectors(query)
        )
    )


def reach(slo: SLO) -> Duration:
    """Compute the range over which the raw series of an SLO are read."""
    return tiers.reach(slo.steps.fine, slo.steps.scrape)


def _span(topic: Topic) -> Duration:
    """Choose a time range that contains the start of the trouble."""
    if topic.threshold:
        return topic.threshold.over * 6
    return max((condition.long for condition in topic.conditions), default=_HOUR)


def _of_slo(slo: SLO, span: Duration) -> Iterator[Look]:
    now, allowed = slo.windows[0], plain(100 * slo.budget)
    bad, burn = names.of(names.error_ratio(now), slo), names.of(names.CURRENT_BURN_RATE, slo)
    left = names.of(names.BUDGET_REMAINING, slo)
    yield Look(f"Bad share over {now} in %; {allowed} % are allowed", f"100 * {bad}", span)
    yield Look(f"Burn rate over {now}; at 1 the budget lasts exactly {slo.period}", burn, span)
    yield Look(
        "Remaining error budget in %; below 0 the objective is missed", f"100 * {left}", span
    )
    if slo.signal.counts_events:
        remaining = names.of(names.PERIOD_EVENTS_REMAINING, slo)
        yield Look("Remaining error budget in events", remaining, span)
    hours = plain(slo.period.seconds / 3600, 2)
    lasts = f"{hours} * {left} / ignoring ({names.WINDOW}) ({burn} > 0)"
    yield Look("Hours until the error budget is exhausted at this rate", lasts, span)
    if slo.signal.histogram:
        labels = {**names.key(slo), names.QUANTILE: "0.95"}
        p95 = names.series(names.latency_quantile(now), labels)
        yield Look(f"P95 over {now}, in the unit of the metric", p95, span)


def _of_sources(slo: SLO) -> Iterator[Look]:
    """Query the series that an SLO is counted from, and its counts."""
    day = Duration.of(days=1)
    for selector in sources(slo)[:_MOST]:
        yield Look(f"Current number of series of {metric(selector)}", f"count({selector})", day)
    counted = names.of(names.total(slo.steps.fine), slo)
    yield Look(f"Events counted per {slo.steps.fine}", counted, day)


def _of_plain(alert: PlainAlert, recorded: Mapping[str, Recording]) -> Iterator[Look]:
    span = _wide(Duration(promql.reach_ms(alert.query)))
    compared = "above" if alert.above is not None else "below"
    fires = f"The value; the alert fires {compared} {plain(alert.threshold)}"
    yield Look(fires, alert.query.strip(), span)
    for selector in promql.selectors(alert.query)[:_MOST]:
        if selector != alert.query.strip():
            yield _of_selector(selector, recorded, span)


def _of_selector(selector: str, recorded: Mapping[str, Recording], span: Duration) -> Look:
    name = metric(selector)
    if name in recorded:
        return Look(f"{name}: {recorded[name].description}", selector, span)
    if name.endswith(_COUNTERS):
        return Look(f"Increase of {name} in an hour", f"increase({selector}[1h])", span)
    return Look(name or "Series read by the alert", selector, span)


def metric(selector: str) -> str:
    """Read the metric name of a selector; empty if it has none."""
    node = promql.parse(selector)
    return (node.name or "") if isinstance(node, ast.VectorSelector) else ""


def spread(selector: str) -> str:
    """Render the counts of a metric by the labels of a selector; empty if it has no labels."""
    node = promql.parse(selector)
    if not isinstance(node, ast.VectorSelector) or not node.name:
        return ""
    labels = dict.fromkeys(matcher.name for matcher in node.matchers.matchers)
    return f"count by ({', '.join(labels)}) ({node.name})" if labels else ""


def _wide(length: Duration) -> Duration:
    """Widen a time range so that the graph of a query over it shows a course."""
    return max(length * 3, Duration.of(hours=6))
