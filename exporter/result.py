"""The outcome of one run, as the journal, the metrics and the web pages see it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.judge import Reason
from slos.schema.contract import Stage, Verdict


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of one run."""

    probe: str
    path: str
    """The way the event took; `direct` is straight to agent-sre."""
    id: str
    verdict: Verdict
    reason: Reason
    stages: dict[Stage, float] = field(default_factory=dict)
    """Seconds per stage; a stage nobody observed is absent, never zero."""
    intended_at: float = 0.0
    """Seconds of the wall clock at which the plan wanted the event sent."""

    def as_json(self) -> dict[str, object]:
        """The shape of `once --json`."""
        return {
            "probe": self.probe,
            "path": self.path,
            "id": self.id,
            "verdict": self.verdict.value,
            "reason": self.reason.value,
            "stages": {
                stage.value: round(self.stages[stage], 6) for stage in Stage if stage in self.stages
            },
        }

    def as_json_with_time(self) -> dict[str, object]:
        """The shape of `/runs`."""
        return self.as_json() | {"intended_at": timestamp(self.intended_at)}


def timestamp(wall: float) -> str:
    """Wall clock seconds as RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
