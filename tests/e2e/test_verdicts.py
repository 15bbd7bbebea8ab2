"""Every verdict, told by the real probe about the real simulator, each in its own process."""

from collections.abc import Callable

import pytest

from tests.e2e.conftest import Loop

MakeLoop = Callable[..., Loop]


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("none", "ok"),
        ("lost", "lost"),
        ("duplicated", "duplicated"),
        ("slow:lambda_execution:1.3", "late"),
        ("error", "rejected"),
        ("corrupted", "corrupted"),
        ("down", "unreachable"),
        ("hang", "timeout"),
    ],
)
def test_a_fault_of_the_agent_gets_its_verdict(loop: MakeLoop, fault: str, verdict: str) -> None:
    exit_code, result = loop(fault).once()
    assert result["verdict"] == verdict
    assert (exit_code == 0) == (verdict == "ok")


@pytest.mark.parametrize("stage", ["remediation_selection", "lambda_execution"])
def test_a_slow_stage_is_seen_in_that_stage(loop: MakeLoop, stage: str) -> None:
    _, result = loop(f"slow:{stage}:0.5").once()
    other = {"remediation_selection", "lambda_execution"} - {stage}
    assert 0.5 <= result["stages"][stage] < 0.9
    assert result["stages"][other.pop()] < 0.3
    assert result["stages"]["end_to_end"] >= 0.5
