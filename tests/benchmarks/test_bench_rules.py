"""The benchmark itself: that it measures, and that it would notice a wrong ratio."""

from dataclasses import replace

import pytest

from slos.schema.units import Duration
from tests.benchmarks import incidents, recording, report, targets
from tests.benchmarks.counters import TOTAL, ProcessRun, SyntheticCounter, compute_error_ratio
from tests.benchmarks.incident_replay import IncidentReplay
from tests.benchmarks.lateness import LateCount
from tests.benchmarks.measurement import MethodMeasurement, measure_methods
from tests.benchmarks.methods import BenchmarkTarget, ours, sloth
from tests.benchmarks.new_series import NewSeriesCount
from tests.benchmarks.traffic import END, HOUR, MINUTE, PERIOD, SCRAPE, SECOND, START, TrafficShape

_HOURS = 4
_LULL = range(120, 180)
_BUSY = TrafficShape(
    "lull",
    "busy, and in between a lull in which half of little fails; nothing first and last",
    traffic=lambda minute: 1 if minute in _LULL else 100 * (10 <= minute < 215),
    share=lambda minute: 0.5 if minute in _LULL else 0.001,
    tolerance=5e-3,
    minutes=_HOURS * 60,
)
LATE = LateCount(Duration.parse("20s"), Duration.parse("20s"), 0, 0)


@pytest.fixture(scope="module")
def rows() -> list[MethodMeasurement]:
    target = BenchmarkTarget()
    return measure_methods(
        _BUSY,
        2,
        end=START + _HOURS * HOUR - SCRAPE,
        compared_methods=[ours.build_method(target), sloth.build_default(target)],
    )


def test_ours_is_right_and_a_mean_of_ratios_is_not(rows: list[MethodMeasurement]) -> None:
    our, theirs = rows
    assert our.truth == pytest.approx((870 + 1_800) / (870_000 + 3_600), rel=0.05)
    assert our.tolerance
    assert abs(our.error) < our.tolerance
    assert theirs.error > 10


def test_a_wrong_ratio_of_ours_is_a_missed_target(rows: list[MethodMeasurement]) -> None:
    our, theirs = rows
    assert [result.met for result in targets.check_targets([our], [])] == [True]
    wrong = replace(our, ratio=theirs.ratio)
    assert [result.met for result in targets.check_targets([wrong], [])] == [False]
    missing = replace(our, ratio=float("nan"))
    assert [result.met for result in targets.check_targets([missing], [])] == [False]


def test_the_samples_are_those_that_the_ranges_hold(rows: list[MethodMeasurement]) -> None:
    our, theirs = rows
    # The rules of the period read its sums, which are made of a count every 10 minutes.
    assert our.samples < 10
    tiers = ("sum1m", "sum10m")
    sums = [c for c in our.costs if "sli_total:sum" in c.name and not c.name.endswith(tiers)]
    assert [cost.samples for cost in sums] == [pytest.approx(_HOURS * 6, abs=2)]
    # Sum and count, both over a value every 30 s.
    assert theirs.samples == pytest.approx(2 * _HOURS * 120, abs=6)
    hour = next(cost for cost in theirs.costs if cost.name == "slo:sli_error:ratio_rate1h")
    assert hour.samples == 2 * 2 * 120
    assert hour.samples_per_hour == hour.samples * 120


def test_tables_show_every_method_and_no_value_where_there_is_none(
    rows: list[MethodMeasurement],
) -> None:
    text = report.render_document(
        [rows[0], replace(rows[1], ratio=float("nan"))], [], [LATE], [], []
    )
    assert "| 2      | slo-rules, exact | 0.00" in text
    assert "no value" in text


@pytest.mark.parametrize(
    ("late", "met"),
    [
        (LATE, [True]),
        (replace(LATE, fine=-0.01), [False]),
        (replace(LATE, coarse=0.01), [False]),
        (replace(LATE, delay=Duration(0), fine=-1), []),
    ],
)
def test_samples_that_are_read_in_time_are_counted(late: LateCount, met: list[bool]) -> None:
    assert [result.met for result in targets.check_targets([], late=[late])] == met


@pytest.mark.parametrize(
    ("coarse", "fine", "met"), [(-0.1, -0.9, True), (0, 0, True), (0.01, 0, False), (0, 1, False)]
)
def test_an_event_of_a_new_series_that_is_counted_twice_is_a_missed_target(
    coarse: float, fine: float, *, met: bool
) -> None:
    new = [NewSeriesCount("births", coarse, fine, 0), NewSeriesCount("churn", -0.1, -0.1, 0)]
    assert [result.met for result in targets.check_targets([], new=new)] == [met]


def test_the_truth_knows_what_no_scrape_saw() -> None:
    counts = (0, 10, 30, 60)
    counter = SyntheticCounter(
        TOTAL, {}, counts, (ProcessRun(0, 3 * MINUTE),), 0, missed=frozenset(range(6))
    )
    assert list(counter.generate_samples()) == []
    assert counter.count_until(90 * SECOND) == 20
    errors = replace(counter, metric="http_request_errors_total", counts=(0, 1, 1, 3))
    assert compute_error_ratio([counter, errors], START + MINUTE, START + 3 * MINUTE) == 2 / 50


def test_a_restarted_counter_starts_from_zero_and_is_gone_while_down() -> None:
    runs = (ProcessRun(0, MINUTE), ProcessRun(2 * MINUTE, 3 * MINUTE))
    counter = SyntheticCounter(TOTAL, {}, (0, 60, 60, 120), runs, 10 * SECOND)
    seen = [((at - START) // SECOND, value) for at, value in counter.generate_samples()]
    assert seen == [(10, 10), (40, 40), (130, 10), (160, 40)]


def test_recorded_series_reach_back_as_far_as_they_are_read() -> None:
    tasks = {
        task.rule.record: task
        for task in recording.build_tasks(ours.build_method(BenchmarkTarget()), END)
    }
    coarse = tasks["slo:sli_total:sum10m"]
    period = tasks["slo:sli_error:ratio_rate30d"]
    assert coarse.level < period.level
    assert coarse.compute_times(END)[0] < END - PERIOD
    assert period.compute_times(END)[0] > END - HOUR


def test_the_truth_pages_for_an_outage_within_a_minute_and_never_for_a_blip() -> None:
    found = {each.job: each for each in incidents.INCIDENTS}
    outage = incidents.find_page_times(incidents.build_counters(found["outage-busy"]))
    assert 50 * SECOND <= outage[0] - incidents.CALM_BEFORE <= 60 * SECOND
    assert incidents.find_page_times(incidents.build_counters(found["blip"])) == []


@pytest.mark.parametrize(
    ("page", "met"),
    [
        (
            IncidentReplay("a", "late by a step", 1, (55_000,), ((120_000,),), ((60_000,),)),
            [True] * 3,
        ),
        (
            IncidentReplay("a", "later still", 1, (55_000,), ((121_000,),), ((60_000,),)),
            [False, True, True],
        ),
        (IncidentReplay("a", "never", 1, (55_000,), ((),), ((60_000,),)), [False, False, True]),
        (
            IncidentReplay("a", "too early", 1, (55_000,), ((50_000,),), ((60_000,),)),
            [True, True, False],
        ),
        (IncidentReplay("a", "undeserved", 1, (), ((50_000,),), ((50_000,),)), [True, True, False]),
    ],
    ids=lambda value: value.description if isinstance(value, IncidentReplay) else "",
)
def test_a_page_that_is_late_or_undeserved_is_a_missed_target(
    page: IncidentReplay, met: list[bool]
) -> None:
    assert [result.met for result in targets.check_targets([], [page])] == met


def test_what_the_samples_do_not_hold_is_not_asked_of_a_rule(rows: list[MethodMeasurement]) -> None:
    our = rows[0]
    hidden = replace(our, visible=our.truth * 0.9)
    (equal,) = targets.check_targets([replace(hidden, ratio=our.truth * 0.9)], [])
    (other,) = targets.check_targets([hidden], [])
    assert (equal.met, other.met) == (True, False)
    assert "what samples tell (-1.0e-01)" in equal.target


def test_samples_tell_of_all_but_the_ends_of_processes() -> None:
    counts = range(0, 600, 60)  # an event a second
    runs = (ProcessRun(0, 3 * MINUTE), ProcessRun(3 * MINUTE, 9 * MINUTE))
    counter = SyntheticCounter(TOTAL, {}, counts, runs, 10 * SECOND)
    # The last scrape of the first process is at 2:40.
    assert counter.count_visible(0, 9 * MINUTE) == 540 - 20
    assert counter.count_visible(0, 2 * MINUTE) == 120
    assert counter.count_visible(5 * MINUTE, 9 * MINUTE) == 240
    # The second one is scraped when it has more events than the first one had.
    late = replace(counter, missed=frozenset(range(6, 12)))
    assert late.count_visible(0, 9 * MINUTE) == 540 - 20 - 160


def test_samples_under_new_labels_begin_with_an_old_value() -> None:
    counts = range(0, 600, 60)
    run = ProcessRun(3 * MINUTE, 9 * MINUTE)
    counter = SyntheticCounter(TOTAL, {}, counts, (run,), 10 * SECOND, offset=180)
    assert counter.count_visible(0, 9 * MINUTE) == 360 - 10


def test_a_method_without_a_value_is_no_measure(rows: list[MethodMeasurement]) -> None:
    our = replace(rows[0], instances=20)
    silent = [
        replace(our, method=method, ratio=float("nan"), samples_per_hour=0.0)
        for method in (sloth.RAW, sloth.DEFAULT)
    ]
    (period,) = targets.check_targets([our, *silent], [])
    assert (period.met, "raw samples" in period.target) == (True, False)
