"""The outcome of one run, as the journal, the metrics and the web pages see it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.judge import Reason
from exporter.sources import Seen, best
from slos.schema.contract import Leavings, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Leaving:
    """A thing of a run that is to be cleaned up.

    Attributes:
        kind: what it is.
        handle: by which it is found, an id of whoever keeps it.
    """

    kind: Leavings
    handle: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of one run."""

    probe: str
    path: str
    """The way the event took; `direct` is straight to agent-sre."""
    id: str
    verdict: Verdict
    reason: Reason
    seen: Seen = field(default_factory=dict)
    """Seconds per stage and source; a stage nobody observed is absent, never zero."""
    intended_at: float = 0.0
    """Seconds of the wall clock at which the plan wanted the event sent."""
    aliases: tuple[str, ...] = ()
    """Other ids of the event: a converter on the way gives it a new one."""
    leavings: tuple[Leaving, ...] = ()
    """What it left behind and nobody has cleaned up yet."""
    due: tuple[Stage, ...] = ()
    """Stages that are counted only when others have told what they saw."""
    trace_id: str | None = None
    """Of the prober's own trace, where there is one."""

    @property
    def stages(self) -> dict[Stage, float]:
        """The seconds that count, of every stage somebody observed."""
        return {stage: time.seconds for stage, time in best(self.seen).items()}

    def as_json(self) -> dict[str, object]:
        """The shape of `once --json`."""
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
        """The shape of `/runs`."""
        return self.as_json() | {"intended_at": timestamp(self.intended_at)}


def timestamp(wall: float) -> str:
    """Wall clock seconds as RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
