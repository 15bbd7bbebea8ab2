"""Counters and histograms of runs, on a registry that is passed in.

Every combination of labels that can occur starts at zero: `increase()` cannot see the first event
of a series that was not there before. A stage that no source can observe has no series.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter.model.run import ProbeResult
from exporter.model.stages import Time, best, disagreeing, told_late
from slos.schema import contract
from slos.schema.contract import (
    CanaryOutcome,
    CheckResult,
    Criterion,
    IssueCount,
    JournalOperation,
    Route,
    Source,
    Stage,
    Verdict,
)
from slos.schema.units import Duration

LADDER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds: from the warm reply of agent-sre (10 ms) to beyond the longest run."""
LAG_LADDER = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DISAGREE = 1.0
"""Seconds by which two sources of one stage may differ: a fifth of the tightest target (5 s)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One pair of the labels `probe` and `path`, and the stages that can be observed there.

    Attributes:
        visible: the sources that can observe each stage.
        expected: stages that a run shows by itself; one that is missing was not reached.
    """

    probe: str
    route: Route
    visible: Mapping[Stage, Sequence[Source]]
    expected: Sequence[Stage]


class Metrics:
    """Counters and histograms of runs."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        lines: Iterable[Line],
        targets: Mapping[Stage, Duration],
        criteria: Iterable[Criterion] = (),
    ) -> None:
        self._registry = registry
        self._lines: dict[tuple[str, Route], Line] = {}
        self._targets: dict[Stage, float] = {}
        self._define(registry)
        self._stages = self._define_stages()
        for outcome in CanaryOutcome:
            self._canary_requests.labels(outcome)
        for operation in JournalOperation:
            self._journal_failures.labels(operation)
        self.adopt(lines=lines, targets=targets, criteria=criteria)

    def adopt(
        self,
        *,
        lines: Iterable[Line],
        targets: Mapping[Stage, Duration],
        criteria: Iterable[Criterion] = (),
    ) -> None:
        """Use the label sets, targets and criteria of another configuration; counts stay.

        A histogram cannot get another bucket. If the targets ask for one, the histogram of the
        stages starts again at zero, as after a restart.
        """
        buckets = self._buckets()
        self._lines |= {(line.probe, line.route): line for line in lines}
        self._targets = {stage: float(target.seconds) for stage, target in targets.items()}
        if self._buckets() != buckets:
            self._registry.unregister(self._stages)
            self._stages = self._define_stages()
        for line in self._lines.values():
            self._start_at_zero(line)
        for criterion in {Criterion.AVAILABILITY, *self._of_stages(), *criteria}:
            for check in CheckResult:
                self._checks.labels(criterion, check)

    def _buckets(self) -> list[float]:
        return sorted({*LADDER, *self._targets.values()})

    def _define_stages(self) -> Histogram:
        return Histogram(
            contract.STAGE_DURATION,
            "Seconds through a stage, of stages that were observed.",
            ["probe", "path", "stage", "source"],
            buckets=self._buckets(),
            registry=self._registry,
        )

    def _define(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self._runs = counter(
            contract.PROBE_RUNS, "Synthetic events by what became of them.",
            "probe", "path", "verdict",
        )  # fmt: skip
        self._checks = counter(
            contract.CHECKS, "Checks of VAL-008 criteria by result.", "criterion", "result"
        )
        self._lag = Histogram(
            contract.SCHEDULE_LAG,
            "Seconds between the intended and the actual send.",
            ["probe"],
            buckets=LAG_LADDER,
            registry=registry,
        )
        self._missed = counter(
            contract.MISSED_RUNS, "Slots of the plan that were not used.", "probe"
        )
        self._in_flight = Gauge(contract.IN_FLIGHT, "Runs under way.", ["probe"], registry=registry)
        self._canary_requests = counter(
            contract.CANARY_REQUESTS, "Calls of the canary function by what they were.", "outcome"
        )
        self._journal_failures = counter(
            contract.JOURNAL_FAILURES, "Failed operations of the journal.", "operation"
        )
        self._disagreements = counter(
            contract.SOURCE_DISAGREEMENTS, "Runs of which sources tell different times.", "stage"
        )
        self._issues = counter(
            contract.LINEAR_ISSUES, "Runs by how many Linear issues they opened.", "count"
        )

    def _start_at_zero(self, line: Line) -> None:
        for verdict in Verdict:
            self._runs.labels(line.probe, line.route, verdict)
        for stage, sources in line.visible.items():
            for source in sources:
                self._stages.labels(line.probe, line.route, stage, source)
            if len(sources) > 1:
                self._disagreements.labels(stage)
            if Source.LINEAR in sources:
                for count in IssueCount:
                    self._issues.labels(count)
        self._lag.labels(line.probe)
        self._missed.labels(line.probe)
        self._in_flight.labels(line.probe)

    def _of_stages(self) -> set[Criterion]:
        seen = {stage for line in self._lines.values() for stage in line.visible}
        return {Criterion.of_stage(stage) for stage in seen if stage in self._targets}

    def due(self, probe: str, route: Route) -> tuple[Stage, ...]:
        """List the stages of a run for which a late source takes precedence."""
        line = self._lines.get((probe, route))
        return told_late(line.visible) if line else ()

    def judged(self, result: ProbeResult) -> None:
        """Count a run that has its verdict, and the stages that are known by then.

        An unknown run says nothing about the target. A run without a declared label set is no
        measurement: an attack that was refused as it should be is no loss.
        """
        line = self.line_of(result)
        if line is None:
            return
        self._runs.labels(result.probe, result.path, result.verdict).inc()
        if result.verdict is Verdict.UNKNOWN:
            return
        self.check(Criterion.AVAILABILITY, passed=result.verdict in (Verdict.OK, Verdict.LATE))
        missing = set(line.expected) - set(result.seen) - set(result.due)
        known = {
            stage: time for stage, time in best(result.seen).items() if stage not in result.due
        }
        self._count(result, known, missing)

    def observed(self, result: ProbeResult, issues: IssueCount | None = None) -> None:
        """Count the due stages of a run, once nothing more can be learned of them.

        Args:
            result: the run; the stages to count now are those due.
            issues: how many Linear issues it opened, where that is known.
        """
        line = self.line_of(result)
        if line is None:
            return
        told = Stage.LINEAR_ISSUE_CREATION in result.due
        if issues is not None and told:
            self._issues.labels(issues).inc()
        if result.verdict is Verdict.UNKNOWN:
            return
        missing = set(line.expected) & set(result.due) - set(result.seen)
        if issues is IssueCount.NONE and told:
            missing.add(Stage.LINEAR_ISSUE_CREATION)
        known = {stage: time for stage, time in best(result.seen).items() if stage in result.due}
        self._count(result, known, missing)
        for stage in disagreeing(result.seen, tolerance=DISAGREE):
            if stage in result.due:
                self._disagreements.labels(stage).inc()

    def _count(self, result: ProbeResult, known: Mapping[Stage, Time], missing: set[Stage]) -> None:
        """Count some stages, each against its target; one that was not reached missed it.

        A stage that only late sources can observe counts if they observed it. The Linear issue also
        counts if they are certain that there is none.
        """
        for stage, time in known.items():
            self._stages.labels(result.probe, result.path, stage, time.source).observe(time.seconds)
        took = {
            **{stage: time.seconds for stage, time in known.items()},
            **dict.fromkeys(missing, float("inf")),
        }
        for stage in Stage:
            if stage in took and stage in self._targets:
                in_time = took[stage] <= self._targets[stage]
                self.check(Criterion.of_stage(stage), passed=in_time)

    def check(self, criterion: Criterion, *, passed: bool) -> None:
        """Count the check of a criterion."""
        self._checks.labels(criterion, CheckResult.PASS if passed else CheckResult.FAIL).inc()

    def lag(self, probe: str, seconds: float) -> None:
        """Observe the send lag of an event, in seconds."""
        self._lag.labels(probe).observe(seconds)

    def missed(self, probe: str) -> None:
        """Count a slot that was not used."""
        self._missed.labels(probe).inc()

    def in_flight(self, probe: str, count: int) -> None:
        """Set the number of runs under way."""
        self._in_flight.labels(probe).set(count)

    def canary_request(self, outcome: CanaryOutcome) -> None:
        """Count a call of the canary by its outcome."""
        self._canary_requests.labels(outcome).inc()

    def journal_failure(self, operation: JournalOperation) -> None:
        """Count a failed operation of the journal."""
        self._journal_failures.labels(operation).inc()

    def line_of(self, result: ProbeResult) -> Line | None:
        """Find the label set of a run; None for a run that is no measurement."""
        return self._lines.get((result.probe, Route(result.path)))
