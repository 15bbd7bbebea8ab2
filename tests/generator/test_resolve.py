"""Defaults and precedence: what an SLO comes to when the spec is silent, and when it is not."""

from decimal import Decimal

import pytest

from generator.defaults import Defaults
from generator.model import Firing, Severity
from slos.schema.units import Duration
from tests.generator.resolved import burn_alert, factors, one_slo, resolved
from tests.schema.specs import slo, spec

SEVEN_DAYS = Duration.of(days=7)


def page_of(alerting: dict[str, object], **top: object) -> Firing:
    found = one_slo(top, alerting={"name": "TooSlow", **alerting})
    return burn_alert(found, Severity.PAGE).firing


def test_the_period_is_the_slos_then_the_specs_then_the_runs() -> None:
    defaults = Defaults(period=Duration.of(days=28))
    slos, _ = resolved(spec(slo(period="7d"), slo(name="b"), period="30d"), defaults)
    assert [str(found.period) for found in slos] == ["1w", "30d"]
    (silent,), _ = resolved(spec(), defaults)
    assert str(silent.period) == "4w"
    assert str(one_slo().period) == "30d"


def test_the_scrape_interval_is_the_specs_then_the_runs() -> None:
    assert str(one_slo({"scrape_interval": "15s"}).steps.scrape) == "15s"
    (found,), _ = resolved(spec(), Defaults(scrape_interval=Duration.of(seconds=10)))
    assert str(found.steps.scrape) == "10s"
    assert str(one_slo().steps.scrape) == "30s"


def test_events_are_counted_every_minute_and_every_ten() -> None:
    steps = one_slo().steps
    assert (str(steps.fine), str(steps.coarse)) == ("1m", "10m")
    assert Duration.of(minutes=2) <= steps.slow <= Duration.of(minutes=4)


@pytest.mark.parametrize("scrape", ["5s", "30s", "1m"])
def test_slow_rules_stay_under_the_lookback_of_five_minutes(scrape: str) -> None:
    assert one_slo({"scrape_interval": scrape}).steps.slow < Duration.of(minutes=5)


def test_a_fine_step_is_never_shorter_than_a_scrape() -> None:
    alerting = {"name": "X", "threshold_alerts": [{"name": "T", "above": "5%", "over": "1m"}]}
    steps = one_slo({"scrape_interval": "30s"}, alerting=alerting).steps
    assert steps.fine == steps.scrape
    faster = one_slo({"scrape_interval": "5s"}, alerting=alerting).steps
    assert str(faster.fine) == "12s"


def test_an_slos_label_wins_over_the_specs() -> None:
    found = one_slo({"labels": {"a": "spec", "b": "spec"}}, labels={"b": "slo", "c": "slo"})
    assert found.labels == {"a": "spec", "b": "slo", "c": "slo"}


def test_alert_labels_go_from_default_over_alerting_to_the_alert() -> None:
    assert page_of({}).labels == {"sloth_severity": "page", "severity": "critical"}
    labels = {"severity": "alerting", "team": "alerting"}
    firing = page_of({"labels": labels, "page_alert": {"labels": {"team": "page"}}})
    assert firing.labels == {"sloth_severity": "page", "severity": "alerting", "team": "page"}


def test_alert_annotations_go_from_default_over_alerting_to_the_alert() -> None:
    assert {"title", "summary", "description"} <= set(page_of({}).annotations)
    annotations = {"summary": "alerting", "dashboard": "alerting"}
    firing = page_of(
        {"annotations": annotations, "page_alert": {"annotations": {"dashboard": "page"}}}
    )
    assert firing.annotations["summary"] == "alerting"
    assert firing.annotations["dashboard"] == "page"
    assert "title" in firing.annotations


def test_a_label_of_one_alert_does_not_reach_the_other() -> None:
    found = one_slo(alerting={"name": "X", "page_alert": {"labels": {"only": "page"}}})
    assert "only" not in burn_alert(found, Severity.TICKET).firing.labels


def test_page_ticket_and_no_data_alerts_have_names_and_severities_of_their_own() -> None:
    found = one_slo(alerting={"name": "TooSlow"})
    page, ticket = (burn_alert(found, severity).firing for severity in Severity)
    assert found.absent_alert is not None
    assert (page.labels["severity"], ticket.labels["severity"]) == ("critical", "warning")
    assert (page.labels["sloth_severity"], ticket.labels["sloth_severity"]) == ("page", "ticket")
    assert len({page.name, ticket.name, found.absent_alert.name}) == 3
    assert page.name == "TooSlow"


def test_a_runbook_is_linked_only_when_the_spec_says_where_runbooks_are() -> None:
    assert "runbook_url" not in page_of({}).annotations
    for prefix in ("https://runbooks.example/a", "https://runbooks.example/a/"):
        url = page_of({}, runbook_url_prefix=prefix).annotations["runbook_url"]
        assert url == "https://runbooks.example/a/too-slow.md"


def test_a_runbook_of_the_alerts_own_wins() -> None:
    own = {"annotations": {"runbook_url": "https://own.example"}}
    firing = page_of({"page_alert": own}, runbook_url_prefix="https://runbooks.example")
    assert firing.annotations["runbook_url"] == "https://own.example"


def test_alerts_can_be_switched_off_one_by_one() -> None:
    off = {"disable": True}
    found = one_slo(alerting={"name": "X", "page_alert": off})
    assert [each.severity for each in found.burn_alerts] == [Severity.TICKET]
    found = one_slo(alerting={"name": "X", "ticket_alert": off, "absent_alert": off})
    assert [each.severity for each in found.burn_alerts] == [Severity.PAGE]
    assert found.absent_alert is None


def test_timing_is_the_alerts_own_and_absent_by_default() -> None:
    firing = page_of({})
    assert (firing.for_, firing.keep_firing_for, firing.min_events) == (None, None, None)
    timing = {"for": "2m", "keep_firing_for": "10m", "min_events": 20}
    firing = page_of({"page_alert": timing})
    assert (str(firing.for_), str(firing.keep_firing_for)) == ("2m", "10m")
    assert firing.min_events == 20


def test_the_no_data_alert_waits_a_sane_while_unless_told_otherwise() -> None:
    waits = one_slo().absent_alert
    assert waits is not None
    assert waits.for_ is not None
    assert Duration.of(minutes=5) <= waits.for_ <= Duration.of(hours=1)
    told = one_slo(alerting={"name": "X", "absent_alert": {"for": "1h"}}).absent_alert
    assert told is not None
    assert str(told.for_) == "1h"


def test_a_threshold_alert_keeps_its_words_and_figures() -> None:
    alert = {"name": "T", "above": "5%", "over": "5m", "min_events": 3, "labels": {"severity": "x"}}
    (found,) = one_slo(alerting={"name": "X", "threshold_alerts": [alert]}).threshold_alerts
    assert found.above == Decimal("0.05")
    assert str(found.over) == "5m"
    assert (found.firing.name, found.firing.min_events) == ("T", 3)
    assert found.firing.labels["severity"] == "x"
    assert "5 %" in found.firing.annotations["summary"]


def test_own_windows_replace_all_four() -> None:
    speed = {
        "quick": {"error_budget_percent": 1, "short_window": "10s", "long_window": "1m"},
        "slow": {"error_budget_percent": 50, "short_window": "20s", "long_window": "2m"},
    }
    windows = {"page": speed, "ticket": speed}
    found = one_slo({"period": "1h"}, alerting={"name": "X", "windows": windows})
    assert [str(window) for window in found.windows] == ["10s", "20s", "1m", "2m"]
    assert factors(found) == [Decimal("0.6"), 15, Decimal("0.6"), 15]


def test_the_period_of_the_windows_is_the_slos_own() -> None:
    seven = one_slo(period="7d", objective=95)
    assert seven.period == SEVEN_DAYS
    assert factors(seven) == [Decimal(each) for each in ("13.44", "3.5", "1.4", "0.98")]


def test_slow_rules_stay_within_the_lookback_at_slow_scrapes() -> None:
    assert str(one_slo({"scrape_interval": "2m"}).steps.slow) == "4m"


@pytest.mark.parametrize("period", ["1h", "6h", "1d"])
def test_short_periods_keep_the_burn_rates_of_the_workbook(period: str) -> None:
    assert factors(one_slo(period=period)) == [Decimal("14.4"), 6, 3, 1]
