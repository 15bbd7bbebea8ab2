"""Latency targets for the probe, read from specs."""

from pathlib import Path

from slos.schema.contract import Stage
from slos.schema.loader import find_targets, parse_specs
from slos.schema.problem import Problem
from slos.schema.units import Duration
from tests.schema.specs import build_slo, build_spec, dump_yaml

AGENT_SRE = Path(__file__).parents[2] / "slos" / "agent-sre.yaml"


def parse_targets(data: bytes, file: str) -> tuple[dict[Stage, Duration], list[Problem]]:
    specs, problems = parse_specs(data, file)
    return find_targets(specs), problems


def build_stage_slo(name: str, stage: str, below: str) -> dict[str, object]:
    return build_slo(name=name, sli={"probe": {"stage": stage, "below": below}})


def test_the_committed_spec_holds_the_six_targets_of_val_008() -> None:
    targets, problems = parse_targets(AGENT_SRE.read_bytes(), "agent-sre.yaml")
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
    data = dump_yaml(
        build_spec(
            build_stage_slo("a", "verification", "5m"),
            build_stage_slo("b", "verification", "30s"),
            build_stage_slo("c", "verification", "1m"),
        )
    )
    assert parse_targets(data, "a.yaml") == (
        {Stage.VERIFICATION: Duration.from_parts(seconds=30)},
        [],
    )


def test_other_sli_types_set_no_target() -> None:
    verdict = build_slo(name="b", sli={"probe": {"verdict": "ok"}})
    assert parse_targets(dump_yaml(build_spec(build_slo(), verdict)), "a.yaml") == ({}, [])


def test_problems_of_the_spec_are_passed_on() -> None:
    targets, problems = parse_targets(dump_yaml(build_spec(build_slo(objective=0))), "a.yaml")
    assert targets == {}
    assert len(problems) == 1
