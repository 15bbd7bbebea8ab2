"""How pages tell causes apart: by verdict, stage, check or call, whatever the alert counts."""

import re

from exporter.judge import Reason
from generator.runbooks import criteria, outcomes, stages, verdicts
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict
from tests.generator.markdown_page import read
from tests.generator.test_runbook_texts import pages
from tests.schema.specs import slo, spec
from tests.schema.test_plain_alerts import alert

PROBE = {"sli": {"probe": {"verdict": ["ok", "late"]}}, "objective": 99.5}


def test_verdicts_that_burn_the_budget_are_told_apart_and_the_others_named() -> None:
    text = pages(spec(slo(**PROBE)))["too-many-errors.md"]
    for verdict in Verdict:
        counted = verdict not in (Verdict.OK, Verdict.LATE, Verdict.UNKNOWN)
        assert (f"\n- `{verdict}`: " in text) is counted
    assert "Not counted by this alert: `late`, `unknown`." in text
    assert 'verdict=~"lost|duplicated|corrupted|rejected|unreachable|timeout"' in text


def test_a_plain_alert_below_a_threshold_is_about_the_verdicts_that_are_missing() -> None:
    query = 'sum(increase(agent_sre_validation_probe_runs_total{probe="a",verdict=~"ok|late"}[1h]))'
    text = pages(spec(alerts=[alert(query=query, example=[])]))["down.md"]
    assert '{probe="a",verdict=~"lost|' in text
    assert "\n- `ok`" not in text
    assert "\n- `late`" not in text
    causes = [{"when": "Always.", "say": "It is so."}]
    own = alert(query=query, example=[], runbook={"causes": causes})
    assert "\n- `lost`" not in pages(spec(alerts=[own]))["down.md"]


def test_a_slow_stage_is_told_apart_by_the_stages_it_holds() -> None:
    sli = {"probe": {"stage": "end_to_end", "below": "1m"}}
    text = pages(spec(slo(sli=sli)))["too-many-errors.md"]
    for stage in Stage:
        assert (f"\n- `{stage}`: " in text) is (stage is not Stage.VERIFICATION)
    sli = {"probe": {"stage": "lambda_execution", "below": "1m"}}
    text = pages(spec(slo(sli=sli)))["too-many-errors.md"]
    assert text.count("\n- `") == 1


def test_failed_checks_are_told_apart_by_criterion() -> None:
    text = pages(spec(slo(sli={"probe": {"criterion": "all"}})))["too-many-errors.md"]
    assert all(f"\n- `{each}`: " in text for each in Criterion)
    few = pages(spec(slo(sli={"probe": {"criterion": "AC4.no_race"}})))["too-many-errors.md"]
    assert few.count("\n- `") == 1
    assert 'criterion=~"AC4[.]no_race"' in few


def test_what_is_known_of_every_verdict_stage_check_and_call_is_complete() -> None:
    assert set(verdicts.SAYS) == set(Verdict) - {Verdict.OK}
    assert set(stages.SAYS) == set(stages.WITHIN) == set(Stage)
    assert set(criteria.SAYS) == set(Criterion)
    assert set(outcomes.SAYS) == set(CanaryOutcome)
    reasons = {each.value for each in Reason} - {Reason.EXECUTED_ONCE.value}
    named = set(re.findall(r"`(\w+)`", " ".join(verdicts.SAYS.values())))
    assert reasons <= named


def test_what_is_known_of_a_verdict_stands_beside_it() -> None:
    hint = {"say": "Look at the loop.", "run": "kubectl top pod"}
    text = pages(spec(slo(**PROBE), runbook={"verdicts": {"lost": hint}}))["too-many-errors.md"]
    (line,) = [line for line in text.split("\n") if line.startswith("- `lost`: ")]
    assert line.endswith(" Look at the loop.")
    assert "kubectl top pod" in read(text).code("sh")


def test_calls_of_the_canary_are_told_apart_by_outcome() -> None:
    counted = "sum(rate(agent_sre_validation_canary_requests_total%s[{{.window}}]))"
    events = {"error_query": counted % '{outcome="after_verdict"}', "total_query": counted % ""}
    text = pages(spec(slo(sli={"events": events})))["too-many-errors.md"]
    assert all(f"\n- `{outcome}`: " in text for outcome in CanaryOutcome)


def test_data_of_others_is_told_apart_as_any_service_is() -> None:
    text = pages(spec())["too-many-errors.md"]
    assert "**All events are bad.**" in text
    assert "slo-probe" not in text


def test_causes_are_looked_for_as_far_back_as_the_alert_looks() -> None:
    high = {"name": "High", "above": "5%", "over": "3h"}
    name = {"name": "TooManyErrors", "threshold_alerts": [high]}
    found = pages(spec(slo(**PROBE, alerting=name), period="30d"))
    for file, window in (
        ("too-many-errors", "1h"),
        ("too-many-errors-ticket", "1d"),
        ("high", "3h"),
    ):
        (query,) = [each for each in read(found[f"{file}.md"]).queries if "(probe, path" in each]
        assert f"[{window}])" in query
    query = 'sum(increase(agent_sre_validation_probe_runs_total{verdict="lost"}[%s]))'
    for reach, window in (("8h", "8h"), ("5m", "30m")):
        one = alert(query=query % reach, below=None, above=0, quiet=0, firing=1, example=[])
        assert f'verdict=~"lost"}}[{window}])' in pages(spec(alerts=[one]))["down.md"]


def test_a_stage_is_shown_by_who_saw_it() -> None:
    sli = {"probe": {"stage": "remediation_selection", "below": "10s"}}
    text = pages(spec(slo(sli=sli)))["too-many-errors.md"]
    assert "Check the label `source`" in text
    assert "sum by (stage, source, le)" in text
