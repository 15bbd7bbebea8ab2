"""Runbook texts exist for every verdict, stage, check and canary call."""

import re

from exporter.model.verdict import Reason
from generator.outputs.runbooks import catalogue
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict


def test_what_is_known_of_every_verdict_stage_check_and_call_is_complete() -> None:
    assert set(catalogue.VERDICT_TEXTS) == set(Verdict) - {Verdict.OK}
    assert set(catalogue.STAGE_TEXTS) == set(catalogue.INNER_STAGES) == set(Stage)
    assert set(catalogue.CRITERION_TEXTS) == set(Criterion)
    assert set(catalogue.OUTCOME_TEXTS) == set(CanaryOutcome)
    reasons = {each.value for each in Reason} - {Reason.EXECUTED_ONCE.value}
    named = set(re.findall(r"`(\w+)`", " ".join(catalogue.VERDICT_TEXTS.values())))
    assert reasons <= named
