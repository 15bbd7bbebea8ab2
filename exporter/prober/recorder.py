"""Record of runs: journal, metrics, history, reconciler and log."""

import logging

from exporter.journal.journal import Journal
from exporter.journal.rows import RunState
from exporter.metrics.runs import RunMetrics
from exporter.model.evidence import Evidence
from exporter.model.run import Run
from exporter.prober.history import FAILURES_SIZE, HISTORY_SIZE, RunHistory
from exporter.prober.reconciler import Reconciler
from exporter.prober.verdict_counts import COUNTED_SECONDS
from exporter.resources import RepeatedWarning
from slos.schema.contract import PathProblem, Verdict, is_load_probe

_log = logging.getLogger(__name__)


class RunRecorder:
    """Records the runs of this process, and those that earlier processes left in the journal.

    Runs of a load are in the journal and the reconciler only. Their scenario reports them.
    """

    def __init__(
        self, journal: Journal, metrics: RunMetrics, history: RunHistory, reconciler: Reconciler
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._history = history
        self._reconciler = reconciler
        self._notification_warning = RepeatedWarning(_log)
        self._settings_warning = RepeatedWarning(_log)
        self._uncounted: dict[str, Run] = {}
        """Runs whose verdict could not be written to the journal yet."""

    async def restore(self, left_open: list[Run]) -> None:
        """Restore the runs of earlier processes from the journal.

        Args:
            left_open: runs that an earlier process left open.
        """
        self._history.restore(
            await self._journal.list_recent(HISTORY_SIZE),
            failures=await self._journal.list_recent(FAILURES_SIZE, failures=True),
        )
        self._history.counts.replace(await self._journal.count_verdicts(COUNTED_SECONDS))
        await self._reconciler.restore()
        self._record_left_open(left_open)

    async def record_planned(self, run: Run) -> None:
        """Record a run before its event is sent."""
        await self._journal.write_run(RunState.PLANNED, run)
        self._count_written()

    async def record_sent(self, run: Run) -> None:
        """Record that the event of a run is being sent."""
        await self._journal.write_run(RunState.SENT, run)

    async def record_judged(self, run: Run, evidence: Evidence, *, sent: bool) -> None:
        """Record a run with its verdict; the reconciler takes it over.

        Args:
            run: the run.
            evidence: evidence of the verdict.
            sent: whether its event may have left this machine.
        """
        state, run = self._reconciler.add_judged(run, sent=sent)
        await self._journal.write_run(state, run)
        left_open = self._journal.pop_interrupted_runs()
        self._record_left_open(left_open)
        for each in [*left_open, run]:
            if not is_load_probe(each.probe):
                self._history.count(each)
        if not is_load_probe(run.probe):
            if evidence.sent_at is not None:
                self._metrics.observe_lag(run.probe, max(0.0, evidence.sent_at - evidence.intended))
            self._uncounted[run.id] = run
            self._count_written()
            self._history.add(run)
        log_run(run)
        if evidence.lacks_notification and evidence.is_accepted:
            self._metrics.count_path_problem(run.path, PathProblem.NO_NOTIFICATION)
            self._notification_warning.log(
                f"path {run.path}: no notification of run {run.id} arrived at the webhook of the "
                "canary, so its latencies are uncertain; see clock: webhook"
            )

    def record_settings_difference(self, run: Run, difference: str) -> None:
        """Record that the settings of the path of a run differ from what the systems on it do."""
        self._metrics.count_path_problem(run.path, PathProblem.SETTINGS_DIFFER)
        self._settings_warning.log(f"path {run.path}: {difference}")

    def _count_written(self) -> None:
        """Count the runs that the next process would not count again if this one ended now.

        These are all but those that are open on disk, because their verdict could not be written.
        """
        counted = [
            run for run in self._uncounted.values() if not self._journal.is_open_on_disk(run.id)
        ]
        for run in counted:
            del self._uncounted[run.id]
            self._metrics.count_judged(run)

    def _record_left_open(self, left_open: list[Run]) -> None:
        """Record runs that an earlier process left open. They are counted after the next scrape."""
        for run in left_open:
            level, text = choose_log_level(run), "%s: run %s was left open by an earlier process"
            _log.log(level, text, run.probe, run.id)
            if not is_load_probe(run.probe):
                self._history.add(run)
            self._reconciler.add_left_open(run)
        self._metrics.postpone_judged([*left_open, *self._journal.pop_uncounted_runs()])


def choose_log_level(run: Run) -> int:
    """Choose the log level of a run; runs of a load are logged at debug."""
    if is_load_probe(run.probe):
        return logging.DEBUG
    return logging.INFO if run.verdict is Verdict.OK else logging.WARNING


def log_run(run: Run) -> None:
    """Log the verdict and the stage times of a run."""
    level = choose_log_level(run)
    if _log.isEnabledFor(level):
        took = ", ".join(f"{stage} {bounds:.3f}s" for stage, bounds in run.stages.items())
        _log.log(level, "%s: %s (%s) %s %s", run.probe, run.verdict, run.reason, run.id, took)
