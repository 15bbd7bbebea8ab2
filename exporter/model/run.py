"""A run and its leftovers, as the journal, the metrics and the pages see it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.model.stages import Seen, best
from exporter.model.verdict import Reason
from slos.schema.contract import Leavings, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Leaving:
    """A thing that a run left behind and that is to be cleaned up.

    Attributes:
        kind: kind of the thing.
        handle: id by which its system finds it.
    """

    kind: Leavings
    handle: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One run of a synthetic alert."""

    probe: str
    path: str
    """Delivery path of the event; `direct` sends straight to agent-sre."""
    id: str
    verdict: Verdict
    reason: Reason
    seen: Seen = field(default_factory=dict)
    """Seconds per stage and source; a stage that no source observed is absent, never zero."""
    intended_at: float = 0.0
    """Wall clock seconds of the intended send."""
    aliases: tuple[str, ...] = ()
    """Other ids of the event: a converter on the path gives it a new one."""
    leavings: tuple[Leaving, ...] = ()
    """Leftovers that are not cleaned up yet."""
    due: tuple[Stage, ...] = ()
    """Stages that are counted only after late sources have observed them."""
    trace_id: str | None = None
    """Id of the prober's own trace, if there is one."""

    @property
    def stages(self) -> dict[Stage, float]:
        """Seconds of every observed stage, from the source that takes precedence."""
        return {stage: time.seconds for stage, time in best(self.seen).items()}

    def as_json(self) -> dict[str, object]:
        """Return the run as `once --json` prints it."""
        return {
            "probe": self.probe,
            "path": self.path,
            "id": self.id,
            "verdict": self.verdict.value,
            "reason": self.reason.value,
            "stages": {stage.value: round(seconds, 6) for stage, seconds in self.stages.items()},
            "sources": {stage.value: time.source.value for stage, time in best(self.seen).items()},
        }

    def as_json_with_time(self) -> dict[str, object]:
        """Return the run as `/runs` shows it."""
        return self.as_json() | {"intended_at": timestamp(self.intended_at)}


def timestamp(wall: float) -> str:
    """Wall clock seconds as RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
