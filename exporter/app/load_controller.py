"""Load controller: starts, stops and lists load scenarios, one at a time."""

import asyncio
import dataclasses
import logging
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from exporter.app.components import Components
from exporter.app.environment import describe_environment
from exporter.app.plugin_set import PluginSet
from exporter.app.resumption import InterruptedRun, read_interrupted_run
from exporter.app.rollout import drain_task
from exporter.config.loader import LoadedConfig
from exporter.config.scenarios import (
    ScenarioSettings,
    explain_refusal,
    find_stand_in_url,
    list_configured,
)
from exporter.journal.journal import Journal
from exporter.loadtest.checkpoint import CheckpointError, CheckpointHeader
from exporter.loadtest.health_watch import watch_health
from exporter.loadtest.issues import (
    ObservationWaiter,
    Rejections,
    read_no_rejections,
    read_rejections,
)
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.probe_guard import ProbeGuard
from exporter.loadtest.result import (
    Refusal,
    RefusalKind,
    ResultArchive,
    ScenarioResult,
    ScenarioState,
)
from exporter.loadtest.run import RunControls, ScenarioRun
from exporter.loadtest.scaling import Scaler
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stop import StoppedError, StopReason, StopSignal
from exporter.scenarios import load_scenario_modules
from exporter.schedule.clock import Clock
from exporter.schedule.tasks import run_in_background
from slos.schema.contract import SCENARIO_COMPLETED, SCENARIO_EVENTS, StageSource, Verdict

_POLL_INTERVAL = 0.2
"""Seconds between two checks of the lease, and of the journal."""
_JOURNAL_PATIENCE = 2.0
"""Seconds for which no write may succeed; the journal tries again with each event."""
_log = logging.getLogger(__name__)

_MAX_COMPRESS = 10_000
"""Highest factor of `compress`: a day takes 9 seconds."""
_LATE_RESULTS_MARGIN = 30.0
"""Seconds added to the usual delay of the Linear observer."""


def _choose_rejection_reader(
    loaded: LoadedConfig, clock: Clock
) -> Callable[[], Awaitable[Rejections | None]]:
    """Choose how to read the queries that the stand-in for Linear refused."""
    url = find_stand_in_url(loaded.config.scenarios, loaded.observers.get(StageSource.LINEAR))
    return partial(read_rejections, url, clock=clock) if url else read_no_rejections


async def run_scenario(
    scenario_run: ScenarioRun, settings: LoadSettings, components: Components
) -> None:
    """Run a scenario, and record in its run how it ended. Never raises."""
    scenario, clock = scenario_run.result.scenario, components.status.clock
    _log.info("scenario %s: started", scenario)
    controls, may_send = scenario_run.controls, components.health.may_send
    try:
        with (
            components.status.history.listen(controls.probe_guard.record_run),
            components.reconciler.listen(controls.late_results.record_run),
        ):
            scenario_run.watch_target()
            async with run_in_background(
                _watch_lease(controls.stop_signal, may_send, clock),
                _watch_journal(scenario_run, components.journal, clock),
                scenario_run.monitor.watch(),
                watch_health(scenario_run.context.path_context, scenario_run.monitor),
            ):
                await scenario_run.send_first_event()
                await load_scenario_modules()[scenario].run_scenario(settings, scenario_run)
                await scenario_run.count_issues()
        scenario_run.update(state=ScenarioState.COMPLETED)
    except StoppedError:
        scenario_run.update(state=ScenarioState.STOPPED, reason=controls.stop_signal.reason)
    except Exception:  # noqa: BLE001 - probing goes on; a bug is logged in full
        scenario_run.update(state=ScenarioState.STOPPED, reason=StopReason.ERROR)
        _log.exception("scenario %s failed", scenario)
    await scenario_run.read_replica_usage()
    scenario_run.monitor.read()
    scenario_run.judge_validity()
    scenario_run.update(ended_at=clock.wall())
    result = scenario_run.result
    fields = (scenario, result.state, result.reason, result.is_met, result.events)
    _log.info("scenario %s: %s (%s), met: %s, %d events", *fields)


async def _watch_lease(stop_signal: StopSignal, may_send: Callable[[], bool], clock: Clock) -> None:
    while may_send():
        await clock.sleep(_POLL_INTERVAL)
    stop_signal.request(StopReason.LEASE_LOST)


async def _watch_journal(scenario_run: ScenarioRun, journal: Journal, clock: Clock) -> None:
    """Stop a load whose events are not recorded: after a crash nobody could clean them up."""
    while (since := journal.failing_since) is None or clock.now() - since < _JOURNAL_PATIENCE:
        await clock.sleep(_POLL_INTERVAL)
    _log.error(
        "scenario %s: stopped, because the journal cannot be written", scenario_run.result.scenario
    )
    scenario_run.controls.stop_signal.request(StopReason.JOURNAL)


def select_scenario(name: str, section: ScenarioSettings) -> tuple[str, LoadSettings] | Refusal:
    """Select a scenario by name with its settings, or return why it must not run."""
    if name not in load_scenario_modules():
        known = ", ".join(load_scenario_modules())
        return Refusal(RefusalKind.UNKNOWN, f"unknown scenario {name!r}; known scenarios: {known}")
    settings = list_configured(section).get(name)
    if settings is None:
        how = f"add scenarios: {{{name}: {{}}}} to the configuration"
        return Refusal(RefusalKind.UNKNOWN, f"the scenario {name} is not configured; {how}")
    why = explain_refusal(section, settings)
    return Refusal(RefusalKind.REFUSED, f"{name}: {why}") if why else (name, settings)


class LoadController:
    """Starts and stops scenarios, and records their results.

    Args:
        components: components of the process.
        archive: results of earlier runs.
    """

    scaler: Scaler | None = None
    """Scales the target, where this process has started it."""

    def __init__(self, components: Components, archive: ResultArchive) -> None:
        self._components = components
        self._archive = archive
        self._plugin_set: PluginSet | None = None
        self._current: ScenarioRun | None = None
        self._last: ScenarioRun | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Export the results of earlier runs; a run that was cut off is marked as stopped."""
        await self._archive.open()
        for scenario in load_scenario_modules():
            for result in self._archive.list_results(scenario):
                if result.state is ScenarioState.RUNNING:
                    stopped = dataclasses.replace(
                        result, state=ScenarioState.STOPPED, reason=StopReason.CUT_OFF
                    )
                    await self._archive.write_result(stopped)
            self._update_gauges(scenario)

    def configure(self, plugin_set: PluginSet) -> None:
        """Use another plug-in set from now on; a scenario that runs by the old one is stopped."""
        self.stop(StopReason.RELOADED)
        self._plugin_set = plugin_set
        self._archive.keep = plugin_set.loaded.config.scenarios.keep_results

    async def start(
        self, name: str, *, compress: float = 1.0, resume: bool = False
    ) -> ScenarioResult | Refusal:
        """Start a scenario; return the run that has started, or a refusal.

        Args:
            name: name of the scenario.
            compress: factor by which its plan is shortened.
            resume: whether to go on with its interrupted run.
        """
        if self._plugin_set is None or not self._components.health.may_send():
            return Refusal(RefusalKind.STANDBY, "on standby; another prober may hold the lease")
        selected = select_scenario(name, self._plugin_set.loaded.config.scenarios)
        if isinstance(selected, Refusal):
            return selected
        if self._current is not None:
            busy = self._current.result.scenario
            return Refusal(
                RefusalKind.BUSY, f"scenario {busy} is running; only one can run at a time"
            )
        if not 1 <= compress <= _MAX_COMPRESS:
            text = f"compress {compress:g} is not from 1 to {_MAX_COMPRESS:,}"
            return Refusal(RefusalKind.REFUSED, f"{name}: {text}")
        if not selected[1].estimate_duration():
            compress = 1.0
        checkpoint = self._archive.open_checkpoint(name)
        resumed = None
        if resume:
            try:
                resumed = await read_interrupted_run(
                    checkpoint,
                    self._components.journal,
                    settings=selected[1],
                    compress=compress,
                    targets=self._plugin_set.context.targets,
                )
            except CheckpointError as error:
                return Refusal(RefusalKind.REFUSED, f"{name}: {error}")
        scenario_run = self._build_scenario_run(
            self._plugin_set, *selected, compress=compress, resumed=resumed
        )
        kept_steps = checkpoint.start(
            CheckpointHeader(
                scenario_run.result.id,
                scenario_run.result.started_at,
                selected[1].to_json(),
                compress,
            )
        )
        if kept_steps:
            scenario_run.add_note(
                f"an interrupted run with {kept_steps} steps is kept; once this one has ended, "
                "--resume goes on with it"
            )
        self._current = self._last = scenario_run
        self._task = asyncio.create_task(
            self._run_scenario(scenario_run, selected[1]), name=f"scenario {name}"
        )
        return scenario_run.result

    def stop(self, reason: StopReason) -> bool:
        """Stop the running scenario, if there is one. Events in flight still get their verdicts."""
        if self._current is None:
            return False
        self._current.controls.stop_signal.request(reason)
        return True

    @property
    def current(self) -> ScenarioRun | None:
        """The scenario that is running."""
        return self._current

    def get_last_result(self) -> ScenarioResult | None:
        """Return the result of the last run of this process, which may still run."""
        return self._last.result if self._last else None

    async def wait(self, seconds: float) -> None:
        """Wait for the end of the running scenario, at most some seconds."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    def build_document(self, run_id: str) -> dict[str, Any] | None:
        """Build the content of the result file of the last run that ended; None for others."""
        return self._last.build_document() if self._last and self.has_document(run_id) else None

    def has_document(self, run_id: str) -> bool:
        """Return whether a run is the last one of this process, and has ended."""
        last = self._last
        return last is not None and last.result.id == run_id and last is not self._current

    def list_latest(self) -> dict[str, ScenarioResult | None]:
        """List the newest run of each scenario; None for a configured one that was never run."""
        config = self._plugin_set.loaded.config.scenarios if self._plugin_set else None
        latest: dict[str, ScenarioResult | None] = dict.fromkeys(
            list_configured(config) if config else ()
        )
        for scenario in load_scenario_modules():
            if results := self._archive.list_results(scenario):
                latest[scenario] = results[0]
        if self._current is not None:
            latest[self._current.result.scenario] = self._current.result
        return latest

    def build_engine_document(self, run: str) -> dict[str, Any] | None:
        """Build the calls of the canary for a run of a load engine; None for an unknown run."""
        return self._components.engine_calls.build_document(run)

    def to_json(self) -> dict[str, Any]:
        """Return the running scenario, the configured ones and the results."""
        running = self._current.to_json() if self._current else None
        stopping = self._current.controls.stop_signal.reason if self._current else None
        config = self._plugin_set.loaded.config.scenarios if self._plugin_set else None
        return {
            "running": running and {**running, "stopping": stopping},
            "configured": sorted(list_configured(config)) if config else [],
            "results": {
                scenario: [
                    result.to_json()
                    for result in self._archive.list_results(scenario)
                    if result.state is not ScenarioState.RUNNING
                ]
                for scenario in load_scenario_modules()
            },
        }

    async def close(self, grace: float, *, reason: StopReason = StopReason.SHUTDOWN) -> None:
        """Stop the scenario, and wait for the verdicts of events in flight, at most `grace`."""
        if self._task is not None and self.stop(reason):
            await drain_task(self._task, self._components, grace)

    async def _run_scenario(self, scenario_run: ScenarioRun, settings: LoadSettings) -> None:
        """Run the scenario, and record its result."""
        scenario, scenario_metrics = (
            scenario_run.result.scenario,
            self._components.status.scenario_metrics,
        )
        scenario_metrics.running = scenario
        await self._archive.write_result(scenario_run.result)
        await run_scenario(scenario_run, settings, self._components)
        await self._archive.write_result(scenario_run.result)
        self._update_gauges(scenario)
        if scenario_run.result.state in {ScenarioState.COMPLETED, ScenarioState.INVALID}:
            self._archive.open_checkpoint(scenario).remove()
        scenario_metrics.running = self._current = None

    def _build_scenario_run(
        self,
        plugin_set: PluginSet,
        scenario: str,
        settings: LoadSettings,
        *,
        compress: float,
        resumed: InterruptedRun | None,
    ) -> ScenarioRun:
        clock, metrics, stop_signal = (
            self._components.status.clock,
            self._components.status.metrics,
            StopSignal(),
        )
        unit = load_scenario_modules()[scenario].UNIT
        run_id, started_at, notes = uuid.uuid4().hex, clock.wall(), tuple[str, ...]()
        if resumed is not None:
            run_id, started_at = resumed.header.id, resumed.header.started_at
            notes = (resumed.describe(clock.wall()),)
        result = ScenarioResult(
            run_id, scenario, ScenarioState.RUNNING, started_at, unit=unit, notes=notes
        )
        common = plugin_set.loaded.config.scenarios
        linear = plugin_set.observers.get(StageSource.LINEAR)
        return ScenarioRun(
            result,
            settings,
            context=plugin_set.context,
            controls=RunControls(
                stop_signal,
                probe_guard=ProbeGuard(
                    stop_signal,
                    allowed=common.normal_failures,
                    load_started_at=clock.wall(),
                    is_measurement=lambda run: metrics.find_probe_path(run) is not None,
                ),
                late_results=ObservationWaiter(
                    timeout=linear.usual_delay + _LATE_RESULTS_MARGIN if linear else 0.0
                ),
                max_events=common.max_events,
                can_see_issues=linear is not None and common.linear != "none",
                read_rejections=_choose_rejection_reader(plugin_set.loaded, clock),
                validity=common.validity.to_limits(plugin_set.context.targets),
                compress=compress,
                scaler=self.scaler,
                resource_queries=common.resources,
                checkpoint=self._archive.open_checkpoint(scenario),
                resumed=resumed.records if resumed else (),
                environment=describe_environment(
                    target=plugin_set.loaded.config.target.url,
                    linear=common.linear if linear else "none",
                    compress=compress,
                ),
            ),
            history=self._archive.list_results(result.scenario),
        )

    def _update_gauges(self, scenario: str) -> None:
        """Update the gauges from the completed runs, those of earlier processes included."""
        completed = self._archive.list_completed(scenario)
        samples: list[ScenarioSample] = []
        if completed:
            ended = completed[0].ended_at or completed[0].started_at
            samples = [ScenarioSample(SCENARIO_COMPLETED, ended, {}), *_list_events(completed[0])]
            samples += load_scenario_modules()[scenario].list_samples(completed)
        self._components.status.scenario_metrics.set_samples(scenario, samples)


def _list_events(result: ScenarioResult) -> Iterable[ScenarioSample]:
    """List the number of events of a run by verdict; a verdict that none has is 0."""
    counts = Counter[str]()
    for step in result.steps:
        counts.update(step.verdicts)
    for verdict in Verdict:
        yield ScenarioSample(SCENARIO_EVENTS, counts[verdict.value], {"verdict": verdict.value})


async def open_load_controller(loaded: LoadedConfig, components: Components) -> LoadController:
    """Open the controller, with the results of earlier processes next to the journal."""
    journal = loaded.journal_path
    archive = ResultArchive(
        journal.with_name(f"{journal.name}.scenarios"), keep=loaded.config.scenarios.keep_results
    )
    load_controller = LoadController(components, archive)
    await load_controller.open()
    return load_controller
