"""A run and its leftovers, as the journal, the metrics and the pages see it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.model.bounds import Bounds
from exporter.model.stages import StageTimes, select_times
from exporter.model.verdict import Reason
from slos.schema.contract import LeftoverKind, Stage, Verdict


@dataclass(frozen=True, slots=True)
class Leftover:
    """A thing that a run left behind and that is to be cleaned up.

    Attributes:
        kind: kind of the thing.
        handle: id by which its system finds it.
    """

    kind: LeftoverKind
    handle: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a synthetic alert."""

    probe: str
    path: str
    """Delivery path of the event; `direct` sends straight to agent-sre."""
    id: str
    verdict: Verdict
    reason: Reason
    stage_times: StageTimes = field(default_factory=dict)
    """Time per stage and source; a stage that no source observed is absent, never zero."""
    intended_at: float = 0.0
    """Wall clock seconds of the intended send."""
    aliases: tuple[str, ...] = ()
    """Other ids of the event: a converter on the path gives it a new one."""
    leftovers: tuple[Leftover, ...] = ()
    """Leftovers that are not cleaned up yet."""
    due_stages: tuple[Stage, ...] = ()
    """Stages that are counted only after remote sources have observed them."""
    is_result_due: bool = False
    """True if the run counts as passed or failed only with its due stages."""
    trace_id: str | None = None
    """Id of the prober's own trace, if there is one."""
    send_lag: float | None = field(default=None, compare=False)
    """Seconds from the intended to the actual send; the journal does not keep it."""

    @property
    def stages(self) -> dict[Stage, Bounds]:
        """Time of every observed stage, from the source that takes precedence."""
        return {stage: time.bounds for stage, time in select_times(self.stage_times).items()}

    def to_json(self) -> dict[str, object]:
        """Return the run as `once --json` prints it.

        `stages` has the certain times in seconds, `bounds` the lower and upper bound of the others.
        """
        return {
            "probe": self.probe,
            "path": self.path,
            "id": self.id,
            "verdict": self.verdict.value,
            "reason": self.reason.value,
            "stages": {
                stage.value: round(bounds.high, 6)
                for stage, bounds in self.stages.items()
                if bounds.is_certain
            },
            "sources": {
                stage.value: time.source for stage, time in select_times(self.stage_times).items()
            },
            "bounds": {
                stage.value: [round(bounds.low, 6), round(bounds.high, 6)]
                for stage, bounds in self.stages.items()
                if not bounds.is_certain
            },
        }

    def to_json_with_time(self) -> dict[str, object]:
        """Return the run as `/runs` shows it."""
        return self.to_json() | {"intended_at": format_timestamp(self.intended_at)}


def format_timestamp(wall: float) -> str:
    """Wall clock seconds as RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(wall, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
