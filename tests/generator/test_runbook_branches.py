"""Texts of runbook pages about verdicts, stages, checks and calls are complete."""

import re

from exporter.judge import Reason
from generator.runbooks import criteria, outcomes, stages, verdicts
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict


def test_what_is_known_of_every_verdict_stage_check_and_call_is_complete() -> None:
    assert set(verdicts.VERDICT_TEXTS) == set(Verdict) - {Verdict.OK}
    assert set(stages.STAGE_TEXTS) == set(stages.WITHIN) == set(Stage)
    assert set(criteria.CRITERION_TEXTS) == set(Criterion)
    assert set(outcomes.OUTCOME_TEXTS) == set(CanaryOutcome)
    reasons = {each.value for each in Reason} - {Reason.EXECUTED_ONCE.value}
    named = set(re.findall(r"`(\w+)`", " ".join(verdicts.VERDICT_TEXTS.values())))
    assert reasons <= named
