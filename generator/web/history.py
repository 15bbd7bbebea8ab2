"""History of an SLO over a range of time: budget, burn rates, events, latency, alerts."""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator import names
from generator.clients.json_api import APIError
from generator.clients.query_api import QueryClient, Row
from generator.clients.slo_status import Labels, match_metrics
from generator.web.queries import select_slo
from generator.web.ranges import LOOKBACK, TimeRange, split_runs
from generator.web.slo_records import SLORecords
from slos.schema.promql import format_label_set, quote_string
from slos.schema.units import Duration

Values = Sequence[float | None]

_MINUTE = 60
_ALERT_POINTS = 6000
"""Points of the episodes of alerts; a server returns 11,000 at most."""


@dataclass(frozen=True, slots=True)
class AlertEpisode:
    """Time during which an alert fired.

    Attributes:
        alert: name of the alert.
        severity: its severity.
        start: first time.
        end: last time; None if it fires at the end of the range.
        spent: share of the budget that was spent meanwhile; None if it is not known.
    """

    alert: str
    severity: str
    start: float
    end: float | None
    spent: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """History of an SLO; all values have one point for each time.

    Attributes:
        range: the range.
        budget: recorded budget left, of the period that ends at each point.
        spent: share of the budget that each step spends.
        burn: highest burn rate in each step, by window.
        events: events of each step; empty if they are not counted.
        errors: errors of each step, likewise.
        latency: latency in each step, by quantile.
        episodes: episodes of alerts, oldest first.
        problems: queries that failed.
    """

    range: TimeRange
    budget: Values = ()
    spent: Values = ()
    burn: Mapping[str, Values] = field(default_factory=dict)
    events: Values = ()
    errors: Values = ()
    latency: Mapping[str, Values] = field(default_factory=dict)
    episodes: Sequence[AlertEpisode] = ()
    problems: Sequence[str] = ()

    @property
    def burn_down(self) -> Values:
        """Budget left if the range began with a full one."""
        left, values = 1.0, []
        for spent in self.spent:
            left -= spent or 0.0
            values.append(left)
        return values


class _Reader:
    """Reader of the series of one SLO over a range; a failed query leaves its part empty."""

    def __init__(
        self, client: QueryClient, range_: TimeRange, labels: Labels, group: Labels
    ) -> None:
        self._client, self._range = client, range_
        self._labels = labels
        self._matchers = [f"{name}={quote_string(value)}" for name, value in group.items()]
        self.problems: list[str] = []

    def select(self, metric: str, *matchers: str) -> str:
        return select_slo(metric, self._labels, *self._matchers, *matchers)

    async def read(self, query: str) -> list[tuple[Labels, Values]]:
        range_ = self._range
        rows = await self.read_rows(query, range_.step)
        return [(row["metric"], self._place(row["values"])) for row in rows]

    async def read_rows(self, query: str, step: float) -> list[Row]:
        range_ = self._range
        try:
            return await self._client.query_range(query, range_.start, range_.end, step)
        except APIError as error:
            self.problems.append(str(error))
            return []

    async def read_one(self, query: str) -> Values:
        """Read the first series of a query; empty without."""
        rows = await self.read(query)
        return rows[0][1] if rows else ()

    def _place(self, points: Iterable[Sequence[Any]]) -> Values:
        values: list[float | None] = [None] * self._range.count
        for at, text in points:
            index = round((float(at) - self._range.start) / self._range.step)
            value = float(text)
            if 0 <= index < len(values) and math.isfinite(value):
                values[index] = value
        return values


async def read_history(
    client: QueryClient, labels: Labels, group: Labels, facts: SLORecords, range_: TimeRange
) -> History:
    """Read the history of an SLO, or of one group of it."""
    reader = _Reader(client, range_, labels, group)
    over = max(range_.step, int(LOOKBACK)) if range_.step > _MINUTE else 0
    ratios = reader.select("", match_metrics(names.build_error_ratio_pattern()))
    burn_rows, budget, counts, ratio, latency, alerts = await asyncio.gather(
        reader.read(f"max_over_time({ratios}[{over}s])" if over else ratios),
        reader.read_one(reader.select(names.BUDGET_REMAINING)),
        _read_counts(reader, facts, range_),
        _read_mean_ratio(reader, facts, range_),
        _read_latency(reader, facts),
        _read_episodes(reader, range_, facts),
    )
    events, errors = counts
    spent = _compute_spent(facts, range_, events=events, errors=errors, ratio=ratio)
    return History(
        range_,
        budget=budget,
        spent=spent,
        burn=_compute_burn(burn_rows, facts),
        events=events,
        errors=errors,
        latency=latency,
        episodes=[_add_spent(each, range_, spent) for each in alerts],
        problems=list(dict.fromkeys(reader.problems)),
    )


def _compute_burn(rows: Sequence[tuple[Labels, Values]], facts: SLORecords) -> dict[str, Values]:
    by_window: dict[Duration, list[Values]] = {}
    for labels, values in rows:
        try:
            window = Duration.parse(labels.get(names.WINDOW, ""))
        except ValueError:
            continue
        by_window.setdefault(window, []).append(values)
    budget = facts.budget or math.nan
    return {
        str(window): [
            None
            if all(v is None for v in point)
            else max(v for v in point if v is not None) / budget
            for point in zip(*by_window[window], strict=True)
        ]
        for window in sorted(by_window)
        if not math.isnan(budget)
    }


async def _read_counts(
    reader: _Reader, facts: SLORecords, range_: TimeRange
) -> tuple[Values, Values]:
    """Read the events and errors of each step, from the longest tier that fits into a step."""
    fitting = [tier for tier in facts.tiers if range_.step * 1000 % tier.ms == 0]
    if not fitting and not facts.tiers:
        return (), ()
    tier = max(fitting) if fitting else min(facts.tiers)
    window = Duration(max(range_.step * 1000, tier.ms) - 1)
    # Where a step is no multiple of the tier, it gets its share of the mean.
    function = "sum_over_time" if fitting else "avg_over_time"
    total, errors = await asyncio.gather(
        *(
            reader.read_one(f"sum({function}({reader.select(name(tier))}[{window}]))")
            for name in (names.name_total, names.name_errors)
        )
    )
    share = 1.0 if fitting else range_.step * 1000 / tier.ms
    return _scale(total, share), _scale(errors, share)


def _scale(values: Values, factor: float) -> Values:
    return [None if value is None else value * factor for value in values]


async def _read_mean_ratio(reader: _Reader, facts: SLORecords, range_: TimeRange) -> Values:
    """Read the mean error ratio of each step, where events are not counted."""
    if facts.tiers or not facts.windows:
        return ()
    series = reader.select(names.name_error_ratio(min(facts.windows)))
    return await reader.read_one(f"avg(avg_over_time({series}[{max(range_.step, 120)}s]))")


async def _read_latency(reader: _Reader, facts: SLORecords) -> dict[str, Values]:
    if facts.latency_window is None:
        return {}
    rows = await reader.read(reader.select(names.name_latency_quantile(facts.latency_window)))
    found = {labels.get(names.QUANTILE, ""): values for labels, values in rows}
    return {f"P{float(each) * 100:g}": found[each] for each in sorted(found) if each}


async def _read_episodes(
    reader: _Reader, range_: TimeRange, facts: SLORecords
) -> list[AlertEpisode]:
    step = max(15, math.ceil(range_.length / _ALERT_POINTS / 15) * 15)
    selector = reader.select(names.ALERTS, 'alertstate="firing"')
    query = f"max_over_time({selector}[{step}s])" if step > _MINUTE else selector
    rows = await reader.read_rows(query, step)
    return sorted(
        (episode for row in rows for episode in _list_episodes(row, step, range_, facts)),
        key=lambda each: each.start,
    )


def _list_episodes(
    row: Row, step: int, range_: TimeRange, facts: SLORecords
) -> Iterable[AlertEpisode]:
    labels = row["metric"]
    name = labels.get(names.ALERT, "")
    severity = labels.get(names.SLOTH_SEVERITY) or labels.get(names.SEVERITY) or ""
    # Over a range, the newest sample may be as old as the evaluation interval.
    recent = max(2 * step, LOOKBACK + step) if step > _MINUTE else 2 * step
    for start, last in split_runs([float(at) for at, _ in row["values"]], step):
        end = None if range_.is_now and range_.end - last < recent else last
        yield AlertEpisode(name, severity or facts.severities.get(name, ""), start, end)


def _compute_spent(
    facts: SLORecords, range_: TimeRange, *, events: Values, errors: Values, ratio: Values
) -> Values:
    """Compute the share of the budget that each step spends.

    Of counted events, the budget is that of the events of the period. Without them, each moment has
    the same weight, as in the rules of Sloth.
    """
    if not facts.budget or not facts.period:
        return ()
    if events:
        known = [value for value in events if value is not None]
        # The events of a range stand for those of a period that is not recorded yet.
        expected = sum(known) * facts.period / (range_.step * len(known)) if known else 0.0
        allowed = max(facts.events or 0.0, expected) * facts.budget
        if not allowed:
            return ()
        found = errors or [0.0] * len(events)
        return [
            None if total is None else (failed or 0.0) / allowed
            for total, failed in zip(events, found, strict=True)
        ]
    share = range_.step / facts.period / facts.budget
    return [None if value is None else value * share for value in ratio]


def _add_spent(episode: AlertEpisode, range_: TimeRange, spent: Values) -> AlertEpisode:
    """Add the share of the budget that was spent during an episode."""
    if not spent:
        return episode
    end = range_.end if episode.end is None else episode.end
    within = (
        value or 0.0
        for at, value in zip(range_.times, spent, strict=True)
        # A point has the step before it.
        if at > episode.start and at - range_.step < end
    )
    return AlertEpisode(episode.alert, episode.severity, episode.start, episode.end, sum(within))


def format_group(group: Labels) -> str:
    """Format the labels of a group; empty for none."""
    return format_label_set(group) if group else ""
