"""Measurements of a run, as the analysis reads them from a result file. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.loadtest.quantiles import find_quantile
from exporter.model.bounds import Bounds
from slos.schema.contract import IssueCount, Stage, Verdict
from slos.schema.units import Duration

EXECUTED = frozenset({Verdict.OK.value, Verdict.LATE.value})
_DEFAULT_LIMIT = 60.0
"""Target of the end-to-end time in VAL-008, for runs without specs."""
_READING_SLACK = 0.5


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a step; the times of its stages count from its intended send."""

    offset: float
    verdict: str
    stages: Mapping[str, Bounds]

    @property
    def answered(self) -> float | None:
        """Seconds from the send to both the reply and the end of the function."""
        reply = self.stages.get(Stage.CLOUDEVENT_PROCESSING.value)
        return None if self.total is None else max(self.total, reply.high if reply else 0.0)

    @property
    def total(self) -> float | None:
        """Seconds from the send to the end of the function; None if it was not executed."""
        total = self.stages.get(Stage.END_TO_END.value)
        return total.high if total else None


@dataclass(frozen=True, slots=True)
class Step:
    """Step of a run.

    Attributes:
        scenario: the scenario.
        load: events a second, or events at once.
        phase: phase of the step.
        replicas: replicas of the target, where they are known.
        begin: seconds from the start of the run to the first event.
        sending: seconds in which its events were sent; 0 for events at once.
        end: seconds from the start of the run to the last verdict.
        events: its events.
        issues: number of events by the number of their issues; empty where that is not observed.
        in_flight: most events in flight.
        lag: seconds of the p95 of the delay with which the prober sent them.
    """

    scenario: str
    load: float
    phase: str
    replicas: int | None
    begin: float
    sending: float
    end: float
    events: Sequence[Event]
    issues: Mapping[str, int]
    in_flight: int
    lag: float = 0.0

    @property
    def totals(self) -> list[float]:
        """End-to-end times of the events that were executed, ascending."""
        return sorted(event.total for event in self.events if event.total is not None)

    @property
    def is_burst(self) -> bool:
        """Return whether all events were sent at once."""
        return len(self.events) > 1 and self.events[-1].offset == self.events[0].offset

    @property
    def completed_rate(self) -> float:
        """Events a second that were executed, up to the last completion."""
        ends = [e.offset - self.begin + e.total for e in self.events if e.total is not None]
        span = max([self.sending, *ends], default=0.0)
        return len(ends) / span if span > 0 else 0.0

    @property
    def lost_share(self) -> float:
        """Share of the events that were not executed exactly once, unknown ones left out."""
        known = [event for event in self.events if event.verdict != Verdict.UNKNOWN.value]
        lost = sum(event.verdict not in EXECUTED for event in known)
        return lost / len(known) if known else 0.0

    @property
    def missing_issues(self) -> tuple[int, int]:
        """Number of events without an issue, and of those of which that is known."""
        return self.issues.get(IssueCount.NONE.value, 0), sum(self.issues.values())

    @property
    def title(self) -> str:
        """Title for a reader."""
        replicas = f", {self.replicas} replicas" if self.replicas else ""
        return f"{self.scenario} {self.load:g} {self.phase}".rstrip() + replicas

    def find_total(self, probability: float) -> float | None:
        """Find a quantile of the end-to-end time."""
        return find_quantile(self.totals, probability) if self.totals else None


@dataclass(frozen=True, slots=True)
class Series:
    """Readings over time; None where a reading failed."""

    times: Sequence[float]
    values: Sequence[float | None]

    def select(self, begin: float, end: float) -> list[float]:
        """Select the readings of a time."""
        return [
            value
            for t, value in zip(self.times, self.values, strict=True)
            if t is not None and value is not None and begin <= t <= end
        ]


@dataclass(frozen=True, slots=True)
class Process:
    """Readings of a process or pod of the target."""

    name: str
    source: str
    columns: Mapping[str, Series]

    def select(self, column: str, step: Step) -> list[float]:
        """Select the readings of a column during a step; a reading covers the time before it."""
        series = self.columns.get(column)
        if series is None:
            return []
        return series.select(step.begin + _READING_SLACK, step.end + _READING_SLACK)


@dataclass(frozen=True, slots=True)
class RunMeasurements:
    """Measurements of a run.

    Attributes:
        scenario: the scenario.
        steps: its steps with events.
        in_flight: events in flight over time.
        sent: events that were sent, over time.
        judged: events that have their verdict, over time.
        processes: processes or pods of the target.
        health: seconds of the replies of the health page.
        limits: latency target of each stage in seconds.
        leaks: findings of the leak detector, for the scenario sustained.
        settle: seconds for which an event stays in flight after its reply and execution.
        compress: factor by which the plan was shortened; its rates are that much higher.
    """

    scenario: str
    steps: Sequence[Step]
    in_flight: Series
    sent: Series
    judged: Series
    processes: Sequence[Process]
    health: Series
    limits: Mapping[str, float]
    leaks: Sequence[Mapping[str, Any]] = ()
    settle: float = 0.0
    compress: float = 1.0

    @property
    def limit(self) -> float:
        """Target of the end-to-end time in seconds."""
        return self.limits.get(Stage.END_TO_END.value, _DEFAULT_LIMIT)


def read_measurements(document: Mapping[str, Any]) -> RunMeasurements:
    """Read the measurements of a result file."""
    columns = document["series"]["columns"]
    health = document.get("health") or {"t": [], "seconds": []}
    return RunMeasurements(
        document["scenario"],
        [_read_step(document["scenario"], step) for step in document["steps"]],
        Series(columns["t"], columns["in_flight"]),
        Series(columns["t"], columns["sent"]),
        Series(columns["t"], columns["judged"]),
        [
            Process(
                process["replica"] or process["name"],
                process["source"],
                {
                    name: Series(process["columns"]["t"], values)
                    for name, values in process["columns"].items()
                },
            )
            for process in document["processes"]
        ],
        Series(health["t"], health["seconds"]),
        document["limits"],
        document["details"].get("leaks", ()),
        float(Duration.parse(document["settings"].get("settle", "0s")).seconds),
        float(document["environment"].get("compress") or 1.0),
    )


def _read_step(scenario: str, step: Mapping[str, Any]) -> Step:
    samples = step["samples"]
    events = [
        Event(
            offset,
            verdict,
            {
                stage: Bounds(*times[number])
                for stage, times in samples["stages"].items()
                if times[number] is not None
            },
        )
        for number, (offset, verdict) in enumerate(
            zip(samples["offset"], samples["verdict"], strict=True)
        )
    ]
    return Step(
        scenario,
        step["load"],
        step["phase"],
        step["replicas"],
        step["offset"],
        step["duration"],
        step["ended"],
        events,
        step["issues"],
        step["in_flight"],
        step["send_lag"].get("p95", {}).get("value") or 0.0,
    )
