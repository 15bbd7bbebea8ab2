"""Texts of runbook pages about verdicts, stages, checks and calls are complete."""

import re

from exporter.judge import Reason
from generator.runbooks import criteria, outcomes, stages, verdicts
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict


def test_what_is_known_of_every_verdict_stage_check_and_call_is_complete() -> None:
    assert set(verdicts.SAYS) == set(Verdict) - {Verdict.OK}
    assert set(stages.SAYS) == set(stages.WITHIN) == set(Stage)
    assert set(criteria.SAYS) == set(Criterion)
    assert set(outcomes.SAYS) == set(CanaryOutcome)
    reasons = {each.value for each in Reason} - {Reason.EXECUTED_ONCE.value}
    named = set(re.findall(r"`(\w+)`", " ".join(verdicts.SAYS.values())))
    assert reasons <= named
