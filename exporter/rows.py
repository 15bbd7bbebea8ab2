"""Row codec of the journal: a run to columns, and back. Pure."""

import json
from collections.abc import Mapping, Sequence

from exporter.model.run import Leaving, ProbeResult
from exporter.model.verdict import Reason
from slos.schema.contract import Leavings, Source, Stage, Verdict

COLUMNS = "id, probe, path, intended_at, verdict, reason, seen, aliases, leavings, due, trace_id"


def values(run: ProbeResult) -> tuple[object, ...]:
    """Encode a run, one value per column."""
    seen = {stage.value: dict(times) for stage, times in run.seen.items()}
    leavings = [[leaving.kind, leaving.handle] for leaving in run.leavings]
    texts = (_text(each) for each in (seen, list(run.aliases), leavings, list(run.due)))
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


def _text(value: Mapping[str, object] | Sequence[object]) -> str:
    """Encode a value as JSON; empty values, which are most, skip the encoder."""
    return json.dumps(value) if value else str(value)


def result(  # noqa: PLR0913, PLR0917 - one argument per column
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
) -> ProbeResult | None:
    """Decode a row; None when a later version wrote values that this one does not know."""
    try:
        return ProbeResult(
            probe,
            path,
            run_id,
            Verdict(verdict),
            Reason(reason),
            {
                Stage(stage): {Source(source): float(seconds) for source, seconds in times.items()}
                for stage, times in json.loads(seen).items()
            },
            intended_at,
            tuple(json.loads(aliases)),
            tuple(Leaving(Leavings(kind), handle) for kind, handle in json.loads(leavings)),
            tuple(Stage(stage) for stage in json.loads(due)),
            trace_id,
        )
    except (ValueError, TypeError, AttributeError):
        return None
