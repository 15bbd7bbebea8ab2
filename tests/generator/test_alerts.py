"""Alert expressions: the guard of few events, and what an absent alert carries."""

from typing import Any

from tests.generator.resolved import alert
from tests.schema.specs import slo, spec


def guarded(**changes: Any) -> str:  # noqa: ANN401 - whatever YAML holds
    alerting = {"name": "X", "page_alert": {"min_events": 10}}
    return alert(spec(slo(alerting=alerting, **changes)), "X").expr


def test_ten_events_pass_a_guard_of_ten_though_counts_are_extrapolated() -> None:
    assert '(sum_over_time(slo:sli_total:sum1m{sloth_id="shop-requests"}[59m59s999ms]) >= 9.5)' in (
        guarded()
    )


def test_the_guard_matches_series_whatever_labels_the_user_gave() -> None:
    assert "and ignoring (owner, team)\n" in guarded(labels={"team": "a", "owner": "b"})
    assert "ignoring" not in guarded()
    assert "ignoring" not in guarded(labels={"sloth_id": "evil"})


def test_each_condition_is_guarded_over_its_own_long_window() -> None:
    expr = guarded()
    assert expr.count(">= 9.5") == 2
    assert "[5h59m59s999ms]) >= 9.5" in expr


def test_without_min_events_nothing_is_counted() -> None:
    assert "slo:sli_total" not in alert(spec(), "TooManyErrors").expr


def test_the_no_data_alert_names_the_slo_itself_for_absent_gives_no_labels() -> None:
    found = alert(spec(labels={"owner": "a"}), "TooManyErrorsNoData")
    assert found.expr == (
        'absent(slo:sli_total:sum1m{sloth_id="shop-requests"})\nor\n'
        'absent(slo:sli_errors:sum1m{sloth_id="shop-requests"})'
    )
    assert "http_requests_total" in found.annotations["description"]
    assert found.labels.items() >= {"owner": "a", "sloth_id": "shop-requests"}.items()
    assert "no data" in found.annotations["title"]
