"""Episodes of alerts with what they cost, and the result of a backtest of one SLO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np

from generator.backtest.history import GroupHistory, Span, Tier, Times, count_windows, sum_windows
from generator.backtest.incidents import Detection, Incident, compare_pages
from generator.backtest.replay import Firing, replay_alerts
from generator.model import SLO, BurnAlert
from slos.schema.units import Duration

_WEEK_DAYS, _MONTH_DAYS = 7, 30


@dataclass(frozen=True, slots=True)
class Episode:
    """Time in which an alert fired, and what happened in it.

    Attributes:
        firing: the alert and its times.
        group: labels of the group of a split SLO.
        first_bad: start of the first bad step; a step is bad if it burns the budget.
        burned: share of the budget of the period that was burned from there to the end.
    """

    firing: Firing
    group: Mapping[str, str]
    first_bad: int
    burned: float

    @property
    def delay(self) -> Duration:
        """Time from the first bad step to the alert."""
        return Duration(self.firing.start - self.first_bad)

    @property
    def notifies(self) -> bool:
        """True unless a page inhibited the alert all the time."""
        return self.firing.notified is not None


@dataclass(frozen=True)
class SLOBacktest:
    """Result of a backtest of one SLO.

    Attributes:
        slo: the SLO.
        span: times of the backtest.
        histories: counted events of each group.
        episodes: episodes of all groups in order of time.
        detection: pages compared with known incidents; None without a list of them.
    """

    slo: SLO
    span: Span
    histories: Sequence[GroupHistory]
    episodes: Sequence[Episode]
    detection: Detection | None = None

    @cached_property
    def pages(self) -> list[Episode]:
        """Pages that began in the reported time."""
        return [each for each in self._list_notified() if each.firing.is_page]

    @cached_property
    def tickets(self) -> list[Episode]:
        """Tickets that began in the reported time and that no page inhibited."""
        return [each for each in self._list_notified() if not each.firing.is_page]

    def _list_notified(self) -> Iterable[Episode]:
        for each in self.episodes:
            if each.notifies and each.firing.start >= self.span.start:
                yield each

    @property
    def pages_a_week(self) -> float:
        """Pages a week."""
        return len(self.pages) * _WEEK_DAYS / self.span.days

    @property
    def pages_a_month(self) -> float:
        """Pages in 30 days."""
        return len(self.pages) * _MONTH_DAYS / self.span.days

    @property
    def delay(self) -> Duration | None:
        """Median time from the first bad step to a page; None without pages."""
        delays = [each.delay.ms for each in self.pages]
        return Duration(round(median(delays))) if delays else None

    @cached_property
    def error_ratio(self) -> float | None:
        """Error ratio of the worst period of the worst group; None without events."""
        ratios = (compute_ratio(self.slo, each) for each in self.histories)
        return max((ratio for ratio in ratios if ratio is not None), default=None)

    @property
    def is_kept(self) -> bool:
        """True if no group has more errors in a period than the objective allows."""
        return self.error_ratio is None or self.error_ratio <= float(self.slo.budget)


def run_backtest(
    slo: SLO,
    span: Span,
    histories: Sequence[GroupHistory],
    incidents: Sequence[Incident] | None = None,
) -> SLOBacktest:
    """Replay the alerts of an SLO over what was counted."""
    episodes = [
        each
        for history in histories
        if not history.is_empty
        for each in list_episodes(slo, history, replay_alerts(slo, history))
    ]
    episodes.sort(key=lambda each: (each.firing.start, each.firing.alert.meta.name))
    result = SLOBacktest(slo, span, histories, episodes)
    if incidents is None:
        return result
    pages = [(each.first_bad, each.firing.end or span.end) for each in result.pages]
    known = [each for each in incidents if not each.slos or slo.id in each.slos]
    detection = compare_pages(pages, known, span.start, span.end)
    return SLOBacktest(slo, span, histories, episodes, detection)


def list_episodes(slo: SLO, history: GroupHistory, firings: Sequence[Firing]) -> Iterable[Episode]:
    """List what happened in each time in which an alert fires."""
    fine, base = history.fine, history.span.read_from
    step = fine.step.ms
    bad = np.flatnonzero(fine.known_errors > float(slo.budget) * fine.known_total)
    sums = np.concatenate([[0.0], np.cumsum(fine.known_errors)])
    counted = np.count_nonzero(~np.isnan(fine.total))
    events = fine.known_total.sum() / max(counted, 1) * slo.period.ms / step
    allowed = events * float(slo.budget)
    for firing in firings:
        fires = (firing.start - base) // step
        first = _find_first_bad(bad, fires, fine, firing)
        last = ((firing.end or history.span.end) - base) // step
        errors = sums[min(last, len(sums) - 2) + 1] - sums[first]
        yield Episode(
            firing,
            dict(history.labels),
            min(base + (first - 1) * step, firing.start),
            float(errors / allowed) if allowed else 0.0,
        )


def _find_first_bad(bad: Times, fires: int, fine: Tier, firing: Firing) -> int:
    """Find the first bad step of the run of bad steps that an alert fires for.

    A run ends where a short window has no bad step. It is within the longest window.
    """
    alert = firing.alert
    if isinstance(alert, BurnAlert):
        quiet = max(each.short.ms for each in alert.conditions) // fine.step.ms
        reach = max(each.long.ms for each in alert.conditions) // fine.step.ms
    else:
        quiet = reach = alert.over.ms // fine.step.ms
    first, last = np.searchsorted(bad, (fires - reach, fires), side="right")
    if first == last:
        return fires
    run = bad[first:last]
    gaps = np.flatnonzero(np.diff(run) > quiet)
    return int(run[gaps[-1] + 1] if len(gaps) else run[0])


def compute_ratio(slo: SLO, history: GroupHistory) -> float | None:
    """Highest error ratio over a period of the reported time, or over all of it if it is shorter.

    None without events.
    """
    tier, span = history.coarse, history.span
    window = min(slo.period, span.length)
    first = span.start - span.read_from + window.ms
    times = np.arange(first, span.end - span.read_from + 1, tier.step.ms)
    total = sum_windows(tier.known_total, tier.step, window, times)
    errors = sum_windows(tier.known_errors, tier.step, window, times)
    counted = total > 0
    return float((errors[counted] / total[counted]).max()) if counted.any() else None


def compute_budget_left(slo: SLO, history: GroupHistory) -> tuple[list[int], list[float | None]]:
    """Share of the budget that was left at each coarse step, as the rules record it.

    Before the data is as old as the period, the rest of the period is expected to have no errors.
    """
    tier, span = history.coarse, history.span
    times = np.arange(span.start - span.read_from, span.end - span.read_from + 1, tier.step.ms)
    total = sum_windows(tier.known_total, tier.step, slo.period, times)
    errors = sum_windows(tier.known_errors, tier.step, slo.period, times)
    counted = count_windows(tier.total, tier.step, slo.period, times)
    coverage = np.minimum(counted / -(-slo.period.ms // tier.step.ms), 1)
    known = total > 0
    burned = np.divide(errors, total, out=np.zeros(len(times)), where=known) / float(slo.budget)
    left = (1 - burned * coverage).tolist()
    return (
        (times + span.read_from).tolist(),
        [ratio if has_events else None for ratio, has_events in zip(left, known, strict=True)],
    )
