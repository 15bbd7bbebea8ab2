"""Recorded series over time, as rules of both profiles have them, for a TSDB of a Prometheus."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from generator import names
from tests.benchmarks.tsdb import format_series

STEP = 240
"""Seconds between samples; an instant query looks back for five minutes."""
DAY = 86_400
_WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": DAY, "3d": 3 * DAY}
Ratio = Callable[[float], float]
"""Error ratio at a time before the end, in seconds."""


def steady(ratio: float) -> Ratio:
    """The same error ratio at all times."""
    return lambda _: ratio


def outage(begin: float, end: float, ratio: float, otherwise: float = 0.0) -> Ratio:
    """An error ratio from `begin` to `end`, both in seconds before the end of the history."""
    return lambda before: ratio if end <= before < begin else otherwise


@dataclass(frozen=True)
class History:
    """An SLO, or a group of one, with its error ratio over time.

    Attributes:
        name: name of the SLO.
        ratio: its error ratio.
        objective: its objective.
        service: its service.
        labels: labels of the user.
        group: labels of the group.
        is_first: False for a group if another one has the series of the SLO.
        days: period.
        rate: events in each step.
        is_sloth: True for the series that rules of Sloth record.
        latency: True for the series of a latency SLO.
        alerts: name, severity, begin and end of each alert, in seconds before the end.
        end: seconds before the end of the history at which recording stops.
    """

    name: str
    ratio: Ratio
    objective: float = 0.999
    service: str = "shop"
    labels: dict[str, str] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    is_first: bool = True
    days: int = 30
    rate: float = 4000.0
    is_sloth: bool = False
    latency: bool = False
    alerts: tuple[tuple[str, str, float, float], ...] = ()
    end: float = -math.inf

    @property
    def id(self) -> str:
        return f"{self.service}-{self.name}"

    @property
    def identity(self) -> dict[str, str]:
        return {names.ID: self.id, names.SERVICE: self.service, names.SLO_NAME: self.name}


def _escape(labels: dict[str, str]) -> dict[str, str]:
    return {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for name, value in labels.items()
    }


def list_series(history: History, now: float, length: float, ahead: float = 1200) -> Iterator[str]:
    """OpenMetrics text of the series of an SLO over a length of time, until `now`.

    They go on for some time, so that the newest sample is not too old for an instant query.
    """
    ends = range(int(length), -int(ahead), -STEP)
    times = [now - before for before in ends if before >= history.end]
    longest = max(_WINDOWS.values())
    # Sums of the error ratio of all steps since the oldest one that any window reaches.
    first = int(length) + longest
    sums = [0.0]
    for before in range(first, -int(ahead) - STEP, -STEP):
        sums.append(sums[-1] + history.ratio(before))
    budget = 1 - history.objective
    shown = {**history.labels, **history.identity}

    def series(metric: str, values: Callable[[float], float], **labels: str) -> str:
        samples = (
            (round(at * 1000), f"{value:.9g}")
            for at in times
            if not math.isnan(value := values(now - at))
        )
        return format_series(metric, _escape(labels), samples)

    def mean(before: float, window: float) -> float:
        last = int((first - before) / STEP) + 1
        count = max(1, round(window / STEP))
        return (sums[last] - sums[last - count]) / count

    if history.is_first:
        yield series(names.ERROR_BUDGET, lambda _: budget, **shown)
        yield series(names.OBJECTIVE, lambda _: history.objective, **shown)
        yield series(names.PERIOD_DAYS, lambda _: float(history.days), **shown)
        info = {"sloth_mode": "cli-gen-prom", "sloth_objective": f"{100 * history.objective:g}"}
        yield series(names.INFO, lambda _: 1.0, **shown, **info, sloth_version="any")
        if not history.is_sloth:
            yield from _list_thresholds(history, series, shown)
    labels = {**shown, **history.group}
    for window, seconds in _WINDOWS.items():
        yield series(
            f"slo:sli_error:ratio_rate{window}",
            lambda before, seconds=seconds: mean(before, seconds),  # type: ignore[misc]
            **labels, sloth_window=window,
        )  # fmt: skip
    yield series(names.CURRENT_BURN_RATE, lambda before: mean(before, 300) / budget, **labels)
    period = history.days * DAY
    known = min(1.0, length / period)
    spent = _accumulate(history, length, period)
    yield series(names.BUDGET_REMAINING, lambda before: 1 - spent(before) / budget, **labels)
    yield series(names.PERIOD_BURN_RATE, lambda before: spent(before) / budget, **labels)
    if not history.is_sloth:
        yield from _list_counts(history, series, labels, known=known, spent=spent)
    for name, severity in dict.fromkeys(each[:2] for each in history.alerts):
        spans = [each[2:] for each in history.alerts if each[:2] == (name, severity)]
        yield series(
            names.ALERTS,
            lambda before, spans=spans: (  # type: ignore[misc]
                1.0 if any(end <= before <= begin for begin, end in spans) else math.nan
            ),
            **{**history.identity, **history.group},
            alertname=name, alertstate="firing", sloth_severity=severity,
        )  # fmt: skip


def _accumulate(history: History, length: float, period: float) -> Ratio:
    """Share of the period's events that failed, of what the history knows."""
    step = 3600
    count = int(length / step) + 1
    sums = [0.0]
    for index in range(count):
        sums.append(sums[-1] + history.ratio(index * step + step / 2) * step)

    def failed(before: float) -> float:
        first = max(0, int(before / step))
        last = min(count, int((before + period) / step))
        return (sums[max(last, first)] - sums[first]) / period

    return failed


def _list_thresholds(
    history: History, series: Callable[..., str], shown: dict[str, str]
) -> Iterator[str]:
    name = "".join(part.title() for part in history.id.split("-") if part.isalnum()) or "Odd"
    pairs = ((13.44, "1h", "5m", ""), (5.6, "6h", "30m", ""), (2.8, "1d", "2h", "Ticket"))
    for burn, long, short, suffix in pairs:
        yield series(
            names.BURN_THRESHOLD, lambda _, burn=burn: burn, **shown,
            alertname=f"{name}Errors{suffix}", sloth_window=long, short_window=short,
        )  # fmt: skip
    for suffix, severity in (("", "critical"), ("Ticket", "warning")):
        yield series(
            names.ALERT_INFO, lambda _: 1.0, **shown, alertname=f"{name}Errors{suffix}",
            severity=severity, runbook_url=f"https://runbooks.example/{name}",
        )  # fmt: skip


def _list_counts(
    history: History,
    series: Callable[..., str],
    labels: dict[str, str],
    *,
    known: float,
    spent: Ratio,
) -> Iterator[str]:
    identity = {**history.identity, **history.group}
    rate = history.rate
    # One count for each sample here, so a step is as long as that between two samples.
    yield series(f"slo:sli_total:sum{STEP // 60}m", lambda _: rate, **identity)
    yield series(
        f"slo:sli_errors:sum{STEP // 60}m", lambda before: rate * history.ratio(before), **identity
    )
    events = rate * history.days * DAY / STEP
    yield series(names.PERIOD_EVENTS, lambda _: events * known, **labels)
    yield series(names.PERIOD_ERRORS, lambda before: events * spent(before), **labels)
    yield series(names.PERIOD_COVERAGE, lambda _: known, **labels)
    if history.latency:
        yield series(names.LATENCY_TARGET, lambda _: 0.3, **labels)
        for quantile, value in (("0.5", 0.08), ("0.95", 0.2), ("0.99", 0.29)):
            yield series(
                "slo:sli_latency:quantile_rate5m",
                lambda before, value=value: value * (1 + 20 * history.ratio(before)),
                **labels, quantile=quantile,
            )  # fmt: skip
