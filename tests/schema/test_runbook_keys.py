"""Keys of `runbook`."""

from slos.schema.runbook import Runbook, RunbookStep


def test_what_is_said_of_one_alert_stands_for_what_is_said_of_all() -> None:
    common = Runbook(impact="all", mitigation=[RunbookStep(say="wait")])
    merged = Runbook(impact="one").merge_defaults(common)
    assert merged.impact == "one"
    assert merged.mitigation == common.mitigation
    assert Runbook(mitigation=[]).merge_defaults(common).mitigation == []
