"""What a spec may say for the page of an alert, and what it may not."""

from slos.schema.runbook import Runbook, Step


def test_what_is_said_of_one_alert_stands_for_what_is_said_of_all() -> None:
    common = Runbook(impact="all", mitigation=[Step(say="wait")])
    merged = Runbook(impact="one").over(common)
    assert merged.impact == "one"
    assert merged.mitigation == common.mitigation
    assert Runbook(mitigation=[]).over(common).mitigation == []
