"""States of a prober for its front page: empty, healthy, failures, hostile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.config.web import PageLinks, WebConfig
from exporter.leakdetection.detector import LeakFinding, Measurement
from exporter.leakdetection.explanation import LeakJudgement, explain_findings
from exporter.leakdetection.policy import LeakReason, LeakSignal, PolicyName, SignalUnit
from exporter.leakdetection.statistics import GrowthCause, Trend
from exporter.loadtest.result import (
    InvalidReason,
    Measure,
    Refusal,
    ScenarioResult,
    ScenarioState,
)
from exporter.loadtest.stop import StopReason
from exporter.metrics.checks import CheckSettings
from exporter.model.bounds import Bounds
from exporter.model.run import Leftover, Run
from exporter.model.stages import StageTimes
from exporter.model.verdict import Reason
from exporter.reload import ReloadOutcome
from exporter.status import Status, create_status
from exporter.web.pages import WebPages
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Criterion, LeakVerdict, LeftoverKind, Stage, StageSource, Verdict
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock
from tests.exporter.in_process_prober import PROBE_PATHS

NOW = 1_700_000_000.0
HOSTILE = '<script>alert("1")</script>"><img src=x onerror=alert(1)> {{ 7 * 7 }} ' + "w" * 200
LINKS = PageLinks(
    tempo="https://grafana.example/explore/trace/{trace_id}?ds=tempo",
    linear="https://linear.example/search?q={id}",
    slos="https://slos.example/",
)
_EXACTLY = Bounds.exactly
TIMES: StageTimes = {
    Stage.CLOUDEVENT_PROCESSING: {StageSource.REPLY: _EXACTLY(0.02)},
    Stage.LINEAR_ISSUE_CREATION: {StageSource.LINEAR: Bounds(0.0, 0.9)},
    Stage.REMEDIATION_SELECTION: {
        StageSource.CANARY: _EXACTLY(0.31),
        StageSource.TEMPO: _EXACTLY(0.12),
    },
    Stage.LAMBDA_EXECUTION: {StageSource.CANARY: Bounds(0.2, 0.25)},
    Stage.VERIFICATION: {StageSource.TEMPO: _EXACTLY(0.3)},
    Stage.END_TO_END: {StageSource.CANARY: _EXACTLY(0.55)},
}
SLOW: StageTimes = {**TIMES, Stage.END_TO_END: {StageSource.CANARY: _EXACTLY(2.4)}}


@dataclass
class FakeScenarios:
    """Control of scenarios that has results."""

    latest: Mapping[str, ScenarioResult | None] = field(default_factory=dict)

    async def start(
        self, name: str, *, compress: float = 1.0, resume: bool = False
    ) -> ScenarioResult | Refusal:
        raise NotImplementedError

    def stop(self, reason: StopReason) -> bool:
        raise NotImplementedError

    def build_document(self, run_id: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def build_engine_document(self, run: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def has_document(self, run_id: str) -> bool:
        return run_id == "last"

    def list_latest(self) -> Mapping[str, ScenarioResult | None]:
        return self.latest

    def to_json(self) -> dict[str, Any]:
        return {}


@dataclass
class FrontPageState:
    """A site with a state; it leads unless told otherwise."""

    links: PageLinks = field(default_factory=PageLinks)
    clock: FakeClock = field(default_factory=lambda: FakeClock(wall=NOW))
    scenarios: FakeScenarios = field(default_factory=FakeScenarios)
    status: Status = field(init=False)
    site: WebPages = field(init=False)

    def __post_init__(self) -> None:
        self.status = create_status(
            self.clock,
            heartbeat_interval=1.0,
            probe_paths=PROBE_PATHS,
            targets={Stage.END_TO_END: Duration(1000), Stage.LINEAR_ISSUE_CREATION: Duration(500)},
            checks=CheckSettings(),
        )
        self.site = WebPages(self.status, WebConfig(links=self.links))

    def lead(self) -> None:
        self.site.start_leading(reload=_reload_nothing, load_controller=self.scenarios)
        self.site.set_ready(ready=True)

    def add_run(self, run: Run) -> None:
        self.status.history.add(run)
        self.status.history.count(run)


async def _reload_nothing() -> ReloadOutcome:
    raise NotImplementedError


def build_run(  # noqa: PLR0913 - what tests vary
    number: int,
    *,
    ago: float,
    reason: Reason = Reason.EXECUTED_ONCE,
    verdict: Verdict = Verdict.OK,
    times: StageTimes = TIMES,
    probe: str = "remediation",
    path: str = "direct",
) -> Run:
    return Run(
        probe,
        path,
        f"slo-probe-{number:04}",
        verdict,
        reason,
        times,
        NOW - ago,
        trace_id=f"{number:032x}",
        leftovers=(Leftover(LeftoverKind.LINEAR_ISSUE, f"issue-{number}"),),
    )


def build_finding(
    verdict: LeakVerdict = LeakVerdict.LEAK,
    reason: LeakReason = LeakReason.ALL_CRITERIA_MET,
    *,
    signal: LeakSignal = LeakSignal.WORKING_SET,
    replica: str = "agent-sre-0",
    has_measurement: bool = True,
) -> LeakFinding:
    measurement = Measurement(
        PolicyName.SLOW,
        Trend(4.2e6, 3.1e6, 5.5e6, p=1e-7, n=40)
        if signal.unit is SignalUnit.BYTES
        else Trend(1.5, 0.4, 2.25, p=1e-7, n=40),
        p=0.0004,
        relative=0.012,
        per_event=812.0 if signal.unit is SignalUnit.BYTES else 0.002,
        growth=GrowthCause.PER_EVENT if verdict > LeakVerdict.PASS else None,
    )
    return LeakFinding(
        signal,
        replica,
        NOW - 90_000,
        90_000,
        current=True,
        verdict=verdict,
        reason=reason,
        measurement=measurement if has_measurement else None,
    )


def build_empty() -> FrontPageState:
    """A prober that has just begun to lead."""
    state = FrontPageState()
    state.lead()
    return state


def build_healthy() -> FrontPageState:
    """A prober without any failure."""
    state = FrontPageState(LINKS)
    for number in range(120):
        state.add_run(build_run(number, ago=(120 - number) * 30))
        state.add_run(
            build_run(1000 + number, ago=(120 - number) * 30, probe="resolved", times=SLOW)
        )
    state.scenarios.latest = {
        "baseline": ScenarioResult(
            "last",
            "baseline",
            ScenarioState.COMPLETED,
            NOW - 900,
            NOW - 600,
            events=300,
            measures=(Measure("end_to_end", 0.61, 1.0, low=0.58, high=0.66, at_most=True),),
        ),
        "stress": None,
    }
    passing = build_finding(LeakVerdict.PASS, LeakReason.NO_TREND)
    state.status.state.leaks["target"] = LeakJudgement(NOW - 60, explain_findings([passing]))
    state.lead()
    return state


def build_failing() -> FrontPageState:
    """A prober with failures of all kinds, a leak and scenarios with each verdict."""
    state = FrontPageState(LINKS)
    failures = {
        Verdict.LOST: (Reason.NEVER_EXECUTED, {}),
        Verdict.LATE: (Reason.EXECUTED_LATE, SLOW),
        Verdict.UNKNOWN: (Reason.PROBER_RESTARTED, {}),
        Verdict.REJECTED: (Reason.SERVER_ERROR, {}),
    }
    for number in range(40):
        state.add_run(build_run(number, ago=(50 - number) * 60))
    for number, (verdict, (reason, times)) in enumerate(failures.items()):
        ago = (8 - 2 * number) * 60
        state.add_run(build_run(100 + number, ago=ago, verdict=verdict, reason=reason, times=times))
    results = (
        ScenarioResult(
            "last",
            "throughput",
            ScenarioState.COMPLETED,
            NOW - 4000,
            NOW - 3600,
            events=12_345,
            measures=(
                Measure("cloudevent_processing", 120.0, 100.0, exclusive=True),
                Measure("lambda_execution", 12.0, 20.0, low=10.5, high=13.0, exclusive=True),
            ),
        ),
        ScenarioResult(
            "a",
            "stress",
            ScenarioState.INVALID,
            NOW - 9000,
            NOW - 8000,
            events=500,
            invalid=(InvalidReason("send_lag", 0.2, 0.01, "events were sent 0.2 s late"),),
        ),
        ScenarioResult(
            "b",
            "sustained",
            ScenarioState.STOPPED,
            NOW - 99_000,
            NOW - 98_000,
            reason=StopReason.NORMAL_FAILURES,
        ),
        ScenarioResult("c", "concurrent", ScenarioState.RUNNING, NOW - 30),
    )
    state.scenarios.latest = {result.scenario: result for result in results}
    findings = [
        build_finding(),
        build_finding(LeakVerdict.SUSPECT, LeakReason.SLOWED_DOWN, signal=LeakSignal.OPEN_FILES),
        build_finding(
            LeakVerdict.INSUFFICIENT,
            LeakReason.WARMING_UP,
            signal=LeakSignal.THREADS,
            has_measurement=False,
        ),
    ]
    state.status.state.leaks["target"] = LeakJudgement(
        NOW - 300, explain_findings(findings), "not observed: rss"
    )
    state.status.metrics.checks.configure(
        CheckSettings(
            accepted=(
                AcceptedCriterion.model_validate(
                    {
                        "criterion": "security.containment",
                        "reason": "agent-sre 0.5.15 runs any function that an alert names",
                        "until": "2027-03-31",
                    }
                ),
            ),
        ),
        set(),
    )
    state.status.metrics.checks.not_configured.add(Criterion.RATE_LIMITING)
    state.lead()
    return state


def build_hostile() -> FrontPageState:
    """A prober whose texts are markup, and too long."""
    state = FrontPageState(LINKS)
    run = build_run(1, ago=5, verdict=Verdict.CORRUPTED, reason=Reason.FOREIGN_ID)
    run = Run(HOSTILE, HOSTILE, HOSTILE, run.verdict, run.reason, TIMES, NOW, trace_id=HOSTILE)
    state.add_run(run)
    leak = explain_findings([build_finding(replica=HOSTILE)])
    state.status.state.leaks[HOSTILE] = LeakJudgement(NOW, leak, HOSTILE)
    state.scenarios.latest = {
        HOSTILE: ScenarioResult(
            "last",
            HOSTILE,
            ScenarioState.COMPLETED,
            NOW - 9,
            NOW,
            measures=(Measure(HOSTILE, 1.0, 2.0),),
        )
    }
    state.lead()
    return state


STATES: Mapping[str, Callable[[], FrontPageState]] = {
    "empty": build_empty,
    "healthy": build_healthy,
    "failing": build_failing,
    "hostile": build_hostile,
}
