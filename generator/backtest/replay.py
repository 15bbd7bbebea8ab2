"""Replay of the alerts of an SLO over counted events, with the semantics of Prometheus.

All groups of rules are evaluated at multiples of their intervals. Prometheus shifts each group by a
part of its interval, so its alerts fire within one evaluation of those found here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from generator.alerting.graph import SEVERITIES_BELOW_PAGE
from generator.backtest.history import GroupHistory, Tier, Times, Values, count_windows, sum_windows
from generator.model import SLO, AlertMeta, AlertSeverity, BurnAlert, ThresholdAlert
from generator.names import SEVERITY
from generator.rules import alert_rules, tiers
from slos.schema.query_analysis import find_grouping
from slos.schema.units import Duration, format_decimal

Flags = NDArray[np.bool_]
BudgetAlert = BurnAlert | ThresholdAlert


@dataclass(frozen=True, slots=True)
class Firing:
    """Time in which an alert fires.

    Attributes:
        alert: the alert.
        start: first evaluation at which it fires, in milliseconds.
        end: first evaluation at which it does not fire any more; None if it still does.
        notified: when somebody was told; None if a page inhibited it all the time.
    """

    alert: BudgetAlert
    start: int
    end: int | None
    notified: int | None

    @property
    def is_page(self) -> bool:
        """True if the alert is a page."""
        return is_page(self.alert)


def is_page(alert: BudgetAlert) -> bool:
    """Tell whether an alert is a page."""
    if isinstance(alert, BurnAlert):
        return alert.severity is AlertSeverity.PAGE
    return alert.meta.labels.get(SEVERITY) not in SEVERITIES_BELOW_PAGE


def list_alerts(slo: SLO) -> list[BudgetAlert]:
    """List the alerts of an SLO that are replayed: all but those on missing data."""
    return [*slo.burn_alerts, *slo.threshold_alerts]


def replay_alerts(slo: SLO, history: GroupHistory) -> list[Firing]:
    """Find when each alert of an SLO fires in one group, in order of time."""
    replay = _Replay(slo, history)
    found: list[Firing] = []
    pages: list[tuple[int, int | None]] = []
    burn_pages = [each for each in slo.burn_alerts if each.severity is AlertSeverity.PAGE]
    for alert in sorted(list_alerts(slo), key=lambda each: each not in burn_pages):
        times = replay.list_times(alert)
        runs = list(list_firing_runs(replay.evaluate_alert(alert, times), times, alert.meta))
        if alert in burn_pages:
            pages += runs
        muting = pages if _is_inhibited(slo, alert) else []
        base = history.span.read_from
        found += [
            Firing(
                alert,
                base + start,
                None if end is None else base + end,
                _shift(find_notification(start, end, muting), base),
            )
            for start, end in runs
            if end is None or base + end > history.span.start
        ]
    return sorted(found, key=lambda each: (each.start, each.alert.meta.name))


def _shift(time: int | None, base: int) -> int | None:
    return None if time is None else base + time


def _is_inhibited(slo: SLO, alert: BudgetAlert) -> bool:
    """Tell whether a page of the SLO inhibits an alert, see `alerting.tree`."""
    grouping = find_grouping(slo.signal.total)
    return grouping is not None and not grouping.without and not is_page(alert)


def find_notification(
    start: int, end: int | None, muting: Sequence[tuple[int, int | None]]
) -> int | None:
    """Find when an alert is first not inhibited; None for never."""
    time = start
    for page_start, page_end in sorted(muting, key=lambda each: each[0]):
        if page_start <= time and (page_end is None or time < page_end):
            if page_end is None:
                return None
            time = page_end
    return time if end is None or time < end else None


def list_firing_runs(
    active: Flags, times: Times, meta: AlertMeta
) -> Iterator[tuple[int, int | None]]:
    """List when an alert fires, from whether its expression has a value at each evaluation.

    An alert that is pending is forgotten at the first evaluation without a value. One that fires is
    kept for `keep_firing_for` from that evaluation on, and then waits for `for` again.
    """
    if not len(times):
        return
    hold = meta.for_.ms if meta.for_ else 0
    keep = meta.keep_firing_for.ms if meta.keep_firing_for else 0
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    never = int(times[-1]) + 1
    firing_since: int | None = None
    kept_until = 0
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        start = int(times[first])
        if firing_since is not None and start > kept_until:
            yield firing_since, kept_until
            firing_since = None
        if firing_since is None:
            fires = int(np.searchsorted(times, start + hold))
            if fires >= after:
                continue
            firing_since = int(times[fires])
        kept = (
            int(np.searchsorted(times, int(times[after]) + keep)) if after < len(times) else after
        )
        kept_until = int(times[kept]) if kept < len(times) else int(times[-1]) + 1
    if firing_since is not None:
        yield firing_since, kept_until if kept_until < never else None


@dataclass
class _Replay:
    """Evaluations of one group; times are milliseconds since the first one."""

    slo: SLO
    history: GroupHistory

    def __post_init__(self) -> None:
        length = self.history.span.end - self.history.span.read_from
        steps = self.slo.steps
        self._fine_times = np.arange(0, length + 1, steps.fine.ms, dtype=np.int64)
        self._slow_times = np.arange(0, length + 1, steps.slow.ms, dtype=np.int64)
        self._fine_windows = alert_rules.list_fine_group_windows(self.slo)

    def list_times(self, alert: BudgetAlert) -> Times:
        """List the evaluations of an alert."""
        in_fine_group = alert_rules.is_in_fine_group(self.slo, alert)
        return self._fine_times if in_fine_group else self._slow_times

    def evaluate_alert(self, alert: BudgetAlert, times: Times) -> Flags:
        """Tell for each evaluation whether the expression of an alert has a value."""
        if isinstance(alert, ThresholdAlert):
            above = self._compute_ratios(alert.over, times) > float(alert.above)
            return above & self._check_counts(alert.over, alert.meta, times)
        active = np.zeros(len(times), dtype=np.bool_)
        for condition in alert.conditions:
            factor = format_decimal(condition.factor, alert_rules.FACTOR_DIGITS)
            limit = float(factor) * float(self.slo.budget)
            active |= (
                (self._compute_ratios(condition.short, times) > limit)
                & (self._compute_ratios(condition.long, times) > limit)
                & self._check_counts(condition.long, alert.meta, times)
            )
        return active

    def _compute_ratios(self, window: Duration, times: Times) -> Values:
        """Error ratios of a window as an evaluation reads them; NaN where there is none."""
        steps = self.slo.steps
        recorded = steps.fine.ms if window in self._fine_windows else steps.slow.ms
        is_fine = tiers.is_fine(self.slo, window)
        counted = steps.coarse.ms if window == self.slo.period and not is_fine else 1
        interval = steps.fine.ms if times is self._fine_times else steps.slow.ms
        key = (window.ms, interval, recorded, counted)
        if key not in self.history.ratios:
            read = times // recorded * recorded // counted * counted
            tier = self.history.fine if is_fine else self.history.coarse
            self.history.ratios[key] = _divide_windows(tier, window, read, is_filled=is_fine)
        return self.history.ratios[key]

    def _check_counts(self, window: Duration, meta: AlertMeta, times: Times) -> Flags:
        enough = np.ones(len(times), dtype=np.bool_)
        tier = self.history.fine if tiers.is_fine(self.slo, window) else self.history.coarse
        for minimum, values in (
            (meta.min_events, tier.known_total),
            (meta.min_errors, tier.known_errors),
        ):
            if minimum is not None:
                least = float(minimum - Decimal("0.5"))
                enough &= sum_windows(values, tier.step, window, times) >= least
        return enough


def _divide_windows(tier: Tier, window: Duration, times: Times, *, is_filled: bool) -> Values:
    """Divide the errors of windows by their totals; windows that are not full may be filled up."""
    total = sum_windows(tier.known_total, tier.step, window, times)
    if is_filled:
        counted = count_windows(tier.total, tier.step, window, times)
        total = total / np.maximum(counted, 1) * float(-(-window.ms // tier.step.ms))
    errors = sum_windows(tier.known_errors, tier.step, window, times)
    known = count_windows(tier.errors, tier.step, window, times) > 0
    ratios: Values = np.full(len(times), np.nan)
    np.divide(errors, total, out=ratios, where=known & (total > 0))
    return ratios
