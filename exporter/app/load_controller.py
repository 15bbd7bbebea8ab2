"""Start, stop and list load scenarios, one at a time."""

import asyncio
import dataclasses
import logging
import uuid
from collections.abc import Callable
from typing import Any

from exporter.app.components import Core
from exporter.app.generation import Engine
from exporter.config.scenarios import ScenarioSettings, configured, refusal
from exporter.loadtest.guards import LateNews, NormalRuns
from exporter.loadtest.metrics import Reading
from exporter.loadtest.result import Archive, Denial, Denied, Result, State
from exporter.loadtest.run import Limits, Trial
from exporter.loadtest.settings import Load
from exporter.loadtest.stop import Brake, Stop, StoppedError
from exporter.scenarios import scenario_modules
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import keep_beating
from exporter.schedule.tasks import beside
from slos.schema.contract import SCENARIO_COMPLETED, Scenario, Source

_LOOK = 0.2
"""Seconds between two checks of the lease."""
_log = logging.getLogger(__name__)

_LATE_NEWS = 30.0
"""Seconds added to the usual delay of the Linear observer."""
_LAST_WORDS = 2.0
"""Seconds for aborted events to be written."""


async def carry_out(
    trial: Trial, settings: Load, *, core: Core, may_send: Callable[[], bool]
) -> None:
    """Run a scenario, and record in its run how it ended. Never raises."""
    scenario, clock = trial.result.scenario, core.face.clock
    _log.info("scenario %s: begins", scenario)
    core.face.recent.hears, core.aftercare.hears = trial.normal.hear, trial.late.hear
    try:
        async with beside(_watch_lease(trial.brake, may_send, clock)):
            await trial.first()
            await scenario_modules()[scenario].run(settings, trial)
        trial.tell(state=State.COMPLETED)
    except StoppedError:
        trial.tell(state=State.STOPPED, reason=trial.brake.reason)
    except Exception:  # noqa: BLE001 - probing goes on; a bug is logged in full
        trial.tell(state=State.STOPPED, reason=Stop.ERROR)
        _log.exception("scenario %s broke", scenario)
    finally:
        core.face.recent.hears, core.aftercare.hears = _nobody, _nobody
    trial.tell(ended_at=clock.wall())
    result = trial.result
    told = (scenario, result.state, result.reason, result.met, result.events)
    _log.info("scenario %s: %s (%s), met: %s, %d events", *told)


async def _watch_lease(brake: Brake, may_send: Callable[[], bool], clock: Clock) -> None:
    while may_send():
        await clock.sleep(_LOOK)
    brake.pull(Stop.LEASE_LOST)


def _nobody(*_: object) -> None:
    """Ignore a run."""


def wanted(name: str, section: ScenarioSettings) -> tuple[Scenario, Load] | Denied:
    """Select a scenario by name with its settings, or return why it must not run."""
    if name not in {scenario.value for scenario in scenario_modules()}:
        known = ", ".join(scenario_modules())
        return Denied(Denial.UNKNOWN, f"there is no scenario {name!r}; there are {known}")
    scenario = Scenario(name)
    settings = configured(section).get(scenario)
    if settings is None:
        how = f"add scenarios: {{{name}: {{}}}} to the configuration"
        return Denied(Denial.UNKNOWN, f"the scenario {name} is not configured; {how}")
    why = refusal(section, settings)
    return Denied(Denial.REFUSED, f"{name}: {why}") if why else (scenario, settings)


class Desk:
    """Starts and stops scenarios, and records their results.

    Args:
        core: components of the process.
        archive: results of earlier runs.
        may_send: whether this prober holds the lease.
    """

    def __init__(self, core: Core, archive: Archive, *, may_send: Callable[[], bool]) -> None:
        self._core = core
        self._archive = archive
        self._may_send = may_send
        self._engine: Engine | None = None
        self._current: Trial | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Export the results of earlier runs; a run that was cut off is marked as stopped."""
        await self._archive.open()
        for scenario in scenario_modules():
            for result in self._archive.of(scenario):
                if result.state is State.RUNNING:
                    cut = dataclasses.replace(result, state=State.STOPPED, reason=Stop.CUT_OFF)
                    await self._archive.put(cut)
            self._show(scenario)

    def use(self, engine: Engine) -> None:
        """Use another generation from now on; a scenario that runs by the old one is stopped."""
        self.stop(Stop.RELOADED)
        self._engine = engine
        self._archive.keep = engine.loaded.config.scenarios.keep_results

    async def start(self, name: str) -> Result | Denied:
        """Start a scenario; return the run that has started, or a refusal."""
        if self._engine is None or not self._may_send():
            return Denied(Denial.STANDBY, "standing by; another prober sends")
        asked = wanted(name, self._engine.loaded.config.scenarios)
        if isinstance(asked, Denied):
            return asked
        if self._current is not None:
            busy = self._current.result.scenario
            return Denied(Denial.BUSY, f"the scenario {busy} is running; one at a time")
        trial = self._trial(self._engine, *asked)
        self._current = trial
        self._task = asyncio.create_task(self._run(trial, asked[1]), name=f"scenario {name}")
        return trial.result

    def stop(self, reason: Stop) -> bool:
        """Stop the running scenario, if there is one. Events in flight still get their verdicts."""
        if self._current is None:
            return False
        self._current.brake.pull(reason)
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the running scenario, the configured ones and the results."""
        now = self._current.result.as_json() if self._current else None
        stopping = self._current.brake.reason if self._current else None
        config = self._engine.loaded.config.scenarios if self._engine else None
        return {
            "running": now and {**now, "stopping": stopping},
            "configured": sorted(configured(config)) if config else [],
            "results": {
                scenario.value: [
                    each.as_json()
                    for each in self._archive.of(scenario)
                    if each.state is not State.RUNNING
                ]
                for scenario in scenario_modules()
            },
        }

    async def close(self, grace: float, *, why: Stop = Stop.SHUTDOWN) -> None:
        """Stop the scenario, and wait for the verdicts of events in flight, at most `grace`."""
        task, face = self._task, self._core.face
        if task is None or not self.stop(why):
            return
        async with beside(keep_beating(face.pulse, face.clock)):
            aborting = asyncio.create_task(self._core.abort.wait())
            await asyncio.wait({task, aborting}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
            self._core.abort.set()
            aborting.cancel()
            await asyncio.wait({task}, timeout=_LAST_WORDS)
        task.cancel()
        await asyncio.gather(task, aborting, return_exceptions=True)

    async def _run(self, trial: Trial, settings: Load) -> None:
        """Run the scenario, and record its result."""
        scenario, readings = trial.result.scenario, self._core.face.readings
        readings.running = scenario
        await self._archive.put(trial.result)
        await carry_out(trial, settings, core=self._core, may_send=self._may_send)
        await self._archive.put(trial.result)
        self._show(scenario)
        readings.running = self._current = None

    def _trial(self, engine: Engine, scenario: Scenario, settings: Load) -> Trial:
        clock, metrics, brake = self._core.face.clock, self._core.face.metrics, Brake()
        unit = scenario_modules()[scenario].UNIT
        result = Result(uuid.uuid4().hex, scenario, State.RUNNING, clock.wall(), unit=unit)
        common = engine.loaded.config.scenarios
        linear = engine.observers.get(Source.LINEAR)
        return Trial(
            result,
            settings,
            means=engine.means,
            limits=Limits(
                common.max_events,
                self._may_send,
                sees_issues=linear is not None and common.linear != "none",
            ),
            brake=brake,
            normal=NormalRuns(
                brake,
                allowed=common.normal_failures,
                since=result.started_at,
                measures=lambda run: metrics.line_of(run) is not None,
            ),
            late=LateNews(patience=linear.usual + _LATE_NEWS if linear else 0.0),
            history=self._archive.of(result.scenario),
        )

    def _show(self, scenario: Scenario) -> None:
        """Update the gauges from the completed runs, those of earlier processes included."""
        completed = self._archive.completed(scenario)
        readings: list[Reading] = []
        if completed:
            ended = completed[0].ended_at or completed[0].started_at
            readings = [Reading(SCENARIO_COMPLETED, ended, {})]
            readings += scenario_modules()[scenario].readings(completed)
        self._core.face.readings.show(scenario, readings)
