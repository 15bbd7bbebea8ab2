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

BASE = """\
target: {url: http://agent-sre.ai.svc.cluster.local/}
probes: {remediation: {late_after: 60s}}
"""


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
