"""Status of SLOs from recorded series: groups, alerts, forecast and order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import names
from generator.clients.slo_status import RecordedSLOs, Sample
from generator.status.slo_states import (
    FiringAlert,
    SLOState,
    SLOStatus,
    compute_statuses,
    forecast_exhaustion,
)
from generator.status.table import list_table_rows
from slos.schema.units import Duration
from tests.generator.recorded_slos import (
    BUDGET,
    BURN,
    DAYS,
    HEALTHY,
    HOUR,
    SIX_HOURS,
    build_alert,
    build_labels,
    build_recorded,
    build_samples,
)

_DAY = 86_400
_HOUR = Duration.from_parts(hours=1)
_MONTH = Duration.from_parts(days=30)


def compute_single(recorded: RecordedSLOs) -> SLOStatus:
    ((status,),) = compute_statuses(recorded)
    return status


def test_an_slo_has_its_objective_budget_and_burn_rate() -> None:
    status = compute_single(build_recorded(build_samples(HEALTHY, team="web")))
    assert (status.title, status.labels["team"], status.group) == ("shop-requests", "web", {})
    assert (status.objective, status.budget, status.burn) == (0.999, 0.9, 0.1)
    assert (status.state, status.alerts) == (SLOState.OK, [])


def test_the_forecast_lies_between_the_burn_rates_of_an_hour_and_six_hours() -> None:
    values = {**HEALTHY, BUDGET: 0.5, HOUR: 0.01, SIX_HOURS: 0.002, "slo:sli_error:ratio_rate5m": 1}
    forecast = compute_single(build_recorded(build_samples(values))).forecast
    assert forecast
    assert forecast.earliest == pytest.approx(0.5 * 30 * _DAY / 10)
    assert forecast.latest == pytest.approx(0.5 * 30 * _DAY / 2)
    assert {str(window) for window in forecast.burn_rates} == {"1h", "6h"}


def test_other_periods_use_the_recorded_windows_of_the_same_share() -> None:
    week = Duration.from_parts(days=7)
    windows = {Duration.parse(each): 1.0 for each in ("5m", "20m", "2h", "12h", "7d")}
    forecast = forecast_exhaustion(0.5, windows, week)
    assert forecast
    assert {str(window) for window in forecast.burn_rates} == {"20m", "2h"}


def test_a_spent_budget_is_exhausted_now_whatever_the_burn_rate() -> None:
    forecast = forecast_exhaustion(-0.5, {_HOUR: 0.0}, _MONTH)
    assert forecast
    assert (forecast.earliest, forecast.latest) == (0, 0)


def test_without_a_window_below_the_period_there_is_no_forecast() -> None:
    assert forecast_exhaustion(0.5, {_MONTH: 1.0}, _MONTH) is None


def simulate_exhaustion(spent: list[float], burn: float) -> int | None:
    """First of many days at which the budget of as many days as `spent` has is exhausted."""
    period = len(spent)
    history = list(spent)
    for day in range(1, 3 * period):
        history.append(burn / period)
        if sum(history[-period:]) >= 1 - 1e-9:
            return day
    return None


@given(
    spent=st.lists(st.floats(0, 1), min_size=30, max_size=30),
    left=st.floats(0.05, 1),
    burn=st.floats(0, 50),
)
def test_no_history_exhausts_a_budget_before_the_forecast(
    spent: list[float], left: float, burn: float
) -> None:
    """The forecast is that of a history whose errors leave the period last."""
    scale = (1 - left) / (sum(spent) or 1)
    total = (1 - left) if sum(spent) else 0.0
    forecast = forecast_exhaustion(1 - total, {_HOUR: burn}, _MONTH)
    assert forecast
    worst = simulate_exhaustion([0.0] * 29 + [total], burn)
    any_history = simulate_exhaustion([day * scale for day in spent], burn)
    if math.isinf(forecast.earliest):
        assert any_history is None or forecast_is_on_the_edge(1 - total, burn)
    else:
        days = forecast.earliest / _DAY
        assert any_history is None or any_history >= days - 1e-6
        # The simulation has whole days: the errors leave on the last one.
        if days <= 29:
            assert worst is not None
            assert days - 1e-6 <= worst <= days + 1 + 1e-6


def forecast_is_on_the_edge(budget: float, burn: float) -> bool:
    """True if the budget lasts for the period, to a rounding error."""
    return budget == pytest.approx(burn, abs=1e-6)


def test_groups_of_a_split_slo_are_statuses_of_their_own_the_worst_first() -> None:
    samples = [
        *build_samples({BUDGET: 0.8, BURN: 0.0}, group={"code": "a"}),
        *build_samples({BUDGET: -1.0, BURN: 4.0}, group={"code": "b"}),
    ]
    (rows,) = compute_statuses(build_recorded(samples))
    assert [row.title for row in rows] == ['shop-requests{code="b"}', 'shop-requests{code="a"}']
    assert {row.objective for row in rows} == {0.999}
    assert [row.state for row in rows] == [SLOState.EXHAUSTED, SLOState.OK]


def test_an_alert_belongs_to_its_group_or_to_all() -> None:
    samples = [
        *build_samples(HEALTHY, group={"code": "a"}),
        *build_samples(HEALTHY, group={"code": "b"}),
    ]
    alerts = (build_alert("Slow", code="a"), build_alert("NoData", "ticket"))
    (rows,) = compute_statuses(build_recorded(samples, alerts=alerts))
    every = FiringAlert("NoData", "ticket")
    assert {row.group["code"]: list(row.alerts) for row in rows} == {
        "a": [FiringAlert("Slow", "page"), every],
        "b": [every],
    }


def test_an_alert_may_have_labels_that_override_those_of_the_slo() -> None:
    alert = build_alert("Slow", team="on-call")
    status = compute_single(build_recorded(build_samples(HEALTHY, team="web"), alerts=(alert,)))
    assert status.state is SLOState.PAGE


def test_slos_of_two_clusters_share_an_id_but_no_series_or_alert() -> None:
    recorded = build_recorded(
        build_samples({**HEALTHY, BUDGET: 0.2}, cluster="one"),
        build_samples(HEALTHY, cluster="two"),
        alerts=(build_alert("Slow", cluster="two"),),
    )
    found = {rows[0].labels["cluster"]: rows[0] for rows in compute_statuses(recorded)}
    assert [found["one"].budget, found["two"].budget] == [0.2, 0.9]
    assert [len(found["one"].alerts), len(found["two"].alerts)] == [0, 1]
    selected = RecordedSLOs(recorded.selected[:2], recorded.samples, recorded.alerts)
    assert compute_single(selected).labels["cluster"] == "one"


def test_labels_that_a_plug_in_adds_to_the_info_make_no_other_slo() -> None:
    samples = build_samples(HEALTHY, team="web")
    info = Sample(names.INFO, {**samples[0].labels, "tier": "1"}, 1.0)
    recorded = build_recorded([info, *samples[1:]])
    status = compute_single(recorded)
    assert (status.labels, status.group) == (build_labels(team="web"), {})
    by_tier = RecordedSLOs([info], recorded.samples, ())
    assert compute_single(by_tier) == status


def test_the_worst_slo_comes_first() -> None:
    alert = {**build_alert("Slow"), **build_labels("paged")}
    ticket = {**build_alert("Slow", "ticket"), **build_labels("ticketed")}
    recorded = build_recorded(
        build_samples(HEALTHY, "fine"),
        build_samples({BURN: 1.0}, "unknown"),
        build_samples({**HEALTHY, HOUR: 0.002}, "slowly-burning"),
        build_samples({**HEALTHY, HOUR: 0.004}, "burning"),
        build_samples(HEALTHY, "ticketed"),
        build_samples({**HEALTHY, BUDGET: 0.0}, "spent"),
        build_samples(HEALTHY, "paged"),
        alerts=(alert, ticket),
    )
    assert [rows[0].id.removeprefix("shop-") for rows in compute_statuses(recorded)] == [
        "paged", "spent", "ticketed", "burning", "slowly-burning", "unknown", "fine",
    ]  # fmt: skip


def test_a_value_that_is_no_number_is_not_known() -> None:
    values = {BUDGET: math.nan, BURN: math.nan, HOUR: math.nan}
    status = compute_single(build_recorded(build_samples(values)))
    assert (status.state, status.budget, status.burn) == (SLOState.NO_DATA, None, None)


def test_a_budget_of_zero_burns_at_an_infinite_rate() -> None:
    slo = build_labels()
    samples = [
        Sample(names.ERROR_BUDGET, slo, 0.0),
        Sample(DAYS, slo, 30.0),
        Sample(BUDGET, slo, 1.0),
        Sample(HOUR, slo, 0.5),
    ]
    status = compute_single(build_recorded(samples))
    assert status.objective == 1
    assert status.forecast
    assert (status.forecast.earliest, status.burn) == (0, None)


@pytest.mark.parametrize(
    ("hour", "six_hours", "cell"),
    [
        (0.0, 0.0, "never"),
        (0.001, 0.0001, "27d or never"),
        (0.01, 0.002, "2d16h to 13d12h"),
        (1.0, 1.0, "38m"),
        (0.9, 1.0, "38m to 43m"),
    ],
)
def test_a_forecast_is_an_interval(hour: float, six_hours: float, cell: str) -> None:
    values = {**HEALTHY, HOUR: hour, SIX_HOURS: six_hours}
    _, (_, row) = list_table_rows(compute_statuses(build_recorded(build_samples(values))), 5)
    assert row[5] == cell


def test_a_table_shows_the_worst_groups_and_the_number_of_the_others() -> None:
    every = [
        each
        for code in range(7)
        for each in build_samples({**HEALTHY, BUDGET: code / 10}, group={"code": str(code)})
    ]
    rows = list(list_table_rows(compute_statuses(build_recorded(every)), 2))
    assert [cells[1] for _, cells in rows[1:]] == [
        'shop-requests{code="0"}', 'shop-requests{code="1"}', "shop-requests: 5 more groups",
    ]  # fmt: skip


def test_control_characters_of_labels_are_escaped() -> None:
    samples = build_samples(HEALTHY, group={"code": "\x1b[2J\n"})
    _, (_, row) = list_table_rows(compute_statuses(build_recorded(samples)), 5)
    assert row[1] == 'shop-requests{code="\\x1b[2J\\n"}'
