"""Generated unit tests: their arithmetic, and that they pass on the built rules."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.devstack.stack import find_binary
from generator.model import AlertMeta
from generator.outputs.tests import promtool_file
from generator.outputs.tests.alert_timing import Condition, choose_slow_step, evaluate_alert
from generator.outputs.tests.error_timeline import build_timeline
from generator.outputs.tests.evaluator import Evaluator, SteadySeries
from generator.outputs.tests.numbers import UnsupportedQueryError
from generator.outputs.tests.slo import build_counting_cases, find_untested_reason
from slos.schema.promql import parse_query
from slos.schema.units import Duration
from tests.generator.command_line import run_slo_rules
from tests.generator.spec_pipeline import resolve_single_slo

GOLDEN = Path(__file__).parents[1] / "golden"
MINUTE = Duration.from_parts(minutes=1)
HOUR = Duration.from_parts(hours=1)


@pytest.mark.parametrize("case", ["events", "grouped", "raw", "types", "windows"])
def test_the_rules_of_every_golden_spec_pass_their_tests(case: str, tmp_path: Path) -> None:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    assert run_slo_rules("build", GOLDEN / f"{case}.yaml", "-o", tmp_path).exit_code == 0
    result = run_slo_rules("test", tmp_path / "tests", "--promtool", promtool)
    assert result.exit_code == 0, result.output
    assert "0 failed" in result.output


COUNTED, SUMMED = (f"sum({name}_over_time(hits[{{{{.window}}}}]))" for name in ("count", "sum"))
UNTESTED = "a value that depends on the length of its range is not evaluated"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"{COUNTED} / 1000", UNTESTED),
        (f"{SUMMED} / 1e9", UNTESTED),
        (f"{COUNTED} > bool 3", UNTESTED),
        (f"{COUNTED} < 3", UNTESTED),
        ("avg(increase(hits[{{.window}}])) / 1e9", UNTESTED),
        ("avg(rate(hits[{{.window}}])) / 1e9", ""),
        (f"{SUMMED} / (9000 * {COUNTED})", ""),
    ],
)
def test_a_ratio_that_depends_on_the_number_of_its_samples_has_no_counting_test(
    query: str, reason: str
) -> None:
    slo = resolve_single_slo(sli={"raw": {"error_ratio_query": query}})
    assert find_untested_reason(slo) == reason


def test_a_burst_of_counters_beside_a_gauge_has_no_history_case() -> None:
    weighted = "sum(increase(hits{{{}}}[{{{{.window}}}}])) / sum(weight)"
    queries = {"error_query": weighted.format('code="500"'), "total_query": weighted.format("")}
    slo = resolve_single_slo(sli={"events": queries})
    assert [case.name for case in build_counting_cases(slo) if "burst" in case.name] == []


@given(
    quiet=st.decimals("0", "0.01", places=4),
    much=st.decimals("0.02", "1", places=3),
    after=st.integers(1, 60),
)
def test_a_window_that_fills_up_has_the_mean_of_before_and_since(
    quiet: Decimal, much: Decimal, after: int
) -> None:
    run = build_timeline(MINUTE, Decimal(10), [(quiet, 61), (much, after)])
    expected = (quiet * (60 - after) + much * after) / 60
    assert run.compute_ratio(HOUR, run.last_step) == pytest.approx(expected)
    assert run.compute_ratio(MINUTE, run.last_step) == much
    assert run.count_events(HOUR, run.last_step) == 600


def test_a_window_counts_what_there_is_before_it_is_full() -> None:
    run = build_timeline(MINUTE, Decimal(10), [(Decimal(1), 5)])
    assert run.count_events(HOUR, run.last_step) == 50
    assert run.compute_ratio(HOUR, run.last_step) == 1


def test_only_a_short_window_that_is_not_full_is_filled_up_with_good_events() -> None:
    run = replace(build_timeline(MINUTE, Decimal(10), [(Decimal(1), 15)]), filled=HOUR)
    assert run.compute_ratio(HOUR, run.last_step) == Decimal("0.25")
    assert run.compute_ratio(HOUR * 2, run.last_step) == 1
    assert run.count_events(HOUR, run.last_step) == 150


@pytest.mark.parametrize(
    ("period", "held", "expected"),
    [("30d", None, 30), ("7d", "1h", 30), ("30d", "20m", 20), ("30d", "15m", 10)],
)
def test_the_step_of_slow_alerts_divides_their_windows_and_waits(
    period: str, held: str | None, expected: int
) -> None:
    ticket = {"for": held} if held else {}
    slo = resolve_single_slo(
        period=period, objective=99, alerting={"name": "A", "ticket_alert": ticket}
    )
    assert choose_slow_step(slo, slo.burn_alerts[1:]) == MINUTE * expected


def test_a_condition_holds_when_both_windows_are_above_and_events_enough() -> None:
    run = build_timeline(MINUTE, Decimal(1), [(Decimal(0), 61), (Decimal(1), 10)])
    five = Duration.from_parts(minutes=5)
    above = Condition(Decimal("0.1"), five, HOUR, None)
    assert [above.holds(run, run.last_step - n) for n in (0, 3, 4)] == [True, True, None]
    assert not Condition(Decimal("0.1"), five, HOUR, 61).holds(run, run.last_step)
    assert Condition(Decimal("0.1"), five, HOUR, 60).holds(run, run.last_step)


@pytest.mark.parametrize(
    ("for_", "keep", "expected"),
    [
        (0, 0, "..###...#."),
        (2, 0, "....#....."),
        (0, 2, "..#####.##"),
        (3, 0, ".........."),
    ],
)
def test_an_alert_waits_and_stays_as_told(for_: int, keep: int, expected: str) -> None:
    holds = "..###...#."
    run = build_timeline(MINUTE, Decimal(1), [(Decimal(0), len(holds))])
    alert = AlertMeta("A", {}, {}, MINUTE * for_ if for_ else None, MINUTE * keep if keep else None)
    fires = evaluate_alert(alert, run, lambda step: holds[step] == "#")
    assert "".join(".#"[each] for each in fires) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ $value }} % of {{$labels.pod}}", "1.5 % of a"),
        ('{{ "{{" }}x', "{{x"),
        ("{{ $labels.none }}!", "!"),
        ("{{ $value | humanize }}", None),
        ("x{{ if $labels.pod }} of {{ $labels.pod }}{{ end }}", "x of a"),
        ("x{{ if $labels.none }} of {{ $labels.none }}{{ else }}!{{ end }}", "x!"),
        ('{{ if eq $labels.pod "a" }}A{{ else }}B{{ end }}', "A"),
        ('{{ if eq $labels.pod "b" }}A{{ else }}B{{ end }}', "B"),
        ('{{ if eq $labels.pod "b" }}A{{ end }}', ""),
        ("{{ if $labels.none }}A{{ else if $labels.pod }}B{{ end }}", None),
        ("{{ if $labels.pod }}{{ if $labels.none }}A{{ end }}B{{ end }}", None),
    ],
)
def test_texts_are_filled_in_as_prometheus_does(text: str, expected: str | None) -> None:
    filled = promtool_file.expand_annotations({"a": text}, {"pod": "a"}, Decimal("1.5"))
    assert filled == (None if expected is None else {"a": expected})


SERIES = [
    SteadySeries("hits", {"code": "500", "pod": "a"}, Decimal(1), is_counter=True),
    SteadySeries("hits", {"code": "200", "pod": "a"}, Decimal(2), is_counter=True),
    SteadySeries("hits", {"code": "200", "pod": "b"}, Decimal(4), is_counter=True),
    SteadySeries("limit", {}, Decimal("0.8")),
    SteadySeries("up", {"pod": "a"}, Decimal(0)),
    SteadySeries("up", {"pod": "b"}, Decimal(1)),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum(rate(hits[1m]))", {"": 7}),
        ('sum(increase(hits{code=~"5.."}[1m]))', {"": 60}),
        ('sum by (pod) (rate(hits{code!="500"}[1m]))', {"a": 2, "b": 4}),
        ("sum without (code) (rate(hits[1m])) * 2", {"a": 6, "b": 8}),
        ("count_over_time(up[1m]) - sum_over_time(up[1m])", {"a": 2, "b": 0}),
        ("clamp_max(up * 5, 3) > 0", {"b": 3}),
        ("up == bool 1", {"a": 0, "b": 1}),
        ("7 != up", {"a": 0, "b": 1}),
        ("1 > up", {"a": 0}),
        ("1 > bool up", {"a": 1, "b": 0}),
        ("(up >= -Inf) ^ 0", {"a": 1, "b": 1}),
        ("up and ignoring (code) rate(hits{code='500'}[1m])", {"a": 0}),
        ("up unless on (pod) rate(hits{code='500'}[1m])", {"b": 1}),
        ("limit / 1 >= bool 0.8", {"": 1}),
        ("sum(limit) * 2 < bool 1.6", {"": 0}),
        ("up{pod='a'} or up", {"a": 0, "b": 1}),
        ("max(up) - min(up)", {"": 1}),
        ("rate(nothing[1m])", {}),
        ("nothing > time()", {}),
    ],
)
def test_a_query_over_steady_series_has_this_value(query: str, expected: dict[str, int]) -> None:
    run = Evaluator(SERIES, MINUTE, Duration.from_parts(seconds=30))
    found = {
        dict(labels).get("pod", ""): number.value
        for labels, number in run.evaluate(parse_query(query)).items()
    }
    assert found == expected


@pytest.mark.parametrize(
    "query",
    [
        *("time()", "hour()", "time() - up", "clamp_min(up, scalar(nothing))", "rate(hits[1m:])"),
        # Rounding decides, or an order of adding does.
        *("limit * 1001 / 1001 < 0.8", "limit / 3 * 3 == 0.8", "sum(rate(hits[1m])) > 7"),
        # A counter has no constant value.
        *("hits", "sum_over_time(hits[1m])", "up / 0", "limit ^ 1e300", "1e30 * up"),
        "deriv(hits[1m])",
        "up offset 5m",
        "topk(1, up)",
        "up * on (pod) group_right hits",
        "up % 2",
    ],
)
def test_what_is_not_understood_is_said(query: str) -> None:
    with pytest.raises(UnsupportedQueryError):
        Evaluator(SERIES, MINUTE, MINUTE).evaluate(parse_query(query))
