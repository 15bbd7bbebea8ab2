"""Records of one SLO besides its status: counts, thresholds, alerts, targets."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator import names
from generator.clients.query_api import QueryClient
from generator.clients.slo_status import Labels, Sample, match_metrics, parse_samples
from generator.web.queries import select_slo
from slos.schema.units import Duration

_REACH = "1h10m"
"""Range in which the newest sample is looked for: a coarse step is an hour at most."""
_ERRORS = names.name_errors(Duration(0)).removesuffix("0s")
_TOTAL = names.name_total(Duration(0)).removesuffix("0s")
_PATTERNS = (
    f"{re.escape(_TOTAL)}.+",
    f"{re.escape(_ERRORS)}.+",
    names.BURN_THRESHOLD,
    names.ALERT_INFO,
    names.LATENCY_TARGET,
    names.PERIOD_DAYS,
    names.ERROR_BUDGET,
    names.PERIOD_EVENTS,
    names.PERIOD_ERRORS,
    names.build_error_ratio_pattern(),
    names.build_latency_pattern(),
)


@dataclass(frozen=True, slots=True)
class AlertThreshold:
    """Burn rate at which an alert fires, on the windows on which it looks."""

    alert: str
    burn: float
    window: str
    short: str


@dataclass(frozen=True, slots=True)
class SLORecords:
    """Facts of an SLO.

    Attributes:
        period: seconds of the period; 0 if it is not recorded.
        budget: error budget as a ratio; 0 if it is not recorded.
        tiers: steps with counted events, in seconds, by length.
        windows: windows of the recorded error ratios.
        thresholds: thresholds of the alerts.
        severities: severity of each alert.
        runbooks: link to the runbook of each alert.
        latency_target: target of the latency, in the unit of its histogram.
        latency_window: shortest window of recorded latencies.
        events: events of the period, as far as counted, in each group.
        errors: errors of the period, likewise.
    """

    period: float = 0.0
    budget: float = 0.0
    tiers: Sequence[Duration] = ()
    windows: Sequence[Duration] = ()
    thresholds: Sequence[AlertThreshold] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, str] = field(default_factory=dict)
    latency_target: float | None = None
    latency_window: Duration | None = None
    events: float | None = None
    errors: float | None = None


async def read_facts(client: QueryClient, labels: Labels, group: Labels, at: float) -> SLORecords:
    """Read the facts of an SLO, or of one group of it.

    Raises:
        APIError: the query fails.
    """
    selector = select_slo("", labels, match_metrics(*_PATTERNS))
    rows = await client.query(f"last_over_time({selector}[{_REACH}])", at)
    samples = [
        sample
        for sample in parse_samples(rows)
        if all(sample.labels.get(name, value) == value for name, value in group.items())
    ]
    return _build_facts(samples)


def _build_facts(samples: Sequence[Sample]) -> SLORecords:
    samples = [sample for sample in samples if math.isfinite(sample.value)]
    values = {sample.metric: sample.value for sample in samples}
    alerts = [sample.labels for sample in samples if sample.metric == names.ALERT_INFO]
    metrics = set(values)
    return SLORecords(
        period=values.get(names.PERIOD_DAYS, 0.0) * 86_400,
        budget=values.get(names.ERROR_BUDGET, 0.0),
        tiers=_list_durations(metrics, _TOTAL),
        windows=sorted(filter(None, map(names.read_error_ratio_window, metrics))),
        thresholds=sorted(
            (
                AlertThreshold(
                    sample.labels.get(names.ALERT, ""),
                    sample.value,
                    sample.labels.get(names.WINDOW, ""),
                    sample.labels.get(names.SHORT_WINDOW, ""),
                )
                for sample in samples
                if sample.metric == names.BURN_THRESHOLD
            ),
            key=lambda each: -each.burn,
        ),
        severities={each.get(names.ALERT, ""): each.get(names.SEVERITY, "") for each in alerts},
        runbooks={
            each.get(names.ALERT, ""): each[names.RUNBOOK_URL]
            for each in alerts
            if names.RUNBOOK_URL in each
        },
        latency_target=values.get(names.LATENCY_TARGET),
        latency_window=min(
            _list_durations(metrics, names.build_latency_pattern().removesuffix(".+")), default=None
        ),
        events=values.get(names.PERIOD_EVENTS),
        errors=values.get(names.PERIOD_ERRORS),
    )


def _list_durations(metrics: Iterable[str], prefix: str) -> list[Duration]:
    """List the durations at the end of the names with a prefix."""
    found = []
    for metric in metrics:
        if metric.startswith(prefix):
            try:
                found.append(Duration.parse(metric.removeprefix(prefix)))
            except ValueError:
                continue
    return sorted(found)
