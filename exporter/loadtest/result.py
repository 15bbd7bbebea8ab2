"""Result of a scenario, and the file of the last results."""

import asyncio
import dataclasses
import itertools
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from exporter.loadtest.checkpoint import Checkpoint
from exporter.loadtest.quantiles import QuantileEstimate
from exporter.loadtest.stop import StopReason
from exporter.model.run import format_timestamp
from slos.schema.contract import Verdict

_log = logging.getLogger(__name__)


class ScenarioState(StrEnum):
    """State of a scenario run."""

    RUNNING = "running"
    COMPLETED = "completed"
    """It ran to its end, whether or not its targets were met."""
    STOPPED = "stopped"
    """It ended early, and has no result."""
    INVALID = "invalid"
    """It ended, and the prober was the bottleneck: the numbers are not those of the target."""


class ScenarioVerdict(StrEnum):
    """Verdict of a scenario run, for a reader."""

    MET = "met"
    MISSED = "missed"
    NO_TARGET = "no_target"
    """It has no target, or none could be judged."""
    INVALID = "invalid"
    """The prober was the bottleneck."""
    PARTIAL = "partial"
    """It was stopped before its end, or still runs."""


@dataclass(frozen=True, slots=True)
class InvalidReason:
    """Reason why the numbers of a run are not those of the target.

    Attributes:
        name: `send_lag`, `missed`, `in_flight` or `prober_cpu`.
        value: the measured value.
        limit: the most that is allowed.
        text: the reason as a sentence.
    """

    name: str
    value: float
    limit: float
    text: str


@dataclass(frozen=True, slots=True)
class LoadStep:
    """Result of one step of a load.

    Attributes:
        load: events a second, or events at once.
        sent: number of events.
        verdicts: number of events by verdict.
        shares: share of the events that completed in time, by stage.
        rates: events a second that completed in time, by stage.
        issues: number of events by the number of Linear issues they opened; empty where that is not
            observed.
        phase: part of the load that the step belongs to, such as `up`, `down` or `recovery`.
        replicas: replicas of the target, for scenarios that set them.
        quantiles: estimates of the latency quantiles, by stage and name.
    """

    load: float
    sent: int
    verdicts: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    issues: Mapping[str, int] = field(default_factory=dict)
    phase: str = ""
    replicas: int | None = None
    quantiles: Mapping[str, Mapping[str, QuantileEstimate]] = field(default_factory=dict)

    @property
    def lost_share(self) -> float:
        """Share of the events that were not executed exactly once, unknown ones left out."""
        unknown = self.verdicts.get(Verdict.UNKNOWN, 0)
        executed = sum(self.verdicts.get(verdict, 0) for verdict in (Verdict.OK, Verdict.LATE))
        known = self.sent - unknown
        return (known - executed) / known if known else 0.0


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured value, and its target.

    Attributes:
        name: name of a stage, or of another value.
        value: None when it was not measured, which is never a pass.
        target: lowest value that meets the target, with `at_most` the highest; None without one.
        exclusive: whether the value has to be above the target, or below it.
        low: lower bound of the confidence interval of the value.
        high: upper bound of the confidence interval of the value.
        at_most: whether the target is the highest value that meets it, as for a latency.
    """

    name: str
    value: float | None
    target: float | None = None
    exclusive: bool = False
    low: float | None = None
    high: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool | None:
        """True if the target is met; None without a target."""
        if self.target is None:
            return None
        if self.value is None:
            return False
        value, target = (-self.value, -self.target) if self.at_most else (self.value, self.target)
        return value > target if self.exclusive else value >= target


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """Result of one run of a scenario.

    Attributes:
        id: id of this run.
        scenario: the scenario.
        state: state of the run.
        started_at: wall clock seconds.
        ended_at: wall clock seconds; None while it runs.
        reason: why it was stopped.
        events: number of events sent.
        unit: unit of the load of its steps, for a reader.
        steps: steps in order.
        measures: measured values.
        level: replicas of the target, for scenarios that compare them.
        notes: remarks for a reader.
        invalid: reasons why the numbers are not those of the target.
        details: more results of the scenario, such as a fitted trend, for the result file.
    """

    id: str
    scenario: str
    state: ScenarioState
    started_at: float
    ended_at: float | None = None
    reason: StopReason | None = None
    events: int = 0
    unit: str = ""
    steps: tuple[LoadStep, ...] = ()
    measures: tuple[Measure, ...] = ()
    level: int | None = None
    notes: tuple[str, ...] = ()
    invalid: tuple[InvalidReason, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> ScenarioVerdict:
        """The verdict of the run."""
        if self.invalid:
            return ScenarioVerdict.INVALID
        if self.state is not ScenarioState.COMPLETED:
            return ScenarioVerdict.PARTIAL
        outcomes = {True: ScenarioVerdict.MET, False: ScenarioVerdict.MISSED}
        return ScenarioVerdict.NO_TARGET if self.is_met is None else outcomes[self.is_met]

    @property
    def is_met(self) -> bool | None:
        """True if all targets were met; None when that is unknown."""
        outcomes = [measure.is_met for measure in self.measures if measure.is_met is not None]
        if self.state is not ScenarioState.COMPLETED or not outcomes:
            return None
        return all(outcomes)

    def get_value(self, name: str) -> float | None:
        """Return the measured value of a name, if there is one."""
        return next((measure.value for measure in self.measures if measure.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON, for pages and files; `parse_result` reads it back."""
        document = dataclasses.asdict(self)
        document["measures"] = [
            dataclasses.asdict(measure) | {"met": measure.is_met} for measure in self.measures
        ]
        ended = None if self.ended_at is None else format_timestamp(self.ended_at)
        return {
            **document,
            "verdict": self.verdict.value,
            "met": self.is_met,
            "started": format_timestamp(self.started_at),
            "ended": ended,
        }


def parse_result(document: Mapping[str, Any]) -> ScenarioResult:
    """Parse a run from its JSON.

    Raises:
        ValueError: it is no run, or of a version with other values.
    """
    try:
        reason, level, ended = document["reason"], document["level"], document["ended_at"]
        return ScenarioResult(
            id=str(document["id"]),
            scenario=str(document["scenario"]),
            state=ScenarioState(document["state"]),
            started_at=float(document["started_at"]),
            ended_at=None if ended is None else float(ended),
            reason=None if reason is None else StopReason(reason),
            events=int(document["events"]),
            unit=str(document["unit"]),
            steps=tuple(_parse_step(item) for item in document["steps"]),
            measures=tuple(_parse_measure(item) for item in document["measures"]),
            level=None if level is None else int(level),
            notes=tuple(str(note) for note in document["notes"]),
            invalid=tuple(InvalidReason(**item) for item in document.get("invalid", ())),
            details=dict(document.get("details", {})),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is not a scenario result: {error!r}") from error


def _parse_step(document: Mapping[str, Any]) -> LoadStep:
    return LoadStep(
        float(document["load"]),
        int(document["sent"]),
        {str(name): int(count) for name, count in document["verdicts"].items()},
        {str(name): float(share) for name, share in document["shares"].items()},
        {str(name): float(rate) for name, rate in document["rates"].items()},
        {str(name): int(count) for name, count in document.get("issues", {}).items()},
        str(document.get("phase", "")),
        document.get("replicas"),
        {
            str(stage): {str(name): QuantileEstimate(**each) for name, each in estimates.items()}
            for stage, estimates in document.get("quantiles", {}).items()
        },
    )


def _parse_measure(document: Mapping[str, Any]) -> Measure:
    value, target = document["value"], document["target"]
    return Measure(
        str(document["name"]),
        None if value is None else float(value),
        None if target is None else float(target),
        bool(document.get("exclusive")),
        low=document.get("low"),
        high=document.get("high"),
        at_most=bool(document.get("at_most")),
    )


class RefusalKind(StrEnum):
    """Kind of a refusal."""

    UNKNOWN = "unknown"
    STANDBY = "standby"
    BUSY = "busy"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: its kind and its text."""

    kind: RefusalKind
    text: str


class ResultArchive:
    """Last results of each scenario, the newest first.

    Args:
        path: the file.
        keep: results of each scenario to keep; the newest of each number of replicas stays too.
    """

    def __init__(self, path: Path, *, keep: int) -> None:
        self._path = path
        self.keep = keep
        self._results: list[ScenarioResult] = []
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Read the results of earlier processes; none when the file cannot be read."""
        self._results = await asyncio.to_thread(self._read_file)

    def open_checkpoint(self, scenario: str) -> Checkpoint:
        """Open the checkpoint of a scenario, next to the file."""
        return Checkpoint(self._path.with_name(f"{self._path.name}-{scenario}"))

    def list_results(self, scenario: str) -> list[ScenarioResult]:
        """List the runs of a scenario, the newest first."""
        return [result for result in self._results if result.scenario == scenario]

    def list_completed(self, scenario: str) -> list[ScenarioResult]:
        """List the runs of a scenario that completed, the newest first."""
        return [
            result
            for result in self.list_results(scenario)
            if result.state is ScenarioState.COMPLETED
        ]

    async def write_result(self, result: ScenarioResult) -> None:
        """Write the state of a run."""
        others = [other for other in self._results if other.id != result.id]
        self._results = select_kept_results([result, *others], keep=self.keep)
        async with self._writing:
            text = json.dumps([each.to_json() for each in self._results])
            try:
                await asyncio.to_thread(self._write_file, text)
            except OSError as error:
                _log.error("scenario results: cannot write %s: %s", self._path, error.strerror)

    def _write_file(self, text: str) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def _read_file(self) -> list[ScenarioResult]:
        try:
            documents = json.loads(self._path.read_bytes())
            return [parse_result(document) for document in documents]
        except FileNotFoundError:
            return []
        except OSError as error:
            _log.error("scenario results: cannot read %s: %s", self._path, error.strerror)
        except (ValueError, TypeError):
            self._set_damaged_file_aside()
        return []

    def _set_damaged_file_aside(self) -> None:
        names = (self._path.with_name(f"{self._path.name}.damaged-{n}") for n in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        try:
            self._path.rename(aside)
        except OSError as error:
            _log.error("scenario results: cannot rename %s: %s", self._path, error.strerror)
        else:
            _log.error("scenario results: the file was damaged and renamed to %s", aside)


def select_kept_results(results: Sequence[ScenarioResult], *, keep: int) -> list[ScenarioResult]:
    """Select the results to keep: the last ones, and those that later ones are compared with."""
    counts: dict[str, int] = {}
    seen_levels: set[tuple[str, int | None]] = set()
    selected = []
    for result in results:
        counts[result.scenario] = counts.get(result.scenario, 0) + 1
        completed = result.state is ScenarioState.COMPLETED
        newest = completed and (result.scenario, result.level) not in seen_levels
        if completed:
            seen_levels.add((result.scenario, result.level))
        if counts[result.scenario] <= keep or newest:
            selected.append(result)
    return selected
