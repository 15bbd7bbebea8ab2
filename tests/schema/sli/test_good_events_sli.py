"""The `good_events` SLI: errors are the total minus the good events."""

from typing import Any

from slos.schema.promql import parse_query, render_template
from slos.schema.query_analysis import Counting, detect_counting
from slos.schema.sli_signal import RatioQuery, Weight
from tests.schema.specs import TOTAL, build_slo, build_spec, parse_signal, parse_single_spec

GOOD = 'sum(rate(http_requests_total{code!~"5.."}[{{.window}}]))'


def build_sli(good: str = GOOD, total: str = TOTAL) -> dict[str, Any]:
    return {"good_events": {"good_query": good, "total_query": total}}


def test_errors_are_counted_as_all_that_is_not_good() -> None:
    signal = parse_signal(build_sli())
    assert signal.counting is detect_counting(signal.errors) is Counting.PER_SECOND
    assert signal.weight is Weight.EVENTS
    assert "or" in signal.errors


def test_what_cannot_be_added_up_is_weighted_by_time_and_said() -> None:
    signal = parse_signal(build_sli(good="max(rate(a[{{.window}}]))"))
    assert signal.counting is None
    assert "weighted by time" in signal.note
    for query in (signal.errors, signal.total):
        parse_query(render_template(query, "5m"))


def test_without_known_labels_a_missing_good_series_is_a_hole() -> None:
    signal = parse_signal(build_sli("rate(a[{{.window}}])", "rate(b[{{.window}}])"))
    assert " or " not in signal.errors


def test_sloth_gets_the_text_it_makes_itself_of_an_openslo() -> None:
    found = (
        parse_single_spec(build_spec(build_slo(sli=build_sli())))
        .slos[0]
        .sli.get_type()
        .build_queries()
    )
    assert isinstance(found, RatioQuery)
    assert found.ratio.startswith("\n  1 - (\n    (\n      sum(")
