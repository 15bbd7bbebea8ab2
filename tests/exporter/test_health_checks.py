"""First contacts: the truth is always within the bounds, whatever order contacts come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.bounds import Bounds
from exporter.prober.health_checks import ContactWindow, HealthCheckMatcher

TIMES = st.integers(min_value=1, max_value=200)
AGENT, OTHERS = "python-httpx/0.27", ["Blackbox Exporter/0.26", "ELB-HealthChecker/2.0"]


@dataclass(frozen=True)
class Attempt:
    """One event as agent-sre handles it; the times are in order."""

    sent: float
    checked: float
    called: float | None
    """None if the attempt ended with the health check."""
    judged: float
    repeated: float | None = None
    """Time of a second call without a health check of its own."""


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    sent, checked, called, repeated, judged = sorted(
        draw(st.lists(TIMES, min_size=5, max_size=5, unique=True))
    )
    return Attempt(
        sent,
        checked,
        draw(st.sampled_from([called, called, called, None])),
        judged,
        draw(st.sampled_from([None, None, None, repeated])),
    )


def replay(
    found: Sequence[Attempt],
    *,
    now: float = -inf,
    polls: Sequence[tuple[float, str]] = (),
) -> tuple[dict[int, Bounds], dict[int, Bounds]]:
    """Replay attempts in the order of time; return the contacts of first and second calls.

    Args:
        found: attempts of agent-sre.
        now: start of the matcher.
        polls: times and user agents of health checks by others.
    """
    matcher = HealthCheckMatcher(now)
    windows: dict[int, ContactWindow] = {}
    repeated: dict[int, ContactWindow] = {}
    first, second = {}, {}
    steps = sorted(
        (at, phase, number)
        for number, each in enumerate(found)
        for phase, at in enumerate(
            [
                each.sent,
                each.checked,
                each.called,
                each.repeated if each.called else None,
                each.judged,
            ]
        )
        if at is not None
    )
    steps = sorted([*steps, *((at, 5, number) for number, (at, _) in enumerate(polls))])
    for at, phase, number in steps:
        match phase:
            case 0:
                matcher.open_run(str(number), at)
            case 1:
                matcher.add_check(at, user_agent=AGENT)
            case 2:
                windows[number] = matcher.add_call(str(number), at, user_agent=AGENT)
            case 3:
                repeated[number] = matcher.add_call(str(number), at, user_agent=AGENT)
            case 5:
                matcher.add_check(at, user_agent=polls[number][1])
            case _:
                if number in windows:
                    first[number] = matcher.find_contact(windows[number])
                if number in repeated:
                    second[number] = matcher.find_contact(repeated[number])
                matcher.close_run(str(number), at)
    return first, second


@given(
    found=st.lists(attempts(), min_size=1, max_size=12),
    now=st.sampled_from([-inf, 0.0]),
    polls=st.lists(st.tuples(TIMES, st.sampled_from(OTHERS)), max_size=12),
)
def test_the_truth_is_within_the_bounds(
    found: list[Attempt], now: float, polls: list[tuple[float, str]]
) -> None:
    # Two contacts at the same instant cannot be told apart, and need not be.
    first, second = replay(found, now=now, polls=polls)
    for number, bounds in first.items():
        assert bounds.low <= found[number].checked <= bounds.high
    for number, bounds in second.items():
        assert bounds.low <= (found[number].repeated or inf)


@given(found=st.lists(attempts(), min_size=1, max_size=12))
def test_events_one_after_the_other_are_exact(found: list[Attempt]) -> None:
    apart = [
        Attempt(
            each.sent + 300 * number,
            each.checked + 300 * number,
            each.called and each.called + 300 * number,
            each.judged + 300 * number,
        )
        for number, each in enumerate(found)
    ]
    first, _ = replay(apart)
    assert first == {
        number: Bounds.exactly(each.checked) for number, each in enumerate(apart) if each.called
    }


@given(
    attempt=attempts(), polls=st.lists(st.tuples(TIMES, st.sampled_from(["", AGENT])), max_size=12)
)
def test_other_health_checks_that_look_alike_widen_the_bounds_of_a_single_event(
    attempt: Attempt, polls: list[tuple[float, str]]
) -> None:
    first, _ = replay([attempt], polls=polls)
    for bounds in first.values():
        assert bounds.low <= attempt.checked <= bounds.high


@pytest.mark.parametrize(
    ("poller", "caller", "contact"),
    [
        (AGENT, AGENT, Bounds(0.5, 4.0)),
        ("", AGENT, Bounds(0.5, 4.0)),
        (OTHERS[0], "", Bounds(0.5, 4.0)),
        (OTHERS[0], AGENT, Bounds.exactly(4.0)),
    ],
)
def test_the_health_check_of_a_poller_is_told_apart_by_its_user_agent(
    poller: str, caller: str, contact: Bounds
) -> None:
    matcher = HealthCheckMatcher(-inf)
    matcher.open_run("a", 0.0)
    matcher.add_check(0.5, user_agent=poller)
    matcher.add_check(4.0, user_agent=caller)
    assert matcher.find_contact(matcher.add_call("a", 4.1, user_agent=caller)) == contact


def test_too_many_user_agents_are_not_told_apart() -> None:
    matcher = HealthCheckMatcher(-inf)
    matcher.open_run("a", 0.0)
    for number in range(200):
        matcher.add_check(1.0 + number / 100, user_agent=f"agent {number}")
    matcher.add_check(4.0, user_agent=AGENT)
    contact = matcher.find_contact(matcher.add_call("a", 4.1, user_agent=AGENT))
    assert contact == Bounds(2.0, 4.0)


SLOW = [Attempt(30 * n, 30 * n + 1, 30 * n + 41, 30 * n + 46) for n in range(8)]


def test_slow_events_that_overlap_are_exact_by_exclusion() -> None:
    """Each was alone, or only with those whose health check is known, when its own arrived."""
    first, _ = replay(SLOW)
    assert first == {number: Bounds.exactly(each.checked) for number, each in enumerate(SLOW)}


def test_after_a_start_calls_of_an_earlier_process_are_expected() -> None:
    first, _ = replay(SLOW, now=0.0)
    assert first[0] == Bounds(1.0, 31.0)


def test_events_that_take_turns_are_exact() -> None:
    """One health check remains for each call, although all events were sent at the same time."""
    matcher = HealthCheckMatcher(-inf)
    for number in range(20):
        matcher.open_run(str(number), 0.0)
    windows = []
    for number in range(20):
        matcher.add_check(number + 0.1)
        windows.append(matcher.add_call(str(number), number + 0.9))
    assert [matcher.find_contact(each) for each in windows] == [
        Bounds.exactly(number + 0.1) for number in range(20)
    ]


def test_a_burst_is_bounded_by_its_first_and_last_health_check() -> None:
    burst = [Attempt(0, 1 + n, 100 + n, 200) for n in range(50)]
    first, _ = replay(burst)
    assert set(first.values()) == {Bounds(1.0, 50.0)}


@pytest.mark.parametrize("ids", [("a", "trace"), ("trace",)])
def test_an_id_in_both_headers_joins_them(ids: tuple[str, ...]) -> None:
    matcher = HealthCheckMatcher(0.0)
    for run_id in ("a", "b"):
        matcher.open_run(run_id, 0.0)
    matcher.add_check(1.0, ids)
    matcher.add_check(2.0)
    assert matcher.find_contact(matcher.add_call("b", 3.0)) == Bounds(1.0, 2.0)
    window = matcher.add_call("a", 4.0, ["trace", "a"])
    assert matcher.find_contact(window) == Bounds.exactly(1.0)


def test_an_id_that_two_health_checks_have_joins_nothing() -> None:
    matcher = HealthCheckMatcher(0.0)
    matcher.open_run("a", 0.0)
    for at in (1.0, 2.0):
        matcher.add_check(at, ["trace"])
    assert matcher.find_contact(matcher.add_call("a", 3.0, ["trace"])) == Bounds(1.0, 2.0)


@pytest.mark.parametrize("has_forgotten", [False, True])
def test_a_call_with_wrong_parameters_may_have_any_health_check_since_its_run_began(
    *, has_forgotten: bool
) -> None:
    matcher = HealthCheckMatcher(0.0)
    matcher.open_run("a", 0.0)
    matcher.add_check(1.0)
    if has_forgotten:
        matcher.close_run("a", 1.5)
    matcher.open_run("b", 2.0)
    foreign = matcher.add_call("b", 3.0, is_trusted=False)
    assert matcher.find_contact(foreign) == Bounds(2.0, 3.0)


def test_what_was_forgotten_is_still_within_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.prober.health_checks._MAX_CHECKS", 3)
    matcher = HealthCheckMatcher(0.0)
    matcher.open_run("a", 0.5)
    for number in range(10):
        matcher.add_check(1.0 + number)
    assert matcher.find_contact(matcher.add_call("a", 20.0)) == Bounds(0.5, 20.0)


def test_a_flood_with_a_backlog_costs_little_per_event() -> None:
    """A hundred events a second, each under way for 25 s, and a third of them never called."""
    matcher, longest = HealthCheckMatcher(-inf), 0.0
    windows: dict[int, ContactWindow] = {}
    for number in range(5_000):
        at, begun = number / 100, thread_time()
        matcher.open_run(str(number), at)
        if number >= 1_200 and number % 3:
            matcher.add_check(at)
        if number >= 2_500 and number % 3:
            windows[number] = matcher.add_call(str(number - 2_500), at)
        if number >= 3_000:
            if number - 500 in windows:
                matcher.find_contact(windows[number - 500])
            matcher.close_run(str(number - 3_000), at)
        longest = max(longest, thread_time() - begun)
    assert longest < 0.25, "the event loop of a busy machine"
    assert all(earlier <= later for earlier, later in pairwise(matcher._checks))


def test_calls_may_be_added_in_another_order_than_they_arrived() -> None:
    """A call is added when its body has arrived."""
    matcher = HealthCheckMatcher(-inf)
    for run_id, opened_at in (("a", 0.0), ("b", 0.0), ("c", 3.5), ("d", 6.0)):
        matcher.open_run(run_id, opened_at)
    for at in (1.0, 2.0, 4.0, 7.0, 7.5):
        matcher.add_check(at)
    windows = {
        run_id: matcher.add_call(run_id, at)
        for run_id, at in (("b", 5.0), ("a", 3.0), ("d", 8.0), ("c", 9.0))
    }
    assert matcher.find_contact(windows["c"]) == Bounds(4.0, 7.5)
