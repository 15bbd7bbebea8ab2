"""Comparison of what a campaign's prober said with the ledger of the truth. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.model.bounds import Bounds
from exporter.model.run import Run
from slos.schema.contract import Stage, StageSource, Verdict
from tests.benchmarks.report import render_table
from tests.campaign.agent import LedgerEntry, Request
from tests.campaign.faults import FAULTS, RunTimes

_TOLERANCE = 0.005
"""Seconds by which a time may be wrong."""
_SCHEDULING = 0.1
"""Seconds for which a busy machine may suspend the prober between an answer and its time. Tests
with one clock for both sides hold times to the tolerance (`tests/exporter/test_stage_truth.py`)."""
_MARGIN = 2.0
"""Seconds that a run may take beyond its deadline."""
_AFTER = 5.0
"""Seconds after it, in which the prober may still be short of what was taken."""
_HARMLESS = ("reload",)
"""Disturbances of a process that are no reason for an unknown run."""
_RACES = 3
"""Runs of a life that may have been written and not yet counted, and calls that ended with it."""
_UNLESS_LATE = (Verdict.OK, Verdict.REJECTED)
"""Verdicts that an execution gets if it was in time."""
_DELAYED = (Verdict.LATE, Verdict.TIMEOUT, Verdict.LOST, Verdict.UNREACHABLE, Verdict.OK)
"""Verdicts of a run that was delayed; a second call may come too late to be one."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault of the process, in monotonic seconds."""

    kind: str
    started: float
    ended: float


@dataclass
class CampaignResult:
    """Result of one seed."""

    seed: int
    times: RunTimes
    ledger: Mapping[str, LedgerEntry] = field(default_factory=dict)
    runs: Sequence[tuple[str, Run]] = ()
    """Of the journal: state and run."""
    wall_offset: float = 0.0
    """Wall clock less monotonic clock."""
    disturbances: list[Disturbance] = field(default_factory=list)
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Counters by metric and label, the last scrape of each life summed."""
    unseen: int = 0
    """Runs that were judged after the last scrape of a life."""
    open_issues: list[str] = field(default_factory=list)
    """Descriptions of the Linear issues that are still open."""
    leftovers: list[str] = field(default_factory=list)
    """Leftovers of a stopped prober, and errors in its log."""
    seconds: float = 0.0

    def find_disturbance(self, run: Run) -> str | None:
        """Find the process fault that a run met, if there was one that excuses it."""
        at = run.intended_at - self.wall_offset
        before = self.times.timeout + self.times.settle + _MARGIN
        return next(
            (
                each.kind
                for each in self.disturbances
                if each.started - before <= at <= each.ended + _AFTER and each.kind not in _HARMLESS
            ),
            None,
        )

    def list_mismatches(self) -> list[str]:
        """List everything that is not as it should be."""
        return [
            *self._iter_wrong_verdicts(),
            *self._iter_forgotten(),
            *self._iter_wrong_times(),
            *self._iter_wrong_counters(),
            *(f"left behind: {each}" for each in self.leftovers),
            *self._iter_open_issues(),
        ]

    def _iter_open_issues(self) -> Iterator[str]:
        for description in self.open_issues:
            run_id = description.rpartition("`")[0].rpartition("`")[2]
            entry = self.ledger.get(run_id)
            run = next((run for _, run in self.runs if run.id == run_id), None)
            told = f"injected {entry.fault}, {entry.lag:.1f} s behind the plan" if entry else ""
            yield f"left behind: an open issue of {run_id}, {run and run.verdict}, {told}"

    def _iter_wrong_verdicts(self) -> Iterator[str]:
        for _, run in self.runs:
            if run.verdict is Verdict.UNKNOWN:
                if self.find_disturbance(run) is None:
                    yield f"{run.id}: unknown ({run.reason}) beside no process fault"
                continue
            entry = self.ledger.get(run.id)
            if entry is None:
                yield f"{run.id}: {run.verdict} ({run.reason}), and no event arrived"
                continue
            if not self._is_true(run, entry):
                yield (
                    f"{run.id}: {run.verdict} ({run.reason}), injected {entry.fault}, "
                    f"beside {self.find_disturbance(run)}, "
                    f"{self._measure_lag(run, entry):.1f} s behind the plan"
                )

    def _is_true(self, run: Run, entry: LedgerEntry) -> bool:
        """Return whether a verdict agrees with the ledger.

        A busy machine delays the stand-in as well. An execution that was late for this reason is
        late, and one that was delayed beyond the distance to a bound may be on its other side.
        """
        fault, intended = FAULTS[entry.fault], run.intended_at - self.wall_offset
        if fault.verdict in _UNLESS_LATE and entry.calls:
            took = _list_truths(entry, intended)[Stage.END_TO_END]
            if took.low > self.times.late_after and run.verdict is Verdict.OK:
                return False
            if took.high > self.times.late_after and run.verdict is Verdict.LATE:
                return True
        if self._measure_lag(run, entry) > self.times.margin and run.verdict in _DELAYED:
            return True
        return (run.verdict, run.reason) == (fault.verdict, fault.reason)

    def _measure_lag(self, run: Run, entry: LedgerEntry) -> float:
        """Measure the seconds by which an event was behind its plan."""
        return entry.lag + entry.arrived_at - (run.intended_at - self.wall_offset)

    def count_delayed(self) -> int:
        """Count the events that a busy machine delayed beyond the distance to a bound."""
        return sum(entry.lag > self.times.margin for entry in self.ledger.values())

    def _iter_forgotten(self) -> Iterator[str]:
        known = {run.id for _, run in self.runs}
        for run_id in self.ledger:
            if run_id not in known:
                yield f"{run_id}: the event arrived, and the journal does not have it"
        for state, run in self.runs:
            if state != "cleaned":
                yield f"{run.id}: left as {state}"

    def _iter_wrong_times(self) -> Iterator[str]:
        for run, stage, told, truth in self.iter_times():
            if _measure_error(told, truth) > _SCHEDULING + _TOLERANCE:
                yield (
                    f"{run.id}: {stage} is told as {told:.4f}, and was {truth:.4f}, "
                    f"injected {self.ledger[run.id].fault}, beside {self.find_disturbance(run)}"
                )

    def iter_times(self) -> Iterator[tuple[Run, Stage, Bounds, Bounds]]:
        """Iterate over stage times of the prober, each with the truth.

        The stand-in knows when it began a request and when it had read the answer. The canary
        handled it in between.
        """
        for _, run in self.runs:
            entry = self.ledger.get(run.id)
            if entry is None or not entry.calls:
                continue
            truths = _list_truths(entry, run.intended_at - self.wall_offset)
            for stage, sources in run.stage_times.items():
                if stage in truths and StageSource.CANARY in sources:
                    yield run, stage, sources[StageSource.CANARY], truths[stage]

    def _iter_wrong_counters(self) -> Iterator[str]:
        lives = 1 + sum(each.kind == "kill" for each in self.disturbances)
        expected = Counter(
            {("probe_runs_total", each): n for each, n in self.count_verdicts().items()}
        )
        answered = sum(
            request.answered is not None
            for entry in self.ledger.values()
            for request in entry.calls
        )
        made = sum(len(entry.calls) for entry in self.ledger.values())
        called = sum(n for (name, _), n in self.counters.items() if name == "canary_requests_total")
        if not answered - self.unseen - _RACES * lives <= called <= made:
            yield f"canary_requests_total is {called}, {answered} of {made} calls were answered"
        counted = Counter(
            {key: n for key, n in self.counters.items() if key[0] == "probe_runs_total"}
        )
        for key, count in (counted - expected).items():
            yield f"{key} is {count} too large"
        missing = (expected - counted).total()
        if missing > self.unseen + _RACES * lives:
            yield f"{missing} runs are not counted, {self.unseen} ended after a last scrape"

    def count_verdicts(self) -> Counter[str]:
        """Count the runs of the journal by verdict."""
        return Counter(run.verdict.value for _, run in self.runs)


def _measure_error(told: Bounds, truth: Bounds) -> float:
    """Measure the seconds between what was told and the truth; zero where they overlap."""
    return max(told.low - truth.high, truth.low - told.high, 0.0)


def _list_truths(entry: LedgerEntry, intended: float) -> dict[Stage, Bounds]:
    """List the true times of a run, by what the stand-in saw of its first call."""
    call = entry.calls[0]
    check = entry.checks[0] if entry.checks else call
    start = Bounds.exactly(intended)
    contact = _find_bounds(check)
    finish = _find_bounds(call)
    return {
        Stage.REMEDIATION_SELECTION: contact.measure_from(start),
        Stage.LAMBDA_EXECUTION: finish.measure_from(contact),
        Stage.END_TO_END: finish.measure_from(start),
    }


def _find_bounds(request: Request) -> Bounds:
    """Find the time at which the canary handled a request; one without an answer may be late."""
    return Bounds(request.sent, float("inf") if request.answered is None else request.answered)


def render_confusion(results: Sequence[CampaignResult]) -> str:
    """Render injected faults by the verdicts of their runs."""
    pairs: Counter[tuple[str, str]] = Counter()
    for result in results:
        for _, run in result.runs:
            entry = result.ledger.get(run.id)
            pairs[entry.fault if entry else "(never arrived)", run.verdict.value] += 1
    verdicts = [each.value for each in Verdict if any(v == each.value for _, v in pairs)]
    faults = [each for each in (*FAULTS, "(never arrived)") if any(f == each for f, _ in pairs)]
    rows = [
        [fault, FAULTS[fault].verdict.value if fault in FAULTS else "",
         *(f"{pairs[fault, verdict]:,}" if pairs[fault, verdict] else "" for verdict in verdicts)]
        for fault in faults
    ]  # fmt: skip
    return render_table(("injected", "truth", *verdicts), rows)


def render_disturbances(results: Sequence[CampaignResult]) -> str:
    """Render process faults by the runs that they made unknown."""
    kinds = Counter(each.kind for result in results for each in result.disturbances)
    unknown = Counter(
        result.find_disturbance(run) or "(none)"
        for result in results
        for _, run in result.runs
        if run.verdict is Verdict.UNKNOWN
    )
    names = [*kinds, *(name for name in unknown if name not in kinds)]
    rows = [[name, f"{kinds[name]}", f"{unknown[name]:,}"] for name in sorted(names)]
    return render_table(("process fault", "times", "runs unknown beside it"), rows)


def render_seeds(results: Sequence[CampaignResult]) -> str:
    """Render what was compared, seed by seed."""
    rows = []
    for result in results:
        times = list(result.iter_times())
        certain = sum(told.is_certain for _, _, told, _ in times)
        errors = [_measure_error(told, truth) for _, _, told, truth in times]
        within = sum(error <= _TOLERANCE for error in errors)
        rows.append(
            [
                str(result.seed), f"{len(result.ledger):,}", f"{len(result.runs):,}",
                f"{result.count_verdicts()['unknown']:,}", str(len(result.disturbances)),
                str(result.count_delayed()), f"{len(times):,}", f"{certain:,}", f"{within:,}",
                f"{max(errors, default=0.0) * 1000:.0f} ms",
                str(len(result.list_mismatches())), f"{result.seconds:.0f}",
            ]
        )  # fmt: skip
    columns = (
        "seed",
        "events",
        "runs",
        "unknown",
        "process faults",
        "delayed",
        "stage times",
        "certain",
        "within 5 ms",
        "worst",
        "mismatches",
        "seconds",
    )
    return render_table(columns, rows)
