"""Counters and histograms of runs, on a registry that is passed in.

Every combination of labels that can occur starts at zero: `increase()` cannot see the first event
of a series that was not there before. A stage that no source can observe has no series.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter.metrics.checks import CheckMetrics, Checks, CheckSettings, is_failed
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.stages import StageTime, find_disagreements, list_remote_stages, select_times
from slos.schema import contract
from slos.schema.contract import (
    CanaryOutcome,
    Criterion,
    IntervalResult,
    IssueCount,
    JournalOperation,
    PathProblem,
    RunAcceptance,
    Stage,
    StageSource,
    Verdict,
)
from slos.schema.units import Duration

STAGE_BUCKETS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
)
"""Seconds: from the warm reply of agent-sre (10 ms) to beyond the longest run."""
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DISAGREEMENT_TOLERANCE = 1.0
"""Seconds by which two sources of one stage may differ: a fifth of the tightest target (5 s)."""

_NO_CHECKS = CheckSettings()
_EXECUTED = (Verdict.OK, Verdict.LATE)
_NEVER_ACCEPTED = (*_EXECUTED, Verdict.UNKNOWN)
_INTERVAL_STAGES = frozenset(Stage) - {Stage.VERIFICATION}
"""Stages whose time may be known within bounds only."""


@dataclass(frozen=True, slots=True)
class ProbePath:
    """Probe and one of its delivery paths, with the stages that can be observed there.

    Attributes:
        sources_by_stage: the sources that can observe each stage.
        expected_stages: stages that a run shows by itself; one that is missing was not reached.
    """

    probe: str
    path: str
    sources_by_stage: Mapping[Stage, Sequence[str]]
    expected_stages: Sequence[Stage]


class RunMetrics:
    """Counters and histograms of runs."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        probe_paths: Iterable[ProbePath],
        targets: Mapping[Stage, Duration],
        checks: CheckSettings = _NO_CHECKS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self.checks = CheckMetrics(registry, wall=wall)
        self._probe_paths: dict[tuple[str, str], ProbePath] = {}
        self._targets: dict[Stage, float] = {}
        self._postponed: dict[str, Run] = {}
        self._counted: set[str] = set()
        """Ids of all runs of earlier processes that were counted."""
        self._unmarked: set[str] = set()
        """Ids of those that the journal still has as uncounted."""
        self._define_metrics(registry)
        self._stages = self._define_stages()
        for outcome in CanaryOutcome:
            self._canary_requests.labels(outcome)
        for operation in JournalOperation:
            self._journal_failures.labels(operation)
        self.configure(probe_paths=probe_paths, targets=targets, checks=checks)

    def configure(
        self,
        *,
        probe_paths: Iterable[ProbePath],
        targets: Mapping[Stage, Duration],
        checks: CheckSettings = _NO_CHECKS,
    ) -> None:
        """Use another configuration; counts stay.

        Args:
            probe_paths: probes with their paths; the labels of the runs.
            targets: targets of the stages.
            checks: settings of the checks.

        A histogram cannot get another bucket. If the targets ask for one, the histogram of the
        stages starts again at zero, as after a restart.
        """
        buckets = self._list_buckets()
        self._probe_paths |= {(each.probe, each.path): each for each in probe_paths}
        self._targets = {stage: float(target.seconds) for stage, target in targets.items()}
        if self._list_buckets() != buckets:
            self._registry.unregister(self._stages)
            self._stages = self._define_stages()
        self.checks.configure(checks, {Criterion.AVAILABILITY, *self._list_stage_criteria()})
        for probe_path in self._probe_paths.values():
            self._start_at_zero(probe_path)

    @property
    def targets(self) -> Mapping[Stage, float]:
        """Target of each stage that has one, in seconds."""
        return self._targets

    def _list_buckets(self) -> list[float]:
        return sorted({*STAGE_BUCKETS, *self._targets.values()})

    def _define_stages(self) -> Histogram:
        return Histogram(
            contract.STAGE_DURATION,
            "Duration of observed stages in seconds.",
            ["probe", "path", "stage", "source"],
            buckets=self._list_buckets(),
            registry=self._registry,
        )

    def _define_metrics(self, registry: CollectorRegistry) -> None:
        def define_counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self._runs = define_counter(
            contract.PROBE_RUNS, "Synthetic events by verdict.",
            "probe", "path", "verdict", "accepted",
        )  # fmt: skip
        self._lag = Histogram(
            contract.SCHEDULE_LAG,
            "Seconds between the intended and the actual send.",
            ["probe"],
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self._missed = define_counter(
            contract.MISSED_RUNS, "Slots of the schedule in which no run was started.", "probe"
        )
        self._path_problems = define_counter(
            contract.PATH_PROBLEMS, "Runs with a problem of the chain on their path.",
            "path", "problem",
        )  # fmt: skip
        self._in_flight = Gauge(contract.IN_FLIGHT, "Runs in flight.", ["probe"], registry=registry)
        self._canary_requests = define_counter(
            contract.CANARY_REQUESTS, "Calls of the canary function by outcome.", "outcome"
        )
        self._journal_failures = define_counter(
            contract.JOURNAL_FAILURES, "Failed journal operations.", "operation"
        )
        self._intervals = define_counter(
            contract.STAGE_INTERVALS,
            "Stage times that are only known within bounds, by comparison with the target.",
            "probe", "path", "stage", "result",
        )  # fmt: skip
        self._disagreements = define_counter(
            contract.SOURCE_DISAGREEMENTS,
            "Runs in which the sources of a stage time disagree.",
            "stage",
        )
        self._issues = define_counter(
            contract.LINEAR_ISSUES, "Runs by the number of Linear issues they opened.", "count"
        )

    def _start_at_zero(self, probe_path: ProbePath) -> None:
        is_accepted = Criterion.AVAILABILITY in self.checks.list_accepted(probe_path.path)
        for verdict in Verdict:
            self._get_runs(probe_path.probe, probe_path.path, verdict, is_accepted=False)
            if is_accepted and verdict not in _NEVER_ACCEPTED:
                self._get_runs(probe_path.probe, probe_path.path, verdict, is_accepted=True)
        self.checks.start_results(probe_path.probe, probe_path.path)
        for stage, sources in probe_path.sources_by_stage.items():
            for result in IntervalResult if stage in _INTERVAL_STAGES else ():
                self._intervals.labels(probe_path.probe, probe_path.path, stage, result)
            for source in sources:
                self._stages.labels(probe_path.probe, probe_path.path, stage, source)
            if len(sources) > 1:
                self._disagreements.labels(stage)
            if StageSource.LINEAR in sources:
                for count in IssueCount:
                    self._issues.labels(count)
        for problem in PathProblem:
            self._path_problems.labels(probe_path.path, problem)
        self._lag.labels(probe_path.probe)
        self._missed.labels(probe_path.probe)
        self._in_flight.labels(probe_path.probe)

    def _list_stage_criteria(self) -> set[Criterion]:
        visible = {
            stage
            for probe_path in self._probe_paths.values()
            for stage in probe_path.sources_by_stage
        }
        return {Criterion.from_stage(stage) for stage in visible if stage in self._targets}

    def postpone_stages(self, run: Run) -> Run:
        """Return a run with the stages that are due, as a remote source takes precedence for them.

        Its result waits for them, unless it has failed already.
        """
        probe_path = self.find_probe_path(run)
        if probe_path is None:
            return run
        due = list_remote_stages(probe_path.sources_by_stage, run.stage_times)
        if not due and not run.due_stages and not run.is_result_due:
            return run
        run = replace(run, due_stages=due)
        is_open = bool(due) and run.verdict is not Verdict.UNKNOWN
        return replace(
            run,
            is_result_due=is_open
            and not is_failed(
                self._judge(run, probe_path, _list_known_times(run, due=False)),
                self._list_accepted(run),
            ),
        )

    def count_judged(self, run: Run) -> None:
        """Count a run that has its verdict, and the stages that are known by then.

        An unknown run says nothing about the target. A run of no declared probe and path is no
        measurement: an attack that was refused as it should be is no loss.
        """
        probe_path = self.find_probe_path(run)
        if probe_path is None:
            return
        accepted = self._list_accepted(run)
        is_accepted = Criterion.AVAILABILITY in accepted and run.verdict not in _NEVER_ACCEPTED
        self._get_runs(run.probe, run.path, run.verdict, is_accepted=is_accepted).inc()
        if run.verdict is Verdict.UNKNOWN:
            return
        known = _list_known_times(run, due=False)
        self._count_stages(run, known)
        checks = self._judge(run, probe_path, known)
        self.checks.count_checks(checks, accepted)
        if not run.is_result_due:
            self.checks.count_result(run.probe, run.path, checks, accepted)

    def _get_runs(self, probe: str, path: str, verdict: Verdict, *, is_accepted: bool) -> Counter:
        return self._runs.labels(
            probe, path, verdict, RunAcceptance.YES if is_accepted else RunAcceptance.NO
        )

    def _list_accepted(self, run: Run) -> frozenset[Criterion]:
        """List the criteria that a run may fail; one that is not executed reaches no stage."""
        accepted = self.checks.list_accepted(run.path)
        is_whole = Criterion.AVAILABILITY in accepted and run.verdict not in _EXECUTED
        return frozenset(Criterion) if is_whole else accepted

    def _judge(self, run: Run, probe_path: ProbePath, known: Mapping[Stage, StageTime]) -> Checks:
        """Judge the stages of a run that are known by the time of its verdict."""
        missing = set(probe_path.expected_stages) - set(run.stage_times) - set(run.due_stages)
        stages = self._judge_stages(known, missing)
        return {Criterion.AVAILABILITY: run.verdict in _EXECUTED, **stages}

    def postpone_judged(self, runs: Iterable[Run]) -> None:
        """Count runs of an earlier process after the next scrape.

        `increase()` must see a counter before it rises. Were they counted at once, the counter of a
        prober in a crash loop would start at 1 each time and never seem to rise.

        A run is counted once. The journal returns it again each time the prober begins to lead,
        until it is marked.
        """
        for run in runs:
            if run.id in self._counted:
                self._unmarked.add(run.id)
            else:
                self._postponed[run.id] = run

    def count_postponed(self) -> None:
        """Count the postponed runs, now that the counters have been scraped."""
        postponed, self._postponed = self._postponed, {}
        for run in postponed.values():
            self.count_judged(run)
        self._counted |= postponed.keys()
        self._unmarked |= postponed.keys()

    def list_unmarked(self) -> list[str]:
        """List the postponed runs that are counted, and not yet marked in the journal."""
        return sorted(self._unmarked)

    def note_marked(self, ids: Iterable[str]) -> None:
        """Note that runs are marked as counted in the journal."""
        self._unmarked.difference_update(ids)

    def count_observed(self, run: Run, issues: IssueCount | None = None) -> None:
        """Count the due stages of a run, once nothing more can be learned of them.

        Args:
            run: the run; the stages to count now are those due.
            issues: how many Linear issues it opened, where that is known.
        """
        probe_path = self.find_probe_path(run)
        if probe_path is None:
            return
        is_issue_due = Stage.LINEAR_ISSUE_CREATION in run.due_stages
        if issues is not None and is_issue_due:
            self._issues.labels(issues).inc()
        if run.verdict is Verdict.UNKNOWN:
            return
        self._count_stages(run, _list_known_times(run, due=True))
        checks, accepted = self._judge_observed(run, probe_path, issues), self._list_accepted(run)
        self.checks.count_checks(checks, accepted)
        if run.is_result_due:
            self.checks.count_result(run.probe, run.path, checks, accepted)

    def is_failed_by_observers(self, run: Run, issues: IssueCount | None) -> bool:
        """Return whether the due stages of a run make it a failed one."""
        probe_path = self.find_probe_path(run)
        return probe_path is not None and is_failed(
            self._judge_observed(run, probe_path, issues), self._list_accepted(run)
        )

    def _judge_observed(self, run: Run, probe_path: ProbePath, issues: IssueCount | None) -> Checks:
        """Judge the due stages of a run.

        A stage that only remote sources can observe counts if they observed it. The Linear issue
        also counts if they are certain that there is none.
        """
        missing = set(probe_path.expected_stages) & set(run.due_stages) - set(run.stage_times)
        if issues is IssueCount.NONE and Stage.LINEAR_ISSUE_CREATION in run.due_stages:
            missing.add(Stage.LINEAR_ISSUE_CREATION)
        return self._judge_stages(_list_known_times(run, due=True), missing)

    def count_disagreements(self, run: Run) -> None:
        """Count the stages of a run whose sources differ, once all have answered."""
        if run.verdict is Verdict.UNKNOWN or self.find_probe_path(run) is None:
            return
        for stage in find_disagreements(run.stage_times, tolerance=DISAGREEMENT_TOLERANCE):
            self._disagreements.labels(stage).inc()

    def _count_stages(self, run: Run, known: Mapping[Stage, StageTime]) -> None:
        """Observe the times of some stages."""
        for stage, known_time in known.items():
            bounds = known_time.bounds
            is_in_time = self._compare(stage, bounds)
            if not bounds.is_certain:
                result = IntervalResult.from_comparison(is_in_time)
                self._intervals.labels(run.probe, run.path, stage, result).inc()
            if is_in_time is not None or bounds.is_certain:
                seconds = _choose_bound(bounds, is_in_time)
                self._stages.labels(run.probe, run.path, stage, known_time.source).observe(seconds)

    def _judge_stages(self, known: Mapping[Stage, StageTime], missing: set[Stage]) -> Checks:
        """Judge some stages, each against its target; one that was not reached missed it.

        A time with bounds on both sides of the target is neither met nor missed.
        """
        results = dict.fromkeys(missing, False)
        for stage, known_time in known.items():
            is_in_time = self._compare(stage, known_time.bounds)
            if is_in_time is not None:
                results[stage] = is_in_time
        return {
            Criterion.from_stage(stage): results[stage]
            for stage in Stage
            if stage in results and stage in self._targets
        }

    def _compare(self, stage: Stage, bounds: Bounds) -> bool | None:
        """Return whether a time meets the target; None if that is not certain."""
        target = self._targets.get(stage)
        return None if target is None else bounds.is_within(target)

    def count_path_problem(self, path: str, problem: PathProblem) -> None:
        """Count a run with a problem of the chain on its path."""
        self._path_problems.labels(path, problem).inc()

    def observe_lag(self, probe: str, seconds: float) -> None:
        """Observe the send lag of an event, in seconds."""
        self._lag.labels(probe).observe(seconds)

    def count_missed_slot(self, probe: str) -> None:
        """Count a slot that was not used."""
        self._missed.labels(probe).inc()

    def set_in_flight(self, probe: str, count: int) -> None:
        """Set the number of runs under way."""
        self._in_flight.labels(probe).set(count)

    def count_canary_request(self, outcome: CanaryOutcome) -> None:
        """Count a call of the canary by its outcome."""
        self._canary_requests.labels(outcome).inc()

    def count_journal_failure(self, operation: JournalOperation) -> None:
        """Count a failed operation of the journal."""
        self._journal_failures.labels(operation).inc()

    def find_probe_path(self, run: Run) -> ProbePath | None:
        """Find the probe and path of a run; None for a run that is no measurement."""
        return self._probe_paths.get((run.probe, run.path))


def _choose_bound(bounds: Bounds, is_in_time: bool | None) -> float:  # noqa: FBT001 - private, one call site
    """Choose the bound that decided about the target: its bucket agrees with the check."""
    return bounds.low if is_in_time is False and not bounds.is_certain else bounds.high


def _list_known_times(run: Run, *, due: bool) -> dict[Stage, StageTime]:
    """List the known times of a run, of its due stages or of the others."""
    return {
        stage: known_time
        for stage, known_time in select_times(run.stage_times).items()
        if (stage in run.due_stages) is due
    }
