"""Every verdict, told by the real probe about the real simulator, each in its own process."""

from collections.abc import Callable

import pytest
import requests

from exporter.live.processes import Child, announced
from tests.e2e.conftest import BIN, Loop

MakeLoop = Callable[..., Loop]
UNKNOWN = 'probe_runs_total{path="direct",probe="remediation",verdict="unknown"}'


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


def test_a_healthy_run_has_a_time_for_every_stage_the_probe_can_see(loop: MakeLoop) -> None:
    _, result = loop("none").once()
    assert set(result) == {"probe", "path", "id", "verdict", "reason", "stages", "sources"}
    assert set(result["stages"]) == {
        "cloudevent_processing",
        "remediation_selection",
        "lambda_execution",
        "end_to_end",
    }
    assert all(0 < seconds < 1 for seconds in result["stages"].values())


@pytest.mark.parametrize("stage", ["remediation_selection", "lambda_execution"])
def test_a_slow_stage_is_seen_in_that_stage(loop: MakeLoop, stage: str) -> None:
    _, result = loop(f"slow:{stage}:0.5").once()
    other = {"remediation_selection", "lambda_execution"} - {stage}
    assert 0.5 <= result["stages"][stage] < 0.9
    assert result["stages"][other.pop()] < 0.3
    assert result["stages"]["end_to_end"] >= 0.5


def test_nobody_listening_is_unreachable(loop: MakeLoop) -> None:
    made = loop("none")
    deaf = Loop(made.folder, "http://127.0.0.1:9", made.canary, made.start)
    exit_code, result = deaf.once()
    assert (exit_code, result["verdict"], result["stages"]) == (1, "unreachable", {})


def test_a_run_whose_prober_was_killed_is_unknown_and_counted_once(loop: MakeLoop) -> None:
    made = loop("hang")
    config = made.config(interval="9s", timeout="8s", late_after="5s")
    first = made.start("prober-1", BIN / "slo-probe", "run", "--config", config)
    web = announced(first, "web listening on ")
    first.wait_for(lambda: _sample(web, "in_flight") == 1, within=90)
    first.process.kill()
    first.process.wait()

    requests.post(f"{made.agent}/fault", data="none", timeout=5)
    for name, counted in (("prober-2", 1), ("prober-3", 0)):
        again = made.start(name, BIN / "slo-probe", "run", "--config", config)
        web = announced(again, "web listening on ")
        # Prometheus must see the counter at zero, or it could not see it rise.
        assert [_sample(web, UNKNOWN) for _ in range(3)] == [0, counted, counted]
        again.stop()
        assert again.process.returncode == 0


def _sample(web: str, name: str) -> float | None:
    """The value of the first sample that starts with a name, less the prefix."""
    for line in requests.get(f"{web}/metrics", timeout=5).text.splitlines():
        if line.startswith(f"agent_sre_validation_{name}"):
            return float(line.rpartition(" ")[2])
    return None


def test_a_killed_prober_leaves_a_journal_that_others_can_read(loop: MakeLoop) -> None:
    made = loop("none")
    assert made.once()[1]["verdict"] == "ok"
    child: Child = made.start("prober", BIN / "slo-probe", "run", "--config", made.config())
    web = announced(child, "web listening on ")
    runs = requests.get(f"{web}/runs", timeout=5).json()
    assert [run["verdict"] for run in runs][-1] == "ok"
