"""Queries of the pages; their number does not depend on the number of SLOs."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator import names
from generator.clients.json_api import APIError
from generator.clients.query_api import QueryClient, Row
from generator.clients.slo_status import (
    Labels,
    RecordedSLOs,
    Sample,
    format_alert_selector,
    format_status_selector,
    parse_samples,
)
from generator.status.slo_states import SLOStatus, compute_statuses
from slos.schema.promql import format_label_names, format_selector, quote_string
from slos.schema.units import Duration

SPARK_RANGE = Duration.from_parts(days=1)
SPARK_STEP = Duration.from_parts(hours=1)
STALE_AFTER = 300.0
"""Seconds after which a record is too old; rules of all profiles record more often."""
_LOST_RANGE = "1d"
Query = Callable[[str], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Monitoring:
    """State of the monitoring itself; None where the server does not know.

    Attributes:
        age: seconds since a rule recorded the newest error ratio.
        targets_down: number of targets that cannot be scraped.
        targets: number of targets.
        failures: failed evaluations of rules in 15 minutes.
    """

    age: float | None = None
    targets_down: int | None = None
    targets: int | None = None
    failures: int | None = None

    @property
    def is_stale(self) -> bool:
        """True if no rule has recorded anything lately."""
        return self.age is None or self.age > STALE_AFTER


@dataclass(frozen=True, slots=True)
class SourceState:
    """State of one source: its SLOs and its monitoring, as recorded.

    Attributes:
        name: name of the source.
        url: its URL.
        read_at: time of the reading.
        statuses: statuses of each SLO and its groups, the worst first.
        burn_history: burn rates of the last day, oldest first, by the labels of the SLO.
        lost: labels of SLOs that were recorded within a day and are not any more.
        alerts: labels of firing alerts that belong to a service but to no SLO.
        monitoring: state of the monitoring.
        problems: queries that failed, one text for each.
    """

    name: str
    url: str
    read_at: float
    statuses: Sequence[Sequence[SLOStatus]] = ()
    burn_history: Mapping[frozenset[tuple[str, str]], Sequence[float | None]] = field(
        default_factory=dict
    )
    lost: Sequence[Labels] = ()
    alerts: Sequence[Labels] = ()
    monitoring: Monitoring = field(default_factory=Monitoring)
    problems: Sequence[str] = ()


async def read_source(client: QueryClient) -> SourceState:
    """Read the state of a source; a query that fails is one of its problems."""
    source, now = client.source, time.time()
    problems: list[str] = []

    async def query(text: str) -> list[Row]:
        try:
            return await client.query(text, now)
        except APIError as error:
            problems.append(str(error))
            return []

    samples = list(_parse(await query(format_status_selector()), problems))
    if problems:
        return SourceState(source.name, source.url, now, problems=problems)
    labels = _list_catalogue_labels(samples)
    alerts, lost, monitoring, history = await asyncio.gather(
        query(_FIRING),
        query(_LOST),
        _read_monitoring(query),
        _read_burn_history(client, labels, now, problems),
    )
    firing = [sample.labels for sample in _parse(alerts, problems)]
    recorded = RecordedSLOs(
        [sample for sample in samples if sample.is_catalogue],
        samples,
        [each for each in firing if each.get(names.ID)],
    )
    return SourceState(
        source.name,
        source.url,
        now,
        statuses=await asyncio.to_thread(compute_statuses, recorded),
        burn_history=history,
        lost=[row["metric"] for row in lost],
        alerts=[each for each in firing if not each.get(names.ID)],
        monitoring=monitoring,
        problems=list(dict.fromkeys(problems)),
    )


async def read_slo(client: QueryClient, slo_id: str, at: float) -> list[list[SLOStatus]]:
    """Read the status of the SLOs with an id, at a time.

    Raises:
        APIError: a query fails.
    """
    matcher = f"{names.ID}={quote_string(slo_id)}"
    rows, alerts = await asyncio.gather(
        client.query(format_status_selector(matcher), at),
        client.query(format_alert_selector(matcher), at),
    )
    samples = list(parse_samples(rows))
    firing = [sample.labels for sample in parse_samples(alerts)]
    catalogue = [sample for sample in samples if sample.is_catalogue]
    return compute_statuses(RecordedSLOs(catalogue, samples, firing))


_WITH_SERVICE = f'{names.SERVICE}!=""'
_FIRING = " or ".join(
    format_alert_selector(each)
    for each in (f'{names.ID}!=""', _WITH_SERVICE)
)  # fmt: skip
_KEY = format_label_names(names.IDENTITY)
_LOST = (
    f"group by ({_KEY}) (last_over_time({names.INFO}[{_LOST_RANGE}])) "
    f"unless on ({_KEY}) {names.INFO}"
)
# One vector of several values; the label tells them apart.
_MONITORING = " or ".join(
    f'label_replace({query}, "fact", "{fact}", "", "")'
    for fact, query in (
        ("age", f"min(time() - timestamp({names.CURRENT_BURN_RATE}))"),
        ("down", "count(up == 0)"),
        ("targets", "count(up)"),
        ("failures", "sum(increase(prometheus_rule_evaluation_failures_total[15m]))"),
    )
)


async def _read_monitoring(query: Query) -> Monitoring:
    facts = {row["metric"].get("fact"): float(row["value"][1]) for row in await query(_MONITORING)}
    targets = _to_count(facts.get("targets"))
    down = _to_count(facts.get("down"))
    return Monitoring(
        age=facts.get("age"),
        targets_down=down if down is not None or targets is None else 0,
        targets=targets,
        failures=_to_count(facts.get("failures")),
    )


def _to_count(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value)


async def _read_burn_history(
    client: QueryClient, labels: Sequence[str], now: float, problems: list[str]
) -> dict[frozenset[tuple[str, str]], list[float | None]]:
    """Read the highest burn rate of each SLO in each hour of a day."""
    step = float(SPARK_STEP.seconds)
    end = now // step * step
    start = end - float(SPARK_RANGE.seconds)
    query = (
        f"max by ({format_label_names(labels)}) "
        f"(max_over_time({names.CURRENT_BURN_RATE}[{SPARK_STEP}]))"
    )
    try:
        rows = await client.query_range(query, start, end, step)
    except APIError as error:
        problems.append(str(error))
        return {}
    count = round((end - start) / step) + 1
    history = {}
    for row in rows:
        values: list[float | None] = [None] * count
        for at, text in row["values"]:
            value = float(text)
            values[round((at - start) / step)] = value if math.isfinite(value) else None
        history[frozenset(row["metric"].items())] = values
    return history


def _list_catalogue_labels(samples: Iterable[Sample]) -> list[str]:
    """List the labels that tell SLOs apart, without those of groups."""
    return sorted(
        {
            name
            for sample in samples
            if sample.metric == names.ERROR_BUDGET
            for name in sample.labels
        }
        | set(names.IDENTITY)
    )


def _parse(rows: Sequence[Row], problems: list[str]) -> list[Sample]:
    try:
        return list(parse_samples(rows))
    except (LookupError, TypeError, ValueError):
        problems.append("the answer of the server is not that of a Prometheus")
        return []


def select_slo(metric: str, labels: Labels, *matchers: str) -> str:
    """Selector of the series of an SLO."""
    keys = (f"{name}={quote_string(labels[name])}" for name in names.IDENTITY if name in labels)
    return format_selector(metric, *keys, *matchers)
