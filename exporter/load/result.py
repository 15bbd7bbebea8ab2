"""What became of one run of a scenario, in memory and as JSON. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exporter.load.brake import Stop
from exporter.result import timestamp
from slos.schema.contract import Scenario


class State(StrEnum):
    """How far a run of a scenario has come."""

    RUNNING = "running"
    COMPLETED = "completed"
    """It ran to its end, whatever it found."""
    STOPPED = "stopped"
    """It did not, and measured nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one amount of load.

    Attributes:
        load: events a second, or events at once.
        sent: events.
        verdicts: how many got which.
        shares: of the events, those that completed in time, by what they completed.
        rates: of those, how many a second.
    """

    load: float
    sent: int
    verdicts: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, and whether it is what was promised.

    Attributes:
        name: of a stage, or of what was found.
        value: None when it was not measured, which is never a pass.
        target: the least it must be; None when nothing was promised.
    """

    name: str
    value: float | None
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is as promised; None when nothing was."""
        if self.target is None:
            return None
        return self.value is not None and self.value >= self.target


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a scenario.

    Attributes:
        id: of this run.
        scenario: which.
        state: how far it has come.
        started_at: wall clock seconds.
        ended_at: likewise; None while it runs.
        reason: why it was stopped.
        events: that were sent.
        unit: of the load of its steps, for a reader.
        steps: in order.
        measures: what it found.
        level: the replicas it was run with, where that matters.
        notes: for a reader.
    """

    id: str
    scenario: Scenario
    state: State
    started_at: float
    ended_at: float | None = None
    reason: Stop | None = None
    events: int = 0
    unit: str = ""
    steps: tuple[Step, ...] = ()
    measures: tuple[Measure, ...] = ()
    level: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether all that was promised was kept; None when that cannot be told."""
        judged = [measure.met for measure in self.measures if measure.met is not None]
        if self.state is not State.COMPLETED or not judged:
            return None
        return all(judged)

    def value(self, name: str) -> float | None:
        """The figure of a name, if it was measured."""
        return next((each.value for each in self.measures if each.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """For pages and files; `read` reads it back."""
        told = dataclasses.asdict(self)
        told["measures"] = [dataclasses.asdict(each) | {"met": each.met} for each in self.measures]
        ended = None if self.ended_at is None else timestamp(self.ended_at)
        return {**told, "met": self.met, "started": timestamp(self.started_at), "ended": ended}


def read(told: Mapping[str, Any]) -> Result:
    """A run from its JSON.

    Raises:
        ValueError: it is none, or of a version that knows other values.
    """
    try:
        reason, level, ended = told["reason"], told["level"], told["ended_at"]
        return Result(
            id=str(told["id"]),
            scenario=Scenario(told["scenario"]),
            state=State(told["state"]),
            started_at=float(told["started_at"]),
            ended_at=None if ended is None else float(ended),
            reason=None if reason is None else Stop(reason),
            events=int(told["events"]),
            unit=str(told["unit"]),
            steps=tuple(_step(each) for each in told["steps"]),
            measures=tuple(_measure(each) for each in told["measures"]),
            level=None if level is None else int(level),
            notes=tuple(str(note) for note in told["notes"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no result of a scenario: {error!r}") from error


def _step(told: Mapping[str, Any]) -> Step:
    return Step(
        float(told["load"]),
        int(told["sent"]),
        {str(name): int(count) for name, count in told["verdicts"].items()},
        {str(name): float(share) for name, share in told["shares"].items()},
        {str(name): float(rate) for name, rate in told["rates"].items()},
    )


def _measure(told: Mapping[str, Any]) -> Measure:
    value, target = told["value"], told["target"]
    return Measure(
        str(told["name"]),
        None if value is None else float(value),
        None if target is None else float(target),
    )
