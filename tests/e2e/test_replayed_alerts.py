"""Episodes of replayed alerts against those that promtool sees."""

from pathlib import Path

import pytest

from generator.model import AlertingRule, RecordingRule, RuleGroup
from slos.schema.units import Duration
from tests.e2e.replay.evaluation import find_episodes
from tests.e2e.replay.history import History
from tests.generator.promtool import check_rules_on_series

MINUTE = Duration.from_parts(minutes=1)
# One value a minute; the series ends at `-`.
COURSES = {
    "pending": "0000110000111100000",
    "kept": "000111101100000000",
    "ends": "00011111----1111100",
    "returns": "11111000000001111",
}


def build_rules(expr: str, keep: str) -> tuple[RecordingRule, AlertingRule]:
    record = RecordingRule("twice", "2 * raw", {})
    waits = (Duration.from_parts(minutes=2), Duration.parse(keep))
    return record, AlertingRule("Raised", expr, {"severity": "warning"}, {}, *waits)


@pytest.mark.parametrize("keep", ["3m", "2m30s"])
@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
def test_an_alert_fires_at_the_minutes_at_which_promtool_sees_it(
    course: str, keep: str, tmp_path: Path
) -> None:
    record, alert = build_rules("twice > 1", keep)
    history = History(["raw"])
    for minute, value in enumerate(course):
        if value == "-":
            history.end_series(2 * minute, ("of", "test"))
        else:
            history.set_value(2 * minute, "raw", {"of": "test"}, float(value))
    group = RuleGroup("raised", MINUTE, (record, alert))
    episodes = find_episodes([group], history, tmp_path, minutes=range(len(course)))
    firing = {
        minute
        for each in episodes
        for minute in range(len(course))
        if each.start <= minute < (each.end or len(course))
    }
    rules = [
        {"record": record.record, "expr": record.expr},
        {"alert": "Raised", "expr": alert.expr, "for": "2m", "keep_firing_for": keep},
    ]
    (tmp_path / "rules.yaml").write_text(str({"groups": [{"name": "raised", "rules": rules}]}))
    values = " ".join("stale" if value == "-" else value for value in course)
    checks = [
        {
            "expr": 'count(ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": 1}] if minute in firing else [],
        }
        for minute in range(len(course))
    ]
    series = [{"series": 'raw{of="test"}', "values": values}]
    assert firing
    check_rules_on_series(tmp_path, series, checks, interval="1m")
