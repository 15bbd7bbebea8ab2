"""A prober in virtual time: real probes, timetables and metrics, with verdicts of real runs.

The probes of a configuration run at the slots of their timetables. What a run finds is a copy of a
run that the real prober made while the same fault was there (`outcomes.py`), so nothing is sent.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

from exporter.app.plugin_set import build_status
from exporter.config.loader import LoadedConfig
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.stages import merge_stage_times
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, load_probe_modules
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Timetable
from exporter.status import Status
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import (
    SERVICE,
    CanaryOutcome,
    Criterion,
    DeliveryPath,
    IssueCount,
    LeakVerdict,
    LeftoverKind,
    PathProblem,
    Stage,
    StageSource,
    Verdict,
)
from tests.benchmarks import traffic
from tests.e2e.replay.history import SCRAPE_INTERVAL, History, Scraper
from tests.e2e.replay.outcomes import Condition, Outcomes

START = traffic.START / 1000
"""Wall clock of minute 0 in seconds."""
_POLL_INTERVAL = 30.0
_LINEAR_DELAY = 100.0
"""Seconds from a verdict to the last word of Linear: one search and the wait for a second issue."""
_OVERDUE = 250.0
_SETTLED_SIGNALS = ("working_set", "rss", "threads")
_LEAK_EVERY, _LEAK_AFTER = 900.0, 14_400.0

_SECURITY_CHECKS = (
    *(Criterion.INPUT_VALIDATION,) * 4,
    *(Criterion.CONTAINMENT,) * 2,
    Criterion.AUTHENTICATION,
    Criterion.RATE_LIMITING,
)


@dataclass(frozen=True, slots=True)
class Period:
    """A condition from one minute up to another."""

    condition: Condition
    start: float
    end: float

    def contains(self, seconds: float) -> bool:
        """Return whether a time in seconds lies in it."""
        return 60 * self.start <= seconds < 60 * self.end


class _VirtualClock:
    """A clock that the replay sets."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    def steady(self) -> float:
        return self.time

    async def sleep(self, _: float) -> None:
        return


class ProberReplay:
    """The prober of a configuration over some minutes, scraped into a history.

    agent-sre has the known faults, and is as the specs want it otherwise.

    Args:
        loaded: its configuration.
        outcomes: what runs find under each condition.
        periods: conditions other than good health.
        history: the series of the scrapes.
        faults: the known faults; by default what the specs accept.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        outcomes: Outcomes,
        periods: Sequence[Period],
        history: History,
        *,
        faults: Sequence[AcceptedCriterion] | None = None,
    ) -> None:
        self._faults = loaded.accepted if faults is None else faults
        self._loaded, self._outcomes, self._periods = loaded, outcomes, periods
        self._history = history
        self._clock = _VirtualClock()
        self._queue: list[tuple[float, int, bool, Callable[[], None]]] = []
        self._order = itertools.count()
        self._unfinished: dict[str, Run] = {}
        self._awaiting_linear: dict[str, float] = {}
        self._process = 0
        self._pod = 1
        self._is_running = False

    def _open_process(self) -> None:
        """Start a process: everything is zero, and open runs of the one before are unknown."""
        self._started = self._clock.time
        self._status = self._create_status()
        self._target = {"job": "slo-probe", "instance": f"10.0.0.{self._pod}:9108"}
        self._scraper = Scraper(self._status.registry, self._history, self._target)
        lost = [
            replace(run, verdict=Verdict.UNKNOWN, stage_times={})
            for run in self._unfinished.values()
        ]
        self._unfinished.clear()
        self._status.metrics.postpone_judged(lost)
        self._probes = {probe.key: probe for probe in self._build_probes()}
        for probe in self._probes.values():
            timetable = Timetable(probe.key, probe.schedule)
            self._plan_slot(timetable, timetable.find_slot_after(self._clock.time))

    def _create_status(self) -> Status:
        loaded = self._loaded
        status = build_status(loaded, self._clock, heartbeat_interval=60.0)
        kinds = [LeftoverKind.LINEAR_ISSUE, LeftoverKind.ALERT]
        status.gauges.start_at_zero(kinds=kinds, sources=loaded.observers)
        status.gauges.lease_held.set(1)
        return status

    def _build_probes(self) -> list[Probe]:
        paths = {path: SimpleNamespace(NAME=path) for path in self._loaded.paths}
        unused: Any = None
        context = ProbeContext(
            alert_runner=cast("Any", SimpleNamespace(run=self._run_alert)),
            path_context=cast("Any", SimpleNamespace(clock=self._clock, url="", canary=None)),
            paths=cast("Any", paths),
            targets=self._loaded.targets,
            gauges=self._status.gauges,
            history=self._status.history,
            health=unused,
            state=self._status.state,
            count_open_runs=lambda: 0,
        )
        modules = load_probe_modules()
        stand_ins = {"availability": self._check_health, "security": self._check_security,
                     "leak": self._check_leaks}  # fmt: skip
        built: list[Probe] = []
        for name, settings in self._loaded.probes.items():
            if name in stand_ins:
                built.append(_StandIn(name, settings, stand_ins[name]))
            else:
                built += modules[name].build_probes(settings, context)
        return built

    def _plan(self, at: float, act: Callable[[], None], *, outlives_process: bool = False) -> None:
        process = self._process

        def act_if_alive() -> None:
            if outlives_process or process == self._process:
                act()

        heapq.heappush(self._queue, (at, next(self._order), outlives_process, act_if_alive))

    def _plan_slot(self, timetable: Timetable, number: int) -> None:
        at = timetable.get_slot_time(number)

        def run_slot() -> None:
            self._plan_slot(timetable, number + 1)
            self._run_probe(self._probes[timetable.probe], Slot(at, at))

        self._plan(at, run_slot)

    def _run_probe(self, probe: Probe, slot: Slot) -> None:
        self._slot_ends = slot.intended
        outcome = self._loop.run_until_complete(probe.run(slot))

        def record_checks() -> None:
            self._status.metrics.checks.count_outcome(probe.key, outcome.checks)

        if outcome.checks:
            self._plan(self._slot_ends, record_checks)

    def _has(self, condition: Condition) -> bool:
        seconds = self._clock.time - START
        return any(each.condition is condition and each.contains(seconds) for each in self._periods)

    async def _run_alert(self, job: AlertJob, slot: Slot) -> Run:
        """Do what the alert runner does, at the pace of the real one."""
        path = job.path.NAME
        is_dead = not self._passes(Criterion.AVAILABILITY, path)
        found = self._outcomes.find_run(path, self._has, is_dead=is_dead)
        probe_path = self._status.metrics.find_probe_path(
            replace(found, probe=job.probe, path=path)
        )
        visible: Mapping[Stage, Sequence[str]] = probe_path.sources_by_stage if probe_path else {}
        number = next(self._order)
        run = replace(
            found,
            probe=job.probe,
            path=path,
            id=f"{number:032x}",
            intended_at=slot.intended_at,
            stage_times={
                stage: {source: time for source, time in times.items() if source in visible[stage]}
                for stage, times in found.stage_times.items()
                if stage in visible
            },
        )
        is_sent = run.verdict is not Verdict.UNREACHABLE
        if is_sent:
            run = self._status.metrics.postpone_stages(run)
        opens_issue = (
            is_sent
            and not is_dead
            and not self._has(Condition.LINEAR_DOWN)
            and not (path != DeliveryPath.DIRECT and self._has(Condition.AGENT_DOWN))
        )
        if is_dead and path == DeliveryPath.ALERTMANAGER:
            self._status.metrics.count_path_problem(path, PathProblem.UNTRACEABLE_ISSUE)
        executed = run.verdict is Verdict.OK
        took = job.deadlines.settle + 0.1 if executed else 0.1
        if run.verdict in (Verdict.LOST, Verdict.TIMEOUT):
            took = job.deadlines.timeout
        self._unfinished[run.id] = run
        if executed:
            self._status.metrics.count_canary_request(CanaryOutcome.EXECUTED)
        self._slot_ends = max(self._slot_ends, slot.intended + took)
        self._plan(slot.intended + took, lambda: self._judge(run, opens_issue=opens_issue))
        return run

    def _judge(self, run: Run, *, opens_issue: bool) -> None:
        del self._unfinished[run.id]
        self._status.metrics.observe_lag(run.probe, 0.001)
        self._status.metrics.count_judged(run)
        if run.due_stages:
            due_at = self._clock.time + _LINEAR_DELAY
            self._awaiting_linear[run.id] = self._clock.time
            self._plan_late(due_at, run, opens_issue=opens_issue)

    def _plan_late(self, at: float, run: Run, *, opens_issue: bool) -> None:
        """Ask the remote observers; while Linear does not answer, ask again, as the poller does."""

        def observe() -> None:
            if self._has(Condition.LINEAR_DOWN) or not self._is_running:
                self._plan_late(self._clock.time + _POLL_INTERVAL, run, opens_issue=opens_issue)
                return
            del self._awaiting_linear[run.id]
            late: dict[Stage, dict[str, Bounds]] = {
                stage: {StageSource.TEMPO: Bounds.exactly(0.02)}
                for stage in run.due_stages
                if stage is not Stage.LINEAR_ISSUE_CREATION
                and run.verdict is Verdict.OK
                and self._passes(Criterion.from_stage(stage))
            }
            if opens_issue:
                late[Stage.LINEAR_ISSUE_CREATION] = {StageSource.LINEAR: Bounds.exactly(0.3)}
            known = replace(run, stage_times=merge_stage_times(run.stage_times, late))
            count = IssueCount.ONE if opens_issue else IssueCount.NONE
            self._status.metrics.count_observed(known, count)

        self._plan(at, observe, outlives_process=True)

    def _passes(self, criterion: Criterion, path: str = DeliveryPath.DIRECT) -> bool:
        return not any(
            each.criterion is criterion and each.path in (None, path) for each in self._faults
        )

    def _check_health(self) -> Sequence[tuple[Criterion, bool | None]]:
        is_up = not self._has(Condition.AGENT_DOWN)
        self._status.gauges.up.labels(SERVICE).set(is_up)
        self._status.gauges.ready.labels(SERVICE).set(is_up)
        return ((Criterion.HEALTH, is_up),)

    def _check_security(self) -> Sequence[tuple[Criterion, bool | None]]:
        """Check nothing while a valid event is refused, or while no call arrives."""
        if self._has(Condition.AGENT_DOWN):
            return ()
        hidden = {Criterion.CONTAINMENT} if self._has(Condition.CANARY_UNREACHABLE) else set()
        return [(each, self._passes(each)) for each in _SECURITY_CHECKS if each not in hidden]

    def _check_leaks(self) -> Sequence[tuple[Criterion, bool | None]]:
        """Judge every 15 minutes; the first hours of a process are too short to judge itself."""
        age = self._clock.time - self._started
        if age % _LEAK_EVERY >= float(self._loaded.probes["leak"].interval.seconds):
            return ()
        for signal in _SETTLED_SIGNALS:
            self._status.gauges.leak_signal_observed.labels(signal).set(1)
            verdict = LeakVerdict.PASS if age > _LEAK_AFTER else LeakVerdict.INSUFFICIENT
            self._status.gauges.leak_verdict.labels(signal, "self").set(verdict)
        return ((Criterion.LEAKS, True),) if age > _LEAK_AFTER else ()

    def run(self, minutes: float) -> None:
        """Let some minutes pass, with a scrape every 30 s."""
        self._loop = asyncio.new_event_loop()
        try:
            for number in range(round(minutes * 60 / SCRAPE_INTERVAL)):
                self._run_until(START + number * SCRAPE_INTERVAL)
                self._scrape(number)
        finally:
            self._loop.close()

    def _run_until(self, end: float) -> None:
        while self._queue and self._queue[0][0] <= end:
            at, _, _, act = heapq.heappop(self._queue)
            self._clock.time = max(self._clock.time, at)
            act()
        self._clock.time = end

    def _scrape(self, number: int) -> None:
        has_pod = not self._has(Condition.PROBER_DOWN)
        is_running = has_pod and not self._has(Condition.PROBER_RESTARTING)
        if self._is_running and not is_running:
            self._process += 1  # what the old process had planned is gone
            self._history.end_series(number, ("instance", self._target["instance"]))
        if not has_pod:
            self._pod += self._is_running
        elif not is_running:
            self._history.set_value(number, "up", self._target, 0)
        elif not self._is_running:
            self._open_process()
        self._is_running = is_running
        if is_running:
            self._update_linear_gauges()
            self._scraper.scrape(number)
            self._status.metrics.count_postponed()

    def _update_linear_gauges(self) -> None:
        if self._has(Condition.LINEAR_DOWN):
            self._status.gauges.observer_failures.labels(StageSource.LINEAR).inc()
        overdue = sum(
            self._clock.time - since > _OVERDUE for since in self._awaiting_linear.values()
        )
        self._status.gauges.overdue_leftovers.labels(LeftoverKind.LINEAR_ISSUE).set(overdue)


@dataclass(slots=True)
class _StandIn:
    """A probe that opens connections, without them."""

    key: str
    schedule: Any
    check: Callable[[], Sequence[tuple[Criterion, bool | None]]]

    async def run(self, _: Slot) -> Any:  # noqa: ANN401 - an outcome
        return SimpleNamespace(checks=tuple(self.check()))
