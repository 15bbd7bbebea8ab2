"""Plan of a load for k6: what its script sends, and what its summaries carry. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep
from exporter.model.deadlines import Targets
from exporter.model.engine_event import MAX_STEPS
from slos.schema.contract import Stage

SUMMARY_FORMAT, SUMMARY_VERSION = "slo-probe/k6-summary", 1
_DEFAULT_LATENCY = 5.0
"""Seconds of a reply, where the specs have no target: that of VAL-008."""
_SHORTEST = 1.0
"""Seconds; the shortest duration of an arrival-rate executor."""


class K6PlanError(Exception):
    """Scenario that k6 cannot send; the text holds the reason."""


@dataclass(frozen=True, slots=True)
class K6Plan:
    """Plan of a load.

    Attributes:
        run: run of the engine, eight hex digits.
        scenario: the scenario.
        target: URL of agent-sre.
        timeout: time limit of a request, as k6 writes it.
        runners: number of processes that share the load.
        least: share of the events of a step that must be processed.
        limits: latency target of each stage in seconds.
        steps: steps in order, with `load`, `rate`, `phase`, `start` and `duration`.
        settings: settings of the scenario.
        environment: where the script was written, and what the target is.
    """

    run: str
    scenario: str
    target: str
    timeout: str
    runners: int
    least: float
    limits: Mapping[str, float]
    steps: Sequence[ArrivalStep]
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]

    @property
    def reply_limit(self) -> float:
        """Seconds in which 95% of the replies must arrive."""
        return self.limits.get(Stage.CLOUDEVENT_PROCESSING, _DEFAULT_LATENCY)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return asdict(self)


def list_limits(targets: Targets) -> dict[str, float]:
    """List the latency target of each stage in seconds."""
    return {stage.value: float(target.seconds) for stage, target in targets.items()}


def check_arrivals(scenario: str, arrivals: ArrivalPlan | None) -> ArrivalPlan:
    """Check that k6 can send a load.

    Raises:
        K6PlanError: it cannot.
    """
    if arrivals is None:
        raise K6PlanError(
            f"k6 cannot send {scenario}: its load follows from what was measured before; "
            "k6 takes baseline, throughput, concurrent, sustained, and stress with ramp_up"
        )
    if len(arrivals.steps) > MAX_STEPS:
        raise K6PlanError(
            f"{scenario} has {len(arrivals.steps)} steps, and k6 takes {MAX_STEPS}; send fewer"
        )
    if any(step.duration < _SHORTEST for step in arrivals.steps if not step.repeat):
        raise K6PlanError(f"{scenario} has steps below 1s, the shortest of k6; compress less")
    return arrivals


def build_options(plan: K6Plan, *, skip_verify: bool) -> dict[str, Any]:
    """Build the options of the script: an executor and thresholds for each step.

    A dropped iteration is an event that k6 did not send in time, so a run with one is invalid.
    """
    thresholds: dict[str, list[str]] = {"dropped_iterations": ["count==0"]}
    for number in range(len(plan.steps)):
        tags = f"{{scenario:step_{number}}}"
        thresholds[f"dropped_iterations{tags}"] = ["count==0"]
        thresholds[f"http_req_duration{tags}"] = [f"p(95)<{plan.reply_limit * 1000:g}"]
        thresholds[f"checks{tags}"] = [f"rate>={plan.least:g}"]
    return {
        "scenarios": {
            f"step_{number}": _build_executor(step, plan) for number, step in enumerate(plan.steps)
        },
        "thresholds": thresholds,
        "summaryTrendStats": ["min", "med", "p(95)", "p(99)", "max", "count"],
        "noConnectionReuse": True,
        "insecureSkipTLSVerify": skip_verify,
        "userAgent": "slo-probe",
    }


def _build_executor(step: ArrivalStep, plan: K6Plan) -> dict[str, Any]:
    shared = {
        "startTime": f"{step.start:g}s",
        "gracefulStop": plan.timeout,
        "tags": {"phase": step.phase},
    }
    if step.repeat:
        longest = step.repeat * (float(plan.timeout.removesuffix("s")) + step.rest)
        return {
            "executor": "per-vu-iterations",
            "vus": round(step.rate),
            "iterations": step.repeat,
            "maxDuration": f"{longest:g}s",
            **shared,
        }
    rate, unit = _choose_rate(step.rate)
    return {
        "executor": "constant-arrival-rate",
        "rate": rate,
        "timeUnit": unit,
        "duration": f"{step.duration:g}s",
        "preAllocatedVUs": max(1, ceil(step.rate * plan.reply_limit)),
        **shared,
    }


def _choose_rate(rate: float) -> tuple[int, str]:
    """Choose a whole number of events, and the time for it: k6 takes no fractions."""
    for seconds, unit in ((1, "1s"), (60, "1m"), (3600, "1h")):
        if abs(rate * seconds - round(rate * seconds)) < 1e-6 * rate * seconds:
            return round(rate * seconds), unit
    return max(1, round(rate * 3600)), "1h"
