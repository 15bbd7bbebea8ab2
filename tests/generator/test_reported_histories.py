"""Histories that users of other generators reported: what must be counted, and what must alert."""

from pathlib import Path
from typing import Any

import pytest

from exporter.devstack.stack import find_binary
from tests.generator.command_line import run_slo_rules
from tests.generator.promtool import PromtoolEvaluation
from tests.schema.specs import build_slo, build_spec, dump_yaml

W = "[{{.window}}]"


def build_events_spec(errors: str, total: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Build a spec of one SLO that counts events."""
    sli = {"events": {"error_query": errors, "total_query": total}}
    return build_spec(build_slo(**{"name": "a", "objective": 99, "sli": sli, **changes}))


def count_firing(alert: str, matchers: str = "") -> str:
    return f'count(ALERTS{{alertname="{alert}", alertstate="firing"{matchers}}})'


def test_slow_requests_page_although_no_request_failed_yet(tmp_path: Path) -> None:
    slow = f'(sum(rate(d_count{W})) - sum(rate(d_bucket{{le="1"}}{W})))'
    document = build_events_spec(
        f'{slow} + sum(rate(req_total{{code=~"5.."}}{W}))', f"sum(rate(req_total{W}))"
    )
    series = {
        "d_count": "0+30x480",
        'd_bucket{le="1"}': "0+0x480",
        'req_total{code="200"}': "0+30x480",
    }
    evaluation = PromtoolEvaluation(document, series)
    evaluation.expect_value("3h", "max(slo:sli_error:ratio_rate1h)", 1)
    evaluation.expect_value("3h", count_firing("TooManyErrors"), 1)
    evaluation.run_promtool(tmp_path)


def test_good_events_without_redirects_are_all_good(tmp_path: Path) -> None:
    good = " + ".join(f'sum(rate(hits{{code=~"{digit}.."}}{W}))' for digit in (2, 3))
    sli = {"good_events": {"good_query": good, "total_query": f"sum(rate(hits{W}))"}}
    document = build_spec(build_slo(name="a", objective=99, sli=sli))
    evaluation = PromtoolEvaluation(document, {'hits{code="200"}': "0+30x480"})
    evaluation.expect_value("3h", "max(slo:sli_error:ratio_rate1h)", 0)
    evaluation.expect_nothing("3h", "ALERTS")
    evaluation.run_promtool(tmp_path)


def test_errors_of_a_scrape_gap_are_counted_in_the_step_in_which_it_ends(tmp_path: Path) -> None:
    document = build_events_spec(f"sum(rate(errors{W}))", f"sum(rate(hits{W}))")
    series = {
        "hits": "0+30x120 _x80 6030+30x159",
        "errors": "1000+0x120 _x80 2200+0x159",
    }
    evaluation = PromtoolEvaluation(document, series)
    # The first sample after the gap is at 1h40m30s.
    evaluation.expect_value("1h44m", "sum(slo:sli_errors:sum10m)", 1200)
    evaluation.expect_value("1h54m", "sum(slo:sli_errors:sum10m)", 0)
    evaluation.expect_value("1h44m", "sum(slo:sli_total:sum10m)", 6030 - 3600)
    evaluation.expect_value("3h", "sum(sum_over_time(slo:sli_errors:sum10m[3h]))", 1200)
    evaluation.run_promtool(tmp_path)


def test_a_reset_in_the_step_in_which_a_gap_ends_loses_no_more_than_the_gap(tmp_path: Path) -> None:
    document = build_events_spec(f"sum(rate(errors{W}))", f"sum(rate(hits{W}))")
    # The first sample after the gap is at 1h38m, and the first one after the reset at 1h38m.
    series = {
        "hits": "0+30x120 _x75 5880+30x3 30+30x159",
        "errors": "1000+0x120 _x75 2200+10x3 5+0x159",
    }
    evaluation = PromtoolEvaluation(document, series, step="10m")
    counted = "sum(sum_over_time(slo:sli_errors:sum10m[3h]))"
    # 35 errors happened between the scrapes after the gap, which `rate` estimates, and 1200 in it.
    evaluation.expect_value("3h", f"({counted} > bool 35 * 0.95) * ({counted} <= bool 1235)", 1)
    evaluation.run_promtool(tmp_path)


GROUPED = {
    "errors": f'sum by (cluster) (rate(hits{{code=~"5.."}}{W}))',
    "total": f"sum by (cluster) (rate(hits{W}))",
}


@pytest.mark.parametrize(("until", "total", "errors"), [("2h", 600, 0), ("2h10m", 600, 600)])
def test_samples_that_arrive_three_minutes_late_are_counted_once(
    tmp_path: Path, until: str, total: int, errors: int
) -> None:
    """Failures between 1h57m and 1h59m are in neither step if each is read when it ends."""
    scrapes = {"2h": 234, "2h10m": 254}[until]
    failures = {"2h": "0x234", "2h10m": "0x234 150+150x3 600x15"}[until]
    series = {
        'hits{cluster="a",code="200"}': f"0+30x{scrapes}",
        'hits{cluster="a",code="500"}': failures,
    }
    evaluation = PromtoolEvaluation(build_events_spec(**GROUPED), series, step="10m")
    evaluation.expect_value(until, "sum(slo:sli_total:sum10m)", total + errors)
    evaluation.expect_value(until, "sum(slo:sli_errors:sum10m)", errors)
    evaluation.run_promtool(tmp_path)


def test_a_delay_moves_pages_and_budgets(tmp_path: Path) -> None:
    document = {**build_events_spec(**GROUPED), "delay": "7m"}
    series = {
        'hits{cluster="a",code="200"}': "0+30x480",
        'hits{cluster="a",code="500"}': "0x240 600+0x239",
    }
    evaluation = PromtoolEvaluation(document, series)
    evaluation.expect_value("2h6m", "round(sum(slo:sli_errors:sum1m))", 0)
    evaluation.expect_nothing("2h6m", "max(slo:sli_errors:sum1m) > 0")
    evaluation.expect_value("2h8m", "max(slo:sli_errors:sum1m) > bool 100", 1)
    evaluation.expect_value("2h8m", "sum(slo:sli_errors:sum10m)", 600)
    evaluation.run_promtool(tmp_path)


VANISHED = {
    'hits{cluster="a",code="200"}': "0+30x960",
    'hits{cluster="b",code="200"}': "0+30x240 stale",
    'hits{cluster="preview-1",code="200"}': "0+30x240 stale",
    'hits{code="200"}': "0+30x240 stale",
}


def test_each_group_that_is_not_counted_any_more_is_named(tmp_path: Path) -> None:
    absent = {"transient_groups": 'cluster=~"preview-.*"'}
    alerting = {"name": "Failing", "absent_alert": absent}
    evaluation = PromtoolEvaluation(build_events_spec(**GROUPED, alerting=alerting), VANISHED)
    evaluation.expect_nothing("2h", count_firing("FailingNoData"))
    for group, count in (("a", None), ("b", 1), ("preview-1", None), ("", 1)):
        query = count_firing("FailingNoData", f', cluster="{group}"')
        if count:
            evaluation.expect_value("2h30m", query, count)
        else:
            evaluation.expect_nothing("2h30m", query)
    evaluation.run_promtool(tmp_path)


def test_without_any_group_there_is_one_alert(tmp_path: Path) -> None:
    series = dict.fromkeys(VANISHED, "0+30x240 stale")
    evaluation = PromtoolEvaluation(build_events_spec(**GROUPED), series)
    evaluation.expect_value("2h30m", count_firing("TooManyErrorsNoData"), 1)
    evaluation.run_promtool(tmp_path)


def test_one_error_shortly_after_the_first_build_does_not_page(tmp_path: Path) -> None:
    series = {'hits{code="200"}': "0+0.5x480", 'hits{code="500"}': "0x25 1+0x455"}
    document = build_events_spec(f'sum(rate(hits{{code="500"}}{W}))', f"sum(rate(hits{W}))")
    evaluation = PromtoolEvaluation(document, series)
    for minute in range(1, 60):
        evaluation.expect_nothing(f"{minute}m", count_firing("TooManyErrors"))
    # An error of 30 events, in half an hour of 30 days. promtool evaluates coarse steps each
    # minute, so ten times as much of the period seems to be known.
    left = "max(slo:period_error_budget_remaining:ratio)"
    evaluation.expect_value("34m", f"{left} > bool 0.97", 1)
    evaluation.expect_value("34m", "max(slo:period_coverage:ratio) < bool 0.01", 1)
    evaluation.run_promtool(tmp_path)


def test_a_page_does_not_outlast_a_short_outage_of_a_young_history(tmp_path: Path) -> None:
    """Fourteen minutes of history, seven of them without a good event."""
    series = {
        'hits{code="200"}': "0+30x14 420x13 420+30x400",
        'hits{code="500"}': "0x14 0+30x13 390x401",
    }
    document = build_events_spec(
        f'sum(rate(hits{{code="500"}}{W}))', f"sum(rate(hits{W}))", objective=99.9
    )
    evaluation = PromtoolEvaluation(document, series)
    evaluation.expect_value("13m", count_firing("TooManyErrors"), 1)
    evaluation.expect_nothing("48m", count_firing("TooManyErrors"))
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("objective", ["99.99", "99.995", "99.999", "99.9999"])
def test_values_of_strict_objectives_have_no_float_noise(tmp_path: Path, objective: str) -> None:
    document = build_events_spec(f'sum(rate(hits{{code="500"}}{W}))', f"sum(rate(hits{W}))")
    text = dump_yaml(document).replace(b"objective: 99", f"objective: {objective}".encode())
    (tmp_path / "spec.yaml").write_bytes(text)
    built = run_slo_rules("build", tmp_path / "spec.yaml", "-o", tmp_path / "out")
    assert built.exit_code == 0, built.output
    promtool = find_binary("promtool") or ""
    tested = run_slo_rules("test", tmp_path / "out" / "tests", "-j", "1", "--promtool", promtool)
    assert tested.exit_code == 0, tested.output
