"""Rows of the journal: the states of a run, and the codec of its columns. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.model.bounds import Bounds
from exporter.model.run import Leftover, Run
from exporter.model.verdict import Reason
from slos.schema.contract import LeftoverKind, Stage, Verdict

RUN_COLUMNS = (
    "id, probe, path, intended_at, verdict, reason, seen, aliases, leavings, due, trace_id"
)

_DUE_RESULT = "result"
"""Entry of the column `due` beside the stages; earlier versions wrote none."""


class RunState(StrEnum):
    """State of a run in the journal."""

    PLANNED = "planned"
    """Recorded, not yet sent."""
    SENT = "sent"
    """Its event may have been sent."""
    JUDGED = "judged"
    """It has a verdict; remote observers may still learn more."""
    OBSERVED = "observed"
    """Nothing more can be learned; its leftovers are to be cleaned up."""
    CLEANED = "cleaned"
    """No leftovers remain."""


Row = tuple[RunState, Run]
"""A state and the run; an open run has the verdict that it gets when lost."""


BacklogRow = tuple[str, float, tuple[LeftoverKind, ...]]
"""Of a run with leftovers: its id, the wall clock seconds of its intended send, their kinds."""


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """Number of runs of a probe on a path that got a verdict at about one time.

    Attributes:
        probe: the probe.
        path: the delivery path.
        verdict: the verdict.
        at: wall clock seconds.
        count: number of runs.
    """

    probe: str
    path: str
    verdict: Verdict
    at: float
    count: int = 1


def encode_run(run: Run) -> tuple[object, ...]:
    """Encode a run, one value per column."""
    stage_times = {
        stage.value: {source: _encode_bounds(bounds) for source, bounds in times.items()}
        for stage, times in run.stage_times.items()
    }
    leftovers = [[leftover.kind, leftover.handle] for leftover in run.leftovers]
    due = [*run.due_stages, *([_DUE_RESULT] if run.is_result_due else [])]
    texts = (_encode_json(column) for column in (stage_times, list(run.aliases), leftovers, due))
    return (
        run.id,
        run.probe,
        run.path,
        run.intended_at,
        run.verdict,
        run.reason,
        *texts,
        run.trace_id,
    )


def _encode_bounds(bounds: Bounds) -> float | list[float]:
    """Encode a time; a known one is a number, as in journals of earlier versions."""
    return bounds.low if bounds.low == bounds.high else [bounds.low, bounds.high]


def _decode_bounds(value: float | list[float]) -> Bounds:
    low, high = value if isinstance(value, list) else (value, value)
    return Bounds(float(low), float(high))


def _encode_json(value: Mapping[str, object] | Sequence[object]) -> str:
    """Encode a value as JSON; empty values, which are most, skip the encoder."""
    return json.dumps(value) if value else str(value)


def decode_run(  # noqa: PLR0913, PLR0917 - one argument per column
    run_id: str,
    probe: str,
    path: str,
    intended_at: float,
    verdict: str,
    reason: str,
    seen: str,
    aliases: str,
    leavings: str,
    due: str,
    trace_id: str | None,
) -> Run | None:
    """Decode a row; None when a later version wrote values that this one does not know."""
    try:
        due_entries = json.loads(due)
        return Run(
            probe,
            path,
            run_id,
            Verdict(verdict),
            Reason(reason),
            {
                Stage(stage): {str(source): _decode_bounds(time) for source, time in times.items()}
                for stage, times in json.loads(seen).items()
            },
            intended_at,
            tuple(json.loads(aliases)),
            tuple(Leftover(LeftoverKind(kind), handle) for kind, handle in json.loads(leavings)),
            tuple(Stage(entry) for entry in due_entries if entry != _DUE_RESULT),
            _DUE_RESULT in due_entries,
            trace_id,
        )
    except (ValueError, TypeError, AttributeError):
        return None


def decode_kinds(leavings: str) -> tuple[LeftoverKind, ...]:
    """Decode the kinds of leftovers, without those that a later version wrote."""
    try:
        return tuple(LeftoverKind(kind) for kind, _ in json.loads(leavings))
    except (ValueError, TypeError):
        return ()
