"""Unit tests of standalone alerts: values near the threshold, excluded series and guards."""

from decimal import Decimal

import pytest

from generator.outputs.tests import guard_cases, standalone
from generator.outputs.tests.promtool_file import (
    InputSeries,
    RisingSeries,
    UnitTestCase,
    UnitTestFile,
    render_test_file,
)
from generator.outputs.tests.selectors import (
    build_excluded_series,
    list_selectors,
    parse_series,
    selects_series,
)
from slos.schema.examples import ExampleSeries
from slos.schema.promql import parse_query
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration
from tests.schema.specs import build_spec, parse_single_spec
from tests.schema.test_standalone_alerts import build_alert

SCRAPE = Duration.from_parts(seconds=30)


def parse_alert(**changes: object) -> StandaloneAlert:
    (found,) = parse_single_spec(build_spec(alerts=[build_alert(**changes)])).alerts
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"below": None, "above": 5, "quiet": 2, "firing": 9}, ("4.95", "5.05")),
        ({"below": 1, "quiet": 36, "firing": 0}, ("1.01", "0.97")),
        ({"below": None, "above": 0, "quiet": 0, "firing": 9}, ("0", "0.01")),
        ({"below": None, "above": "0.8", "quiet": None, "firing": None}, ("0.792", "0.809")),
    ],
)
def test_an_alert_is_tried_on_either_side_of_its_threshold(
    changes: dict[str, object], expected: tuple[str, str]
) -> None:
    found = parse_alert(**changes)
    silent, loud = standalone.find_threshold_values(found)
    assert (silent, loud) == tuple(map(Decimal, expected))
    assert not found.is_firing_at(silent)
    assert found.is_firing_at(loud)


def test_an_example_that_cannot_follow_keeps_its_own_values() -> None:
    found = parse_alert(example=[{"series": "up", "is": 1, "while": "quiet"}])
    assert standalone.find_threshold_values(found) == (Decimal(1), Decimal(0))


def list_excluded(
    query: str, *examples: dict[str, object]
) -> dict[str, InputSeries | RisingSeries]:
    given = [ExampleSeries.model_validate(each) for each in examples]
    found = build_excluded_series(query, given, SCRAPE, 10)
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def test_an_excluded_series_differs_in_one_label_and_is_never_selected() -> None:
    query = 'sum(a_total{x="1", y=~"b|c"}) - min(d{z!~"1|2"})'
    found = list_excluded(
        query,
        {"series": 'a_total{x="1",y="b"}', "rises": 1},
        {"series": 'd{z="3"}', "is": 1},
    )
    assert set(found) == {
        'a_total{x="other", y="b"}',
        'a_total{x="1", y="other"}',
        'd{z="1"}',
    }
    for selector in list_selectors(query):
        for name in found:
            metric, labels = parse_series(name)
            assert not selects_series(selector, metric, labels)


def test_a_gauge_has_excluded_series_for_maxima_and_for_minima() -> None:
    found = list_excluded('max(a{x="1"})', {"series": 'a{x="1"}', "times": 1})
    values = [each.values[0] or 0 for each in found.values() if isinstance(each, InputSeries)]
    assert len(values) == 2
    assert min(values) < 0 < max(values)


def test_what_another_selector_takes_is_not_excluded() -> None:
    found = list_excluded(
        'a{x="other"} / a{x="1"}',
        {"series": 'a{x="other"}', "is": 1},
        {"series": 'a{x="1"}', "is": 1},
    )
    assert set(found) == {'a{x="another"}'}


def test_all_of_an_excluded_histogram_is_in_its_last_bucket() -> None:
    query = 'histogram_quantile(0.9, sum by (le) (rate(a_bucket{x="1"}[5m])))'
    found = list_excluded(
        query,
        {"series": 'a_bucket{x="1",le="1"}', "rises": 1},
        {"series": 'a_bucket{x="1",le="+Inf"}', "rises": 1},
    )
    by = {name: each.increment for name, each in found.items() if isinstance(each, RisingSeries)}
    assert by['a_bucket{le="1", x="other"}'] == 0
    assert by['a_bucket{le="+Inf", x="other"}'] > 0


def list_guards(query: str, *examples: dict[str, object]) -> list[guard_cases.GuardCase]:
    given = [ExampleSeries.model_validate(each) for each in examples]
    return list(guard_cases.list_guard_cases(query, given, Decimal(2), SCRAPE))


def test_a_guard_is_missed_and_met_by_little() -> None:
    missed, met = list_guards(
        "max(a) and (sum(increase(b_total[1h])) > 1000)",
        {"series": "a", "times": 1},
        {"series": "b_total", "rises": 10},
    )
    assert [each.is_met for each in (missed, met)] == [False, True]
    rises = [each.examples[1].rises for each in (missed, met)]
    assert [round(float(rate or 0) * 3600) for rate in rises] == [980, 1020]


def test_a_guard_that_counts_is_missed_by_one() -> None:
    (missed,) = list_guards(
        "max(a) and (count(b) > 1)",
        {"series": "a", "times": 1},
        {"series": 'b{x="1"}', "is": 1},
        {"series": 'b{x="2"}', "is": 1},
    )
    assert not missed.is_met
    assert len(missed.examples) == 2


@pytest.mark.parametrize("query", ["max(a)", "a and b", "a or (b > 1)", "a and (deriv(b[5m]) > 1)"])
def test_what_is_no_guard_or_not_understood_is_left_alone(query: str) -> None:
    assert list_guards(query, {"series": "a", "times": 1}, {"series": "b", "is": 1}) == []
    assert parse_query(query)


def test_a_series_that_ends_is_gone_at_once() -> None:
    gone = InputSeries("a", [Decimal(1), Decimal(1), None, None, Decimal(2), None], ends=True)
    missed = InputSeries("b", [Decimal(1), None])
    case = UnitTestCase("c", SCRAPE, SCRAPE, (gone, missed), ())
    lines = render_test_file(UnitTestFile("t", SCRAPE, [], [case]), "t.rules")
    written = [line.strip() for line in lines if "values" in line]
    assert written == ['values: "1x1 stale _x1 2 stale"', 'values: "1 _x1"']
