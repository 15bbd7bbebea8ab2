"""Resumption of an interrupted scenario run: its steps, with their events from the journal."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.journal.journal import Journal
from exporter.loadtest.checkpoint import Checkpoint, CheckpointError, CheckpointHeader
from exporter.loadtest.result_file import StepRecord
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import SentEvents, list_limits, measure_step
from exporter.model.deadlines import Targets
from slos.schema.contract import Stage


@dataclass(frozen=True, slots=True)
class InterruptedRun:
    """Run that was interrupted.

    Attributes:
        header: the run.
        records: its steps, as far as the journal has their events.
    """

    header: CheckpointHeader
    records: Sequence[StepRecord]

    def describe(self, wall: float) -> str:
        """Describe the resumption for a reader.

        Args:
            wall: wall clock seconds.
        """
        ended = self.records[-1].ended if self.records else 0.0
        pause = wall - self.header.started_at - ended
        return (
            f"resumed after an interruption: {len(self.records)} steps are from before it, "
            f"and {pause:.0f} s are missing"
        )


async def read_interrupted_run(
    checkpoint: Checkpoint,
    journal: Journal,
    *,
    settings: LoadSettings,
    compress: float,
    targets: Targets,
) -> InterruptedRun:
    """Read an interrupted run.

    Raises:
        CheckpointError: there is none, or its settings were others.
    """
    header, stored = checkpoint.read()
    if (dict(header.settings), header.compress) != (settings.to_json(), compress):
        raise CheckpointError("the settings differ from those of the interrupted run")
    limits = list_limits(targets, [Stage.END_TO_END])
    records = []
    for step in stored:
        runs = step.restore_runs(await journal.load_runs(step.ids) or {})
        if runs is None:
            break
        sent = SentEvents(step.load, step.offsets, runs, step.duration, step.phase)
        measured = dataclasses.replace(measure_step(sent, limits), replicas=step.replicas)
        records.append(
            StepRecord(measured, sent, step.offset, step.ended, step.in_flight, step.prober_cpu)
        )
    return InterruptedRun(header, records)
