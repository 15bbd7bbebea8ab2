"""Values of the pages that a Prometheus of the tests does not have."""

import math

import pytest

from generator import names
from generator.clients.slo_status import Sample
from generator.web.api import dump_json
from generator.web.formats import draw_sparkline, format_length, format_number, format_percent
from generator.web.links import build_slo_query, check_link
from generator.web.ranges import LENGTHS, PERIOD, build_range, split_runs
from generator.web.slo_records import _build_facts


def test_values_that_are_no_numbers_are_left_out() -> None:
    labels = {"alertname": "A", "sloth_window": "1h"}
    facts = _build_facts(
        [
            Sample(names.BURN_THRESHOLD, labels, math.inf),
            Sample(names.LATENCY_TARGET, {}, math.nan),
            Sample(names.PERIOD_DAYS, {}, 30),
        ]
    )
    assert (facts.thresholds, facts.latency_target, facts.period) == ([], None, 2_592_000)
    assert dump_json({"a": [math.inf, -math.inf, math.nan]}) == '{"a": ["+Inf", "-Inf", null]}'


@pytest.mark.parametrize("name", [*LENGTHS, PERIOD])
@pytest.mark.parametrize("end", [None, 1_000_000_000.0])
def test_a_range_has_its_length_and_ends_where_it_should(name: str, end: float | None) -> None:
    now = 1_700_000_000.7
    range_ = build_range(name, 30 * 86_400, now, end)
    assert range_.times[-1] == (1_700_000_000 if end is None else end)
    assert range_.times[-1] - range_.times[0] == LENGTHS.get(name, 30 * 86_400)
    assert len(range_.times) <= 242
    assert range_.is_now is (end is None)


def test_an_alert_that_is_evaluated_every_five_minutes_fires_once() -> None:
    times = [*range(0, 1801, 300), *range(3600, 4201, 300)]
    assert list(split_runs(times, 60)) == [(0, 1800), (3600, 4200)]
    assert list(split_runs([], 60)) == []


def test_numbers_are_short() -> None:
    values = (0.0, 0.00012345, 14.4, 1234.5, math.inf, None)
    assert [format_number(value) for value in values] == [
        "0", "0.000123", "14.4", "1,234", "∞", "\N{EN DASH}",
    ]  # fmt: skip
    assert format_percent(-0.1234) == "-12.3\N{NO-BREAK SPACE}%"
    assert [format_length(value) for value in (0.2, 3700, 100_000)] == ["1s", "1h1m", "1d3h"]


def test_a_gap_ends_a_line_of_a_sparkline() -> None:
    assert draw_sparkline([None, None]) is None
    drawn = draw_sparkline([0, None, 2, 4])
    assert drawn is not None
    assert drawn["lines"] == ["0,19 0,19", "48,10 72,1"]


def test_slos_with_the_same_id_have_different_links() -> None:
    slos = [{names.ID: "a", "cluster": each, "team": "x"} for each in ("eu", "us")]
    assert build_slo_query("p", slos[0], slos) == "source=p&id=a&label=cluster%3Deu"
    assert build_slo_query("p", slos[0], slos[:1]) == "source=p&id=a"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//x", "", "http://[", "x"]
)
def test_only_web_addresses_of_labels_become_links(url: str) -> None:
    assert check_link(url) == ""
    assert check_link("https://runbooks.example/a") == "https://runbooks.example/a"
