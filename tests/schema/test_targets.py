"""Latency targets for the probe, read from specs."""

from pathlib import Path

from slos.schema.contract import Stage
from slos.schema.loader import load_targets
from slos.schema.units import Duration
from tests.schema.specs import as_yaml, slo, spec

AGENT_SRE = Path(__file__).parents[2] / "slos" / "agent-sre.yaml"


def stage_slo(name: str, stage: str, below: str) -> dict[str, object]:
    return slo(name=name, sli={"probe": {"stage": stage, "below": below}})


def test_the_committed_spec_holds_the_six_targets_of_val_008() -> None:
    targets, problems = load_targets(AGENT_SRE.read_bytes(), "agent-sre.yaml")
    assert not problems
    assert {stage.value: str(below) for stage, below in targets.items()} == {
        "cloudevent_processing": "5s",
        "linear_issue_creation": "10s",
        "remediation_selection": "10s",
        "lambda_execution": "30s",
        "verification": "5m",
        "end_to_end": "1m",
    }


def test_the_strictest_of_several_targets_for_a_stage_counts() -> None:
    data = as_yaml(
        spec(
            stage_slo("a", "verification", "5m"),
            stage_slo("b", "verification", "30s"),
            stage_slo("c", "verification", "1m"),
        )
    )
    assert load_targets(data, "a.yaml") == ({Stage.VERIFICATION: Duration.of(seconds=30)}, [])


def test_other_sli_types_set_no_target() -> None:
    verdict = slo(name="b", sli={"probe": {"verdict": "ok"}})
    assert load_targets(as_yaml(spec(slo(), verdict)), "a.yaml") == ({}, [])


def test_problems_of_the_spec_are_passed_on() -> None:
    targets, problems = load_targets(as_yaml(spec(slo(objective=0))), "a.yaml")
    assert targets == {}
    assert len(problems) == 1
