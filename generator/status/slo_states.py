"""Status and forecast of each SLO, and of each group of a split SLO, from recorded series."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from generator import names
from generator.clients.slo_status import Labels, RecordedSLOs, Sample
from slos.schema.promql import format_label_set
from slos.schema.units import Duration

# An hour and six hours of 30 days: the windows of a page in the SRE Workbook.
_PERIOD_SHARES = (1 / 720, 1 / 120)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Interval in which an error budget is exhausted if events go on as they do.

    Attributes:
        earliest: seconds until then at the highest burn rate; infinite for never.
        latest: seconds until then at the lowest burn rate; infinite for never.
        burn_rates: burn rate of each window that was used.
    """

    earliest: float
    latest: float
    burn_rates: Mapping[Duration, float]


def forecast_exhaustion(
    budget: float, burn_by_window: Mapping[Duration, float], period: Duration
) -> Forecast | None:
    """Forecast the exhaustion of a budget; None without a recorded burn rate.

    Args:
        budget: what is left of the budget, as a share of it.
        burn_by_window: burn rates over the windows that are recorded.
        period: period of the SLO.
    """
    known = {window: burn for window, burn in burn_by_window.items() if window < period}
    if not known:
        return None
    windows = sorted({_find_nearest(known, share * period.ms) for share in _PERIOD_SHARES})
    times = [_compute_time(budget, known[window], float(period.seconds)) for window in windows]
    return Forecast(min(times), max(times), {window: known[window] for window in windows})


def _find_nearest(windows: Mapping[Duration, float], length: float) -> Duration:
    """Find the window whose length has the smallest ratio to another."""
    return min(windows, key=lambda window: abs(math.log(window.ms / length)))


def _compute_time(budget: float, burn: float, period: float) -> float:
    """Compute the seconds until the budget is exhausted at one burn rate.

    A rate at which the budget lasts for the period or longer never exhausts it: by then all errors
    of before have left the period.
    """
    if budget <= 0:
        return 0.0
    time = budget * period / burn if burn > 0 else math.inf
    return time if time < period else math.inf


_PAGE = "page"
# Metrics without the labels of groups.
_CONSTANTS = (names.ERROR_BUDGET, names.OBJECTIVE, names.PERIOD_DAYS)
Items = frozenset[tuple[str, str]]


class SLOState(StrEnum):
    """State of an SLO, the worst first; the value is part of the JSON output."""

    PAGE = "page"
    EXHAUSTED = "exhausted"
    ALERT = "alert"
    BURNING = "burning"
    NO_DATA = "no data"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """Alert that fires; the severity is `page`, `ticket` or that of the alert."""

    name: str
    severity: str


@dataclass(frozen=True, slots=True)
class SLOStatus:
    """Status of an SLO or of one group of it; None for what is not known.

    Attributes:
        labels: labels of the SLO, with its id.
        group: labels of the group; empty if the SLO is not split.
        objective: share of good events.
        budget: what is left of the error budget, as a share of it.
        burn: current burn rate.
        forecast: when the budget is exhausted.
        coverage: share of the period that is recorded; rules of Sloth do not say.
        alerts: firing alerts.
    """

    labels: Labels
    group: Labels
    objective: float | None
    budget: float | None
    burn: float | None
    forecast: Forecast | None
    coverage: float | None
    alerts: Sequence[FiringAlert]

    @property
    def id(self) -> str:
        """Id of the SLO."""
        return self.labels.get(names.ID, "")

    @property
    def title(self) -> str:
        """Id of the SLO, with the labels of the group."""
        return self.id + (format_label_set(self.group) if self.group else "")

    @property
    def state(self) -> SLOState:
        """State, of which the worst counts."""
        if any(alert.severity == _PAGE for alert in self.alerts):
            return SLOState.PAGE
        if self.budget is not None and self.budget <= 0:
            return SLOState.EXHAUSTED
        if self.alerts:
            return SLOState.ALERT
        if self.forecast and math.isfinite(self.forecast.earliest):
            return SLOState.BURNING
        return SLOState.NO_DATA if None in (self.budget, self.burn) else SLOState.OK

    @property
    def rank(self) -> tuple[float | str, ...]:
        """Sort key: the worst comes first."""
        earliest = self.forecast.earliest if self.forecast else math.inf
        budget = 1.0 if self.budget is None else self.budget
        return (list(SLOState).index(self.state), earliest, budget, -(self.burn or 0), self.title)


@dataclass(slots=True)
class _Series:
    """Recorded values of one SLO, by group and metric."""

    labels: Labels
    values: dict[Items, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    alerts: list[Labels] = field(default_factory=list)


def compute_statuses(recorded: RecordedSLOs) -> list[list[SLOStatus]]:
    """Compute the status of all selected SLOs, the worst first.

    Returns:
        One list for each SLO, with one status for each group, the worst first.
    """
    series_by_id: dict[str, list[_Series]] = defaultdict(list)
    for labels in _list_slos(recorded.samples):
        series_by_id[labels.get(names.ID, "")].append(_Series(labels))
    for sample in recorded.samples:
        for series in _find_series(series_by_id, sample.labels):
            if not math.isnan(sample.value):
                series.values[_find_group(series, sample)][sample.metric] = sample.value
    for alert in recorded.alerts:
        for series in _find_series(series_by_id, alert):
            series.alerts.append(alert)
    selected: dict[str, set[Items]] = defaultdict(set)
    for sample in recorded.selected:
        selected[sample.labels.get(names.ID, "")].add(_read_items(sample.labels))
    every = (
        sorted(_compute_rows(series), key=lambda row: row.rank)
        for slo_id, listed in series_by_id.items()
        for series in listed
        if any(series.labels.items() <= items for items in selected[slo_id])
    )
    return sorted(every, key=lambda rows: rows[0].rank)


def _list_slos(samples: Iterable[Sample]) -> list[Labels]:
    """List the labels of each SLO.

    A plug-in of Sloth may add labels to `sloth_slo_info`; those are no other SLO.
    """
    found: dict[str, set[Items]] = defaultdict(set)
    for sample in samples:
        if sample.is_catalogue:
            found[sample.labels.get(names.ID, "")].add(_read_items(sample.labels))
    return [
        dict(items)
        for listed in found.values()
        for items in sorted(listed, key=sorted)
        if not any(other < items for other in listed)
    ]


def _read_items(labels: Labels) -> Items:
    """Labels without those that Sloth adds to some series of an SLO only."""
    return frozenset(
        (name, value)
        for name, value in labels.items()
        if name in names.IDENTITY or not name.startswith("sloth_")
    )


def _find_series(series_by_id: Mapping[str, list[_Series]], labels: Labels) -> Iterator[_Series]:
    """Find the SLOs that a series belongs to.

    Several SLOs share an id where one server has the series of several clusters: those count that
    have most labels in common.
    """
    listed = series_by_id.get(labels.get(names.ID, ""), [])
    if len(listed) <= 1:
        yield from listed
        return
    common = [len(series.labels.items() & labels.items()) for series in listed]
    yield from (each for each, count in zip(listed, common, strict=True) if count == max(common))


def _find_group(series: _Series, sample: Sample) -> Items:
    if sample.metric in (names.INFO, *_CONSTANTS):
        return frozenset()
    return frozenset(
        (name, value) for name, value in _read_items(sample.labels) if name not in series.labels
    )


def _compute_rows(series: _Series) -> Iterator[SLOStatus]:
    """Compute the status of each group, or of an SLO that is not split."""
    whole = series.values.get(frozenset(), {})
    constants = {metric: whole[metric] for metric in _CONSTANTS if metric in whole}
    groups = [
        group
        for group, values in series.values.items()
        if group or names.BUDGET_REMAINING in values
    ]
    for group in groups or [frozenset()]:
        values = {**constants, **series.values[group]} if group else whole
        yield _compute_row(series, dict(group), values)


def _compute_row(series: _Series, group: Labels, values: Mapping[str, float]) -> SLOStatus:
    budget = values.get(names.BUDGET_REMAINING)
    days = values.get(names.PERIOD_DAYS)
    forecast = None
    if budget is not None and days is not None and 0 < days < math.inf:
        period = Duration.from_parts(seconds=days * 86_400)
        forecast = forecast_exhaustion(budget, dict(_list_burn_rates(values)), period)
    return SLOStatus(
        labels=series.labels,
        group=group,
        objective=_read_objective(values),
        budget=budget,
        burn=values.get(names.CURRENT_BURN_RATE),
        forecast=forecast,
        coverage=values.get(names.PERIOD_COVERAGE),
        alerts=sorted(
            {
                FiringAlert(alert.get(names.ALERT, ""), _read_severity(alert))
                for alert in series.alerts
                if all(alert.get(name, value) == value for name, value in group.items())
            },
            key=lambda alert: (alert.severity != _PAGE, alert.name),
        ),
    )


def _list_burn_rates(values: Mapping[str, float]) -> Iterator[tuple[Duration, float]]:
    """Burn rate over each recorded window: its error ratio as a multiple of the budget."""
    budget = values.get(names.ERROR_BUDGET)
    for metric, ratio in values.items() if budget is not None else ():
        if window := names.read_error_ratio_window(metric):
            yield window, ratio / budget if budget else math.inf if ratio else 0.0


def _read_objective(values: Mapping[str, float]) -> float | None:
    objective, budget = values.get(names.OBJECTIVE), values.get(names.ERROR_BUDGET)
    return objective if objective is not None or budget is None else 1 - budget


def _read_severity(alert: Labels) -> str:
    return alert.get(names.SLOTH_SEVERITY) or alert.get(names.SEVERITY, "")
