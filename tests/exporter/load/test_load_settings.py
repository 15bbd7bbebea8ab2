"""What may be configured, what is refused, and what normal probes may suffer."""

from pathlib import Path

import pytest

from exporter.config import load
from exporter.judge import Reason
from exporter.load.brake import Brake, Stop, StoppedError
from exporter.load.config import configured
from exporter.load.normal import NormalRuns
from exporter.result import ProbeResult
from slos.schema.contract import Verdict
from slos.schema.problem import Severity

BASE = """\
target: {url: http://agent-sre.ai.svc.cluster.local/}
probes: {remediation: {late_after: 60s}}
"""
STRESS = "scenarios: {linear: stand-in, stress: {late_after: 60s}}\n"
STAND_IN = "observers: {linear: {url: http://linear.test/graphql, key_env: KEY}}\n"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "lin_api_planted5ecret")


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "probe.yaml"
    file.write_text(BASE + text)
    loaded, found = load(file)
    fatal = [problem for problem in found if problem.severity is Severity.ERROR]
    assert (loaded is None) == bool(fatal)
    return [f"{problem.severity}: {problem.message}" for problem in found]


def test_a_load_at_linear_itself_is_a_warning(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, "scenarios: {stress: {late_after: 60s}}\n")
    assert told.startswith("warning: scenarios.stress will be refused: it sends up to 3,112 events")
    small = "scenarios: {stress: {late_after: 60s, levels: [50], promised: 50, rest: 10s}}\n"
    assert problems(tmp_path, small) == []
    allowed = "scenarios: {real_issues: 4000, stress: {late_after: 60s}}\n"
    assert problems(tmp_path, allowed) == []
    assert problems(tmp_path, STRESS) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "observers: {linear: {key_env: KEY, requests_per_hour: 90000}}\n" + STRESS,
            "linear is said to be stand-in, but observers.linear asks api.linear.app",
        ),
        (STAND_IN + STRESS, "archiving up to 6,224 issues at 600 requests an hour takes too long"),
        (
            "scenarios: {linear: none, max_events: 100, stress: {late_after: 60s}}\n",
            "it sends up to 3,112 events, and max_events is 100",
        ),
        (
            "journal: {keep_runs: 1000}\nscenarios: {linear: none, stress: {late_after: 60s}}\n",
            "the journal keeps 1,000 runs",
        ),
        (
            "scenarios: {linear: none, scalability: {late_after: 60s}}\n",
            "only Prometheus knows how many replicas there are",
        ),
        ("scenarios: {linear: none, stress: {}}\n", "late_after is not set"),
        (
            "scenarios: {linear: none, stress: {late_after: 70s}}\n",
            "late_after 1m10s is not below timeout 1m10s",
        ),
        ("scenarios: {stress: {levels: [50, 100, 200]}}\n", "do not show whether 101 are executed"),
        ("scenarios: {stress: {levels: [50, 20, 150]}}\n", "must rise"),
        ("scenarios: {throughput: {rates: [10, 10]}}\n", "must rise"),
        ("scenarios: {throughput: {rates: [5000]}}\n", "must rise, from 1 to 500"),
        ("scenarios: {throughput: {targets: {verification: 3}}}\n", "no stage with a throughput"),
        ("scenarios: {linear: maybe}\n", "real"),
        ("scenarios: {marathon: {}}\n", "marathon"),
    ],
)
def test_unsafe_scenarios_are_refused(tmp_path: Path, text: str, wrong: str) -> None:
    told = problems(tmp_path, text)
    assert any(wrong in each and each.startswith("error") for each in told), told


def test_nothing_may_be_run_unless_it_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(BASE)
    loaded, _ = load(file)
    assert loaded is not None
    assert configured(loaded.config.scenarios) == {}


def run(verdict: Verdict, at: float = 10.0, probe: str = "remediation") -> ProbeResult:
    return ProbeResult(probe, "direct", "id", verdict, Reason.NEVER_EXECUTED, {}, at)


def normal(brake: Brake, allowed: int = 1) -> NormalRuns:
    return NormalRuns(
        brake, allowed=allowed, since=5.0, measures=lambda each: each.probe == "remediation"
    )


def test_a_load_that_costs_the_normal_probes_too_much_is_stopped() -> None:
    brake = Brake()
    watching = normal(brake)
    watching.hear(run(Verdict.LOST))
    for harmless in (
        run(Verdict.LOST, at=4.0),  # sent before
        run(Verdict.UNKNOWN),  # the prober's own fault
        run(Verdict.LATE),
        run(Verdict.REJECTED, probe="security"),  # an attack
    ):
        watching.hear(harmless)
        brake.check()
    watching.hear(run(Verdict.REJECTED))
    assert brake.reason is Stop.NORMAL_FAILURES
    with pytest.raises(StoppedError):
        brake.check()


def test_whoever_pulls_the_brake_first_says_why() -> None:
    brake = Brake()
    brake.pull(Stop.OPERATOR)
    brake.pull(Stop.SHUTDOWN)
    assert brake.reason is Stop.OPERATOR


def test_what_fails_after_the_load_is_not_its_doing_but_no_recovery_either() -> None:
    brake = Brake()
    watching = normal(brake, allowed=0)
    watching.load_is_over(20.0)
    assert watching.available_after(20.0) is None
    watching.hear(run(Verdict.LOST, at=21.0))
    assert (brake.reason, watching.available_after(20.0)) == (None, False)
    watching.hear(run(Verdict.OK, at=22.0))
    assert watching.available_after(20.0) is True
    watching.hear(run(Verdict.LOST, at=19.0))  # sent before, and known only now
    assert brake.reason is Stop.NORMAL_FAILURES
