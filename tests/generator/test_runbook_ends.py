"""The end of an alert that its runbook page states, compared with promtool's evaluation."""

import re
from pathlib import Path
from typing import Any

import pytest

from generator import names
from generator.pipeline import BuildSettings, render_folder
from slos.schema.units import Duration
from tests.generator.promtool import PromtoolEvaluation
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import EVENTS, build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

_HOUR = 60
_BAD = 2 * _HOUR
_GOOD = 8 * _HOUR
_SCRAPES_IN_MINUTE = 2


def read_stated_end(document: object, alert: str) -> int:
    """Minutes after the trouble until the alert has ended, as its page states them."""
    artifacts = render_folder(build_plans(document).plans, "runbooks", BuildSettings())
    (text,) = [each.text for each in artifacts if str(each.path) == names.name_runbook_page(alert)]
    (length,) = re.findall(r"\*\*Ends\*\* at most (\w+) after", text)
    return int(Duration.parse(length).seconds / 60)


def check_end(
    document: object, alert: str, series: dict[str, str], folder: Path, *, late: int = 5
) -> None:
    """The alert fires until `late` minutes before its stated end at least, and not at its end.

    Evaluations, steps and the rounding of the page make the stated end later than the true one.
    """
    end = _BAD + read_stated_end(document, alert)
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    evaluation = PromtoolEvaluation(document, series)
    evaluation.expect_value(f"{end - late}m", firing, 1)
    evaluation.expect_nothing(f"{end}m", firing)
    evaluation.run_promtool(folder)


def count_events(minutes: int) -> str:
    """Samples of a counter of one event in each scrape, and of one that stands still after it."""
    scrapes = minutes * _SCRAPES_IN_MINUTE
    return f"0+1x{scrapes} {scrapes}x{_GOOD * _SCRAPES_IN_MINUTE}"


BAD_THEN_GOOD = {
    'http_requests_total{code="500"}': count_events(_BAD),
    'http_requests_total{code="200"}': f"0x{_BAD * 2} 1+1x{_GOOD * 2}",
}


@pytest.mark.parametrize(
    ("alert", "alerting", "late"),
    [
        ("TooManyErrors", {}, 5),
        ("TooManyErrors", {"page_alert": {"keep_firing_for": "20m", "for": "5m"}}, 5),
        ("TooManyErrorsTicket", {}, 10),
        ("High", {"threshold_alerts": [{"name": "High", "above": "1%", "over": "1h"}]}, 5),
        ("High", {"threshold_alerts": [{"name": "High", "above": "1%", "over": "7h"}]}, 25),
    ],
)
def test_an_alert_ends_when_its_page_says(
    tmp_path: Path, alert: str, alerting: dict[str, Any], late: int
) -> None:
    slo = build_slo(alerting={"name": "TooManyErrors", **alerting})
    check_end(build_spec(slo, period="30d"), alert, BAD_THEN_GOOD, tmp_path, late=late)


def test_an_alert_ends_when_its_page_says_without_any_more_events(tmp_path: Path) -> None:
    bad = {'http_requests_total{code="500"}': count_events(_BAD)}
    check_end(build_spec(period="30d"), "TooManyErrors", bad, tmp_path)


def test_a_delay_of_the_samples_delays_the_end(tmp_path: Path) -> None:
    check_end(build_spec(delay="10m"), "TooManyErrors", BAD_THEN_GOOD, tmp_path)


def test_an_alert_on_missing_data_ends_when_its_page_says(tmp_path: Path) -> None:
    alerting = {"name": "Errors", "absent_alert": {"keep_firing_for": "30m"}}
    document = build_spec(build_slo(sli=EVENTS, alerting=alerting))
    series = {'http_requests_total{code="200"}': f"_x{_BAD * 2} 1+1x{_GOOD * 2}"}
    check_end(document, "ErrorsNoData", series, tmp_path)


def test_a_value_over_a_range_covers_the_ranges_of_the_series_that_it_reads() -> None:
    recording = {"record": "busy", "description": "d", "example": [{"series": "a", "is": 1}]}
    document = build_spec(
        recordings=[{**recording, "query": "max(rate(a[5m]))"}],
        alerts=[build_alert(name="Busy", query="max_over_time(busy[10m])")],
    )
    plans = build_plans(document)
    assert not plans.has_errors, plans.problems
    artifacts = render_folder(plans.plans, "runbooks", BuildSettings())
    (text,) = [each.text for each in artifacts if str(each.path) == "busy.md"]
    assert "The value covers the last 15m," in text
