"""The metrics of the contract on a registry that is passed in.

Every combination of labels that can occur starts at zero: `increase()` cannot see the first
event of a series that was not there before. A stage no observer can see has no series at all.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric

from exporter.result import ProbeResult
from slos.schema import contract
from slos.schema.contract import (
    CanaryOutcome,
    CheckResult,
    Criterion,
    JournalOperation,
    Stage,
    Verdict,
)
from slos.schema.units import Duration

LADDER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds: from the warm reply of agent-sre (10 ms) to beyond the longest run."""
LAG_LADDER = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Everything the prober counts."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        probes: Mapping[str, str],
        visible: Iterable[Stage],
        targets: Mapping[Stage, Duration],
        version: str,
    ) -> None:
        self._visible = list(visible)
        self._targets = {stage: float(target.seconds) for stage, target in targets.items()}
        self._define(registry, buckets=sorted({*LADDER, *self._targets.values()}))
        self._build_info.labels(version).set(1)
        self._config_ok.set(1)
        for probe, path in probes.items():
            self._start_at_zero(probe, path)
        for outcome in CanaryOutcome:
            self._canary_requests.labels(outcome)
        for operation in JournalOperation:
            self._journal_failures.labels(operation)
        for criterion in [*self._checked(), Criterion.AVAILABILITY]:
            for check in CheckResult:
                self._checks.labels(criterion, check)

    def _define(self, registry: CollectorRegistry, *, buckets: list[float]) -> None:
        self._runs = Counter(
            contract.PROBE_RUNS,
            "Synthetic events by what became of them.",
            ["probe", "path", "verdict"],
            registry=registry,
        )
        self._stages = Histogram(
            contract.STAGE_DURATION,
            "Seconds from the intended send through a stage, of stages that were observed.",
            ["probe", "path", "stage"],
            buckets=buckets,
            registry=registry,
        )
        self._checks = Counter(
            contract.CHECKS,
            "Checks of VAL-008 criteria by result.",
            ["criterion", "result"],
            registry=registry,
        )
        self._lag = Histogram(
            contract.SCHEDULE_LAG,
            "Seconds between the intended and the actual send.",
            ["probe"],
            buckets=LAG_LADDER,
            registry=registry,
        )
        self._missed = Counter(
            contract.MISSED_RUNS, "Slots of the plan that were not used.", ["probe"],
            registry=registry,
        )  # fmt: skip
        self._in_flight = Gauge(contract.IN_FLIGHT, "Runs under way.", ["probe"], registry=registry)
        self._canary_requests = Counter(
            contract.CANARY_REQUESTS, "Calls of the canary function by what they were.",
            ["outcome"], registry=registry,
        )  # fmt: skip
        self._journal_failures = Counter(
            contract.JOURNAL_FAILURES, "Failed operations of the journal.", ["operation"],
            registry=registry,
        )  # fmt: skip
        self._build_info = Gauge(
            contract.BUILD_INFO, "Always 1; the label says what runs.", ["version"],
            registry=registry,
        )  # fmt: skip
        self._config_ok = Gauge(
            contract.CONFIG_LAST_RELOAD_SUCCESSFUL,
            "1 when the last configuration that was read is in use.",
            registry=registry,
        )

    def _start_at_zero(self, probe: str, path: str) -> None:
        for verdict in Verdict:
            self._runs.labels(probe, path, verdict)
        for stage in self._visible:
            self._stages.labels(probe, path, stage)
        self._lag.labels(probe)
        self._missed.labels(probe)
        self._in_flight.labels(probe)

    def _checked(self) -> list[Criterion]:
        return [Criterion.of_stage(stage) for stage in self._visible if stage in self._targets]

    def record(self, result: ProbeResult) -> None:
        """Count a finished run; what is unknown says nothing about the target."""
        self._runs.labels(result.probe, result.path, result.verdict).inc()
        if result.verdict is Verdict.UNKNOWN:
            return
        for stage, seconds in result.stages.items():
            self._stages.labels(result.probe, result.path, stage).observe(seconds)
        for criterion, check in checks(result, self._visible, self._targets).items():
            self._checks.labels(criterion, check).inc()

    def lag(self, probe: str, seconds: float) -> None:
        """Note how late an event was sent."""
        self._lag.labels(probe).observe(seconds)

    def missed(self, probe: str) -> None:
        """Count a slot that was not used."""
        self._missed.labels(probe).inc()

    def in_flight(self, probe: str, count: int) -> None:
        """Note how many runs are under way."""
        self._in_flight.labels(probe).set(count)

    def canary_request(self, outcome: CanaryOutcome) -> None:
        """Count a call of the canary."""
        self._canary_requests.labels(outcome).inc()

    def journal_failure(self, operation: JournalOperation) -> None:
        """Count a failed operation of the journal."""
        self._journal_failures.labels(operation).inc()


def checks(
    result: ProbeResult, visible: Iterable[Stage], targets: Mapping[Stage, float]
) -> dict[Criterion, CheckResult]:
    """What a run says about each criterion; a stage that was not reached fails its target."""
    found = {
        Criterion.of_stage(stage): _passed(result.stages.get(stage, float("inf")) <= targets[stage])
        for stage in visible
        if stage in targets
    }
    available = result.verdict in (Verdict.OK, Verdict.LATE)
    return found | {Criterion.AVAILABILITY: _passed(available)}


def exposition(registry: CollectorRegistry) -> bytes:
    """The metrics as Prometheus reads them."""
    return generate_latest(_WithoutCreated(registry))


def _passed(fine: bool) -> CheckResult:  # noqa: FBT001 - a predicate's result
    return CheckResult.PASS if fine else CheckResult.FAIL


class _WithoutCreated:
    """A registry less its `_created` series, which double the cost and tell nothing here.

    The client's own option for this is a switch for the whole process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample for sample in metric.samples if sample.name != f"{metric.name}_created"
            ]
            yield metric
