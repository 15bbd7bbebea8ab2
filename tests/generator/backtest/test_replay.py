"""Sums of windows and states of alerts, against plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.backtest.history import compute_rolling_sums, sum_windows
from generator.backtest.replay import find_notification, list_firing_runs, replay_alerts
from generator.model import AlertMeta
from slos.schema.units import Duration
from tests.generator.backtest.past import (
    MINUTE,
    START,
    build_bad_minutes,
    build_history,
    resolve_slo,
)

STEP = 10


def find_firing_times(active: list[bool], hold: int, keep: int) -> list[int]:
    """Evaluations at which an alert fires: the states of Prometheus' rules/alerting.go."""
    state, active_at, keep_since, firing = "inactive", 0, None, []
    for number, is_active in enumerate(active):
        now = number * STEP
        if is_active:
            if state == "inactive":
                state, active_at = "pending", now
            keep_since = None
        else:
            kept = False
            if state == "firing" and keep:
                keep_since = now if keep_since is None else keep_since
                kept = now - keep_since < keep
            if not kept:
                state, keep_since = "inactive", None
        if state == "pending" and now - active_at >= hold:
            state = "firing"
        if state == "firing":
            firing.append(now)
    return firing


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 45), st.integers(0, 45))
def test_an_alert_fires_at_the_evaluations_at_which_the_states_of_prometheus_say_so(
    active: list[bool], hold: int, keep: int
) -> None:
    meta = AlertMeta(
        "Any", {}, {}, Duration(hold) if hold else None, Duration(keep) if keep else None
    )
    times = np.arange(len(active), dtype=np.int64) * STEP
    runs = list(list_firing_runs(np.array(active), times, meta))
    fired = [int(t) for t in times for start, end in runs if start <= t < (end or math.inf)]
    assert fired == find_firing_times(active, hold, keep)


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=60),
    st.integers(1, 70),
)
def test_a_rolling_sum_is_the_sum_of_the_newest_values(values: list[int], length: int) -> None:
    expected = [sum(values[max(end - length, 0) : end]) for end in range(1, len(values) + 1)]
    assert list(compute_rolling_sums(np.array(values, dtype=np.float64), length)) == expected


def test_a_window_of_zeros_after_large_values_has_a_sum_of_zero() -> None:
    assert compute_rolling_sums(np.array([1e17, 0.1, 0.7, 0, 0, 0]), 3)[-1] == 0


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=50),
    st.integers(1, 7),
    st.integers(1, 60),
    st.lists(st.integers(0, 400), min_size=1, max_size=9),
)
def test_a_window_holds_the_steps_after_its_start_and_up_to_its_end(
    values: list[int], step: int, window: int, ends: list[int]
) -> None:
    ends = [end for end in ends if end // step < len(values)] or [0]
    found = sum_windows(
        np.array(values, dtype=np.float64), Duration(step), Duration(window), np.array(ends)
    )
    assert list(found) == [
        sum(value for n, value in enumerate(values) if end - window < n * step <= end)
        for end in ends
    ]


@pytest.mark.parametrize(
    ("start", "end", "pages", "notified"),
    [
        (10, 20, [], 10),
        (10, 20, [(5, 15)], 15),
        (10, 20, [(5, 15), (15, 18)], 18),
        (10, 20, [(5, 20)], None),
        (10, None, [(5, None)], None),
        (10, None, [(5, 30)], 30),
        (10, 20, [(12, 30)], 10),
    ],
)
def test_a_ticket_is_notified_when_no_page_fires(
    start: int, end: int | None, pages: list[tuple[int, int | None]], notified: int | None
) -> None:
    assert find_notification(start, end, pages) == notified


def test_a_full_outage_pages_after_the_time_that_the_burn_rate_needs() -> None:
    slo = resolve_slo(objective=99)
    shares = build_bad_minutes(600, {300: 30})
    page, *tickets = replay_alerts(slo, build_history(slo, shares))
    # 14.4 % of an hour and, where the slow pair is not sooner, no less: 8.64 bad minutes.
    assert page.start == START + 308 * MINUTE
    assert page.is_page
    assert page.end is not None
    assert not any(each.is_page for each in tickets)


def test_a_ticket_of_which_each_minute_is_inhibited_is_not_notified() -> None:
    slo = resolve_slo(objective=99)
    firings = replay_alerts(slo, build_history(slo, build_bad_minutes(600, {300: 30})))
    page = next(each for each in firings if each.is_page)
    for ticket in (each for each in firings if not each.is_page):
        assert ticket.notified is None or ticket.notified == max(ticket.start, page.end or 0)


def test_few_events_do_not_alert_below_min_events() -> None:
    alerting = {"name": "Errors", "page_alert": {"min_events": 7000}}
    slo = resolve_slo(objective=99, alerting=alerting)
    history = build_history(slo, build_bad_minutes(600, {300: 6}))
    assert not [each for each in replay_alerts(slo, history) if each.is_page]
    fewer = replace(
        slo,
        burn_alerts=tuple(
            replace(each, meta=replace(each.meta, min_events=5000)) for each in slo.burn_alerts
        ),
    )
    longer = build_history(slo, build_bad_minutes(600, {300: 12}))
    assert [each for each in replay_alerts(fewer, longer) if each.is_page]
