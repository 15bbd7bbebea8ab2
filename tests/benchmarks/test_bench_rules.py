"""The benchmark itself: that it measures, and that it would notice a wrong ratio."""

from dataclasses import replace

import pytest

from tests.benchmarks import incidents, recording, report, targets
from tests.benchmarks.counters import TOTAL, Counter, Run, truth
from tests.benchmarks.measure import Row, measure
from tests.benchmarks.methods import Target, ours, sloth
from tests.benchmarks.replay import Page
from tests.benchmarks.shapes import Shape
from tests.benchmarks.timeline import END, HOUR, MINUTE, PERIOD, SCRAPE, SECOND, START

_HOURS = 4
_LULL = range(120, 180)
_BUSY = Shape(
    "lull",
    "busy, and in between a lull in which half of little fails; nothing first and last",
    traffic=lambda minute: 1 if minute in _LULL else 100 * (10 <= minute < 215),
    share=lambda minute: 0.5 if minute in _LULL else 0.001,
    tolerance=5e-3,
)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    target = Target()
    return measure(
        _BUSY,
        2,
        minutes=_HOURS * 60,
        end=START + _HOURS * HOUR - SCRAPE,
        compared=[ours.method(target), sloth.default(target)],
    )


def test_ours_is_right_and_a_mean_of_ratios_is_not(rows: list[Row]) -> None:
    our, theirs = rows
    assert our.truth == pytest.approx((870 + 1_800) / (870_000 + 3_600), rel=0.05)
    assert our.tolerance
    assert abs(our.error) < our.tolerance
    assert theirs.error > 10


def test_a_wrong_ratio_of_ours_is_a_missed_target(rows: list[Row]) -> None:
    our, theirs = rows
    assert [result.met for result in targets.results([our], [])] == [True]
    wrong = replace(our, ratio=theirs.ratio)
    assert [result.met for result in targets.results([wrong], [])] == [False]
    missing = replace(our, ratio=float("nan"))
    assert [result.met for result in targets.results([missing], [])] == [False]


def test_the_samples_are_those_that_the_ranges_hold(rows: list[Row]) -> None:
    our, theirs = rows
    # Errors and total every 10 minutes, of which the first holds too few scrapes at most.
    assert our.samples == pytest.approx(2 * _HOURS * 6, abs=4)
    # Sum and count, both over a value every 30 s.
    assert theirs.samples == pytest.approx(2 * _HOURS * 120, abs=6)
    hour = next(cost for cost in theirs.costs if cost.name == "slo:sli_error:ratio_rate1h")
    assert hour.samples == 2 * 2 * 120
    assert hour.an_hour == hour.samples * 120


def test_tables_show_every_method_and_no_value_where_there_is_none(rows: list[Row]) -> None:
    text = report.document([rows[0], replace(rows[1], ratio=float("nan"))], [], [])
    assert "| 2      | slo-rules, exact | 0.00" in text
    assert "no value" in text


def test_the_truth_knows_what_no_scrape_saw() -> None:
    counts = (0, 10, 30, 60)
    counter = Counter(TOTAL, {}, counts, (Run(0, 3 * MINUTE),), 0, missed=frozenset(range(6)))
    assert list(counter.samples()) == []
    assert counter.count_at(90 * SECOND) == 20
    errors = replace(counter, metric="http_request_errors_total", counts=(0, 1, 1, 3))
    assert truth([counter, errors], START + MINUTE, START + 3 * MINUTE) == 2 / 50


def test_a_restarted_counter_starts_from_zero_and_is_gone_while_down() -> None:
    runs = (Run(0, MINUTE), Run(2 * MINUTE, 3 * MINUTE))
    counter = Counter(TOTAL, {}, (0, 60, 60, 120), runs, 10 * SECOND)
    seen = [((at - START) // SECOND, value) for at, value in counter.samples()]
    assert seen == [(10, 10), (40, 40), (130, 10), (160, 40)]


def test_recorded_series_reach_back_as_far_as_they_are_read() -> None:
    tasks = {task.rule.record: task for task in recording.tasks_of(ours.method(Target()), END)}
    coarse = tasks["slo:sli_total:sum10m"]
    period = tasks["slo:sli_error:ratio_rate30d"]
    assert coarse.level < period.level
    assert coarse.beats(END)[0] < END - PERIOD
    assert period.beats(END)[0] > END - HOUR


def test_the_truth_pages_for_an_outage_within_a_minute_and_never_for_a_blip() -> None:
    found = {each.job: each for each in incidents.INCIDENTS}
    outage = incidents.deserved(incidents.counters_of(found["outage-busy"]))
    assert 50 * SECOND <= outage[0] - incidents.BEFORE <= 60 * SECOND
    assert incidents.deserved(incidents.counters_of(found["blip"])) == []


@pytest.mark.parametrize(
    ("page", "met"),
    [
        (Page("a", "late by a step", 1, (55_000,), ((120_000,),), ((60_000,),)), [True] * 3),
        (Page("a", "later still", 1, (55_000,), ((121_000,),), ((60_000,),)), [False, True, True]),
        (Page("a", "never", 1, (55_000,), ((),), ((60_000,),)), [False, False, True]),
        (Page("a", "too early", 1, (55_000,), ((50_000,),), ((60_000,),)), [True, True, False]),
        (Page("a", "undeserved", 1, (), ((50_000,),), ((50_000,),)), [True, True, False]),
    ],
    ids=lambda value: value.says if isinstance(value, Page) else "",
)
def test_a_page_that_is_late_or_undeserved_is_a_missed_target(page: Page, met: list[bool]) -> None:
    assert [result.met for result in targets.results([], [page])] == met


def test_what_the_samples_do_not_hold_is_not_asked_of_a_rule(rows: list[Row]) -> None:
    our = rows[0]
    blind = replace(our, method=sloth.RAW, ratio=our.truth * 0.9)
    (equal,) = targets.results([replace(our, ratio=blind.ratio), blind], [])
    (other,) = targets.results([our, blind], [])
    assert (equal.met, other.met) == (True, False)
    assert "all raw samples (-1.0e-01)" in equal.target
