"""Episodes, incidents and candidates of known pasts."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.backtest import candidates
from generator.backtest.candidates import Candidate, CandidateResult, mark_pareto_front
from generator.backtest.episodes import SLOBacktest, run_backtest
from generator.backtest.history import Span
from generator.backtest.incidents import Detection, Incident, compare_pages, parse_incidents
from generator.backtest.page import render_page
from generator.backtest.suggestion import Suggestion, draw_days, suggest_objective
from slos.schema.units import Duration
from tests.generator.backtest.past import (
    MINUTE,
    START,
    build_bad_minutes,
    build_history,
    resolve_slo,
)

A_DAY = 1440


def run(
    shares: list[float], objective: float = 99, lead: int = 0, **changes: object
) -> SLOBacktest:
    slo = resolve_slo(objective=objective, **changes)
    history = build_history(slo, shares, lead=lead)
    return run_backtest(slo, history.span, [history])


def test_a_page_knows_its_first_bad_minute_and_what_it_burned() -> None:
    backtest = run(build_bad_minutes(30 * A_DAY + 1, {10_000: 30}))
    (page,) = backtest.pages
    # A step counts the minute before it.
    assert page.first_bad == START + 9_999 * MINUTE
    assert page.delay == Duration(page.firing.start - page.first_bad)
    # 30 minutes of the 432 that a budget of 1 % of 30 days is.
    assert page.burned == pytest.approx(30 / 432, rel=1e-3)


def test_minutes_without_errors_within_a_short_window_do_not_end_a_run() -> None:
    bad = {1000 + 3 * number: 1 for number in range(20)}
    (page,) = run(build_bad_minutes(3 * A_DAY, bad)).pages
    assert page.first_bad == START + 999 * MINUTE


def test_pages_before_the_reported_time_are_not_counted() -> None:
    shares = build_bad_minutes(5 * A_DAY, {1000: 30, 5000: 30})
    assert len(run(shares).pages) == 2
    assert len(run(shares, lead=2000).pages) == 1


def test_an_objective_is_kept_if_the_worst_period_keeps_it() -> None:
    shares = build_bad_minutes(40 * A_DAY + 1, {20_000: 216})
    assert run(shares, objective=99.5).is_kept
    assert run(shares, objective=99.5).error_ratio == pytest.approx(0.005)
    assert not run(shares, objective=99.5, period="7d").is_kept


def test_groups_page_on_their_own() -> None:
    slo = resolve_slo(objective=99)
    bad, good = (
        build_history(slo, shares, labels=(("cluster", name),))
        for name, shares in (
            ("a", build_bad_minutes(A_DAY, {300: 30})),
            ("b", build_bad_minutes(A_DAY, {})),
        )
    )
    backtest = run_backtest(slo, bad.span, [bad, good])
    assert [each.group for each in backtest.pages] == [{"cluster": "a"}]


FILE = b"""\
incidents:
  - {name: outage, start: 2026-03-01T14:05:00Z, end: 2026-03-01 15:05:00+01:00}
"""


def test_all_mistakes_in_a_file_of_incidents_are_reported_with_their_lines() -> None:
    data = b"incidents:\n- {start: yesterday, end: 2026-03-01}\n- {begin: 2026-03-01}\n"
    _, problems = parse_incidents(data, "incidents.yaml")
    assert {each.position.line for each in problems} == {2, 3}
    assert "'yesterday' is not a time" in str(problems[0])
    _, problems = parse_incidents(FILE, "incidents.yaml")
    assert "not after its start" in str(problems[0])
    _, problems = parse_incidents(b"", "incidents.yaml")
    assert "no incidents" in str(problems[0])


def build_incident(start: int, end: int) -> Incident:
    from_ms = [f"1970-01-01T00:{each:02}:00Z" for each in (start, end)]
    return Incident.model_validate({"start": from_ms[0], "end": from_ms[1]})


def test_a_page_is_deserved_if_it_overlaps_an_incident() -> None:
    incidents = [build_incident(10, 20), build_incident(30, 40), build_incident(50, 55)]
    pages = [(each * MINUTE, (each + 2) * MINUTE) for each in (5, 9, 15, 38)]
    found = compare_pages(pages, incidents, 0, 45 * MINUTE)
    assert found == Detection(deserved_pages=3, pages=4, found_incidents=2, incidents=2)
    assert (found.precision, found.recall) == (0.75, 1)


def test_nothing_is_known_of_no_pages_and_no_incidents() -> None:
    assert compare_pages([], [], 0, 1).precision is None
    assert compare_pages([], [], 0, 1).recall is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_the_front_is_what_nothing_dominates(scores: list[tuple[int, int]]) -> None:
    backtest = run([0.0] * 30)
    candidate = Candidate(backtest.slo, "", "", is_current=True)
    results = [CandidateResult(candidate, backtest) for _ in scores]
    with pytest.MonkeyPatch.context() as patch:
        left = iter(scores)
        patch.setattr(candidates, "_score", lambda _: next(left))
        marked = mark_pareto_front(results)
    for score, result in zip(scores, marked, strict=True):
        better = [
            each
            for each in scores
            if each != score and all(a >= b for a, b in zip(each, score, strict=True))
        ]
        assert result.is_on_front == (not better)


def suggest(shares: list[float], most_pages: float, objectives: tuple[float, ...]) -> Suggestion:
    results = []
    for objective in objectives:
        candidate = Candidate(resolve_slo(objective=objective), "", "", is_current=False)
        results.append((candidate, run(shares, objective)))
    return suggest_objective(results, most_pages)


def test_the_tightest_objective_is_that_which_the_past_kept_with_few_enough_pages() -> None:
    # 0.21 % of all minutes are bad, in two outages.
    shares = build_bad_minutes(30 * A_DAY + 1, {10_000: 45, 30_000: 45})
    objectives = (99, 99.5, 99.8, 99.9)
    found = suggest(shares, 2, objectives)
    assert found.best
    assert found.best.candidate.slo.objective == Decimal("99.5")
    assert 0.5 < found.best.confidence < 0.9
    assert found.lowest is None
    assert found.highest == Decimal("99.9")
    assert suggest(shares, 1, objectives).best is None
    assert not found.warnings


def test_a_short_history_and_one_without_a_bad_day_are_doubted() -> None:
    found = suggest(build_bad_minutes(3 * A_DAY + 1, {}), 2, (99, 99.9))
    assert found.best
    assert found.best.candidate.slo.objective == Decimal("99.9")
    assert [each.partition(";")[0].partition(":")[0] for each in found.warnings] == [
        "the history has only 3 days",
        "no day is bad",
    ]


@given(st.integers(1, 60))
def test_resampled_days_are_days_of_the_past_in_blocks(days: int) -> None:
    drawn = draw_days(days)
    assert drawn.shape == (1000, days)
    assert drawn.min() >= 0
    assert drawn.max() < days
    assert ((drawn[:, 1:2] - drawn[:, :1]) % days == 1 % days).all()


def test_the_page_escapes_names_and_needs_no_other_file() -> None:
    slo = resolve_slo(objective=99)
    hostile = (("name", '<script>alert("x")</script>'),)
    history = build_history(slo, build_bad_minutes(A_DAY, {300: 30}), labels=hostile)
    backtest = run_backtest(slo, history.span, [history])
    result = CandidateResult(Candidate(slo, "", "<b>", is_current=True), backtest)
    text = render_page([backtest], {slo.id: [result, replace(result, is_on_front=True)]})
    assert "<script" not in text
    assert "<b>" not in text
    assert "src=" not in text
    assert "http" not in text
    assert 'class="page"' in text


def test_nothing_is_suggested_without_events() -> None:
    slo = resolve_slo(objective=99)
    span = Span(START, START, START + 30 * A_DAY * MINUTE)
    candidate = Candidate(slo, "", "", is_current=True)
    found = suggest_objective([(candidate, run_backtest(slo, span, []))], 2)
    assert (found.best, found.lowest, found.highest) == (None, None, None)
    assert found.warnings == ["there are no events in this time"]
