"""Scalability: the throughput of several replicas compared with one (VAL-008, AC5 and Scenario 5).

With `scale`, a run scales the target from one number of replicas to the next. Each step sends the
same rate for each replica, once all of them are ready. Speed-up is the events a second in time with
n replicas, divided by those with one; efficiency is the speed-up divided by n. A rate that one
replica can handle shows whether n replicas handle n times as much, not how much they could handle.
The spread of the load is Jain's index of the work of the replicas, where that is known. At the end
one replica is killed under load. `details.scaling` has a row for each number of replicas, and
`details.kill` that of the killed one. The prober in a cluster has no right to scale, by design: an
operator runs this with `--config` from a shell, or scales by hand.

Without `scale`, a run measures the replicas that it finds, and records their number. An operator
scales, runs, scales and runs: with `kubectl scale`, or with Knative the annotations min-scale and
max-scale set to the same number, so that the load does not change it. The first run needs one
replica, since all others are compared with it. Every run sends the same steps of rising rates. The
throughput with n replicas is the highest rate of those steps of which at least `share` of the
events were executed exactly once and in time; the time includes working off the backlog (see the
scenario throughput). If even the highest step does not saturate the target, the values of many
replicas are too low.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from exporter.fields import DnsLabel, DurationField, Section, Share, in_unit
from exporter.httpclient.errors import RequestError
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.ramp import RampSettings, send_ramp
from exporter.loadtest.result import Measure, ScenarioResult, ScenarioState
from exporter.loadtest.result_file import StepRecord
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.scaling import ManualScaler, ScaleError, Scaler, compute_jain_index
from exporter.loadtest.stats import list_limits
from exporter.loadtest.stop import StopReason
from slos.schema.contract import SCALING_EFFICIENCY, THROUGHPUT, Stage
from slos.schema.units import Duration

SCENARIO = "scalability"
NEEDS_PROMETHEUS = True
UNIT = "events a second"
EFFICIENCY = "efficiency"
_MAX_REPLICAS = 10
_READY_POLL = Duration.from_parts(seconds=0.5)
_REPLICAS_QUERY = (
    "sum(max by (deployment) (kube_deployment_status_replicas_ready"
    '{namespace="$namespace",deployment=~"agent-sre(-[0-9]+-deployment)?"}))'
)


class ScaleSettings(Section):
    """Scaling of the target during a run."""

    by: Literal["simulator", "manual", "deployment", "knative", "lambdaagent"] = "manual"
    """Object that is scaled: a Deployment, a Knative Service, a LambdaAgent; `manual` waits for an
    operator, and `simulator` starts processes of the simulator (`--simulate`). Default manual."""
    replicas: list[int] = Field(
        default=[1, 2, 3, 4, 5], min_length=1, json_schema_extra=in_unit("replicas")
    )
    """Numbers of replicas, ascending, from 1 on. Default 1 to 5, as VAL-008 requires; up to 10."""
    rate_per_replica: float = Field(
        default=20.0, gt=0, le=200, json_schema_extra=in_unit("events per second")
    )
    """Events per second for each replica. Default 20: one process handles 27."""
    hold: DurationField = Duration.from_parts(seconds=30)
    """Duration of a step. Default 30s."""
    ready_within: DurationField = Duration.from_parts(minutes=5)
    """Time in which the replicas must be ready. Default 5m; by hand, the time that the operator
    has."""
    kill: bool = True
    """Kill one replica under load at the end. Default true, where that is possible."""
    kill_share: Share = Decimal("0.9")
    """Share of the events that must be executed while a replica is killed. Default 90%."""
    name: DnsLabel = "agent-sre"
    """Name of the object that is scaled. Default agent-sre."""
    namespace: DnsLabel = "ai"
    """Namespace of the object. Default ai."""
    pods: str = "serving.knative.dev/service=agent-sre"
    """Label selector of the pods. Default: those of the Knative Service agent-sre."""
    api: str = Field(default="lambda.knative.io/v1alpha1", pattern=r"^[a-z0-9.-]+/v[a-z0-9]+$")
    """API group and version of a LambdaAgent. Default lambda.knative.io/v1alpha1."""

    @model_validator(mode="after")
    def _check_replicas(self) -> "ScaleSettings":
        counts = self.replicas
        if sorted(set(counts)) != counts or counts[0] != 1 or counts[-1] > _MAX_REPLICAS:
            raise ValueError(
                f"replicas {counts} must be ascending, from 1 to at most {_MAX_REPLICAS}; "
                "for example [1, 2, 3, 4, 5]"
            )
        return self

    def list_offsets(self, replicas: int) -> list[float]:
        """List the offsets of the events of a step, in seconds."""
        rate = self.rate_per_replica * replicas
        return [number / rate for number in range(max(1, round(rate * float(self.hold.seconds))))]


class Settings(RampSettings):
    """Settings of the scenario scalability."""

    scale: ScaleSettings | None = None
    """Scaling of the target during a run. Default none: a run measures the replicas it finds."""

    rates: list[int] = Field(
        default=[10, 20, 30, 40, 60, 80, 110, 150],
        min_length=1,
        json_schema_extra=in_unit("events per second"),
    )
    """Events per second, one step each, ascending. Default 10 to 150: one process handles 27, and
    five handle 135 with linear scaling."""
    least: Share = Decimal("0.7")
    """Minimum efficiency. Default 70%, below which the alert on scaling fires."""
    replicas: str = Field(default=_REPLICAS_QUERY, min_length=1)
    """Query for the number of ready replicas. Default: those of the Deployments of agent-sre in
    `prometheus.namespace`, plain ones and those of Knative revisions."""

    def needs_prometheus(self) -> bool:
        """Return whether the number of replicas is read from Prometheus."""
        return self.scale is None or self.scale.by == "manual"

    def count_max_events(self) -> int:
        """Count the events of all steps, and the one before."""
        if self.scale is None:
            return super().count_max_events()
        counts = [*self.scale.replicas, *self.scale.replicas[-1:]]
        return 1 + sum(len(self.scale.list_offsets(count)) for count in counts)


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Scale the target and send the same rate for each replica, or measure what is there."""
    if settings.scale is None:
        await _measure_current_replicas(settings, scenario_run)
        return
    try:
        async with _open_scaler(settings, settings.scale, scenario_run) as scaler:
            await _ScaledRun(settings, settings.scale, scenario_run, scaler).run()
    except ScaleError as error:
        scenario_run.add_note(str(error))
        scenario_run.controls.stop_signal.request_and_raise(StopReason.NOT_SCALED)


@contextlib.asynccontextmanager
async def _open_scaler(
    settings: Settings, scale: ScaleSettings, scenario_run: ScenarioRun
) -> AsyncIterator[Scaler]:
    """Open the scaler that the settings name.

    Raises:
        ScaleError: there is none.
    """
    if scale.by == "simulator":
        if scenario_run.controls.scaler is None:
            raise ScaleError("scale.by is simulator: start the command with --simulate")
        yield scenario_run.controls.scaler
    elif scale.by == "manual":
        yield ManualScaler(scenario_run.context.prometheus, settings.replicas)
    else:
        from exporter.loadtest import kubernetes_scaler  # noqa: PLC0415 - it takes half a second

        async with kubernetes_scaler.open_client() as client:
            yield kubernetes_scaler.KubernetesScaler(
                client,
                kubernetes_scaler.ScaledKind(scale.by),
                name=scale.name,
                namespace=scale.namespace,
                selector=scale.pods,
                group_version=scale.api,
            )


class _ScaledRun:
    """Run that scales the target from one number of replicas to the next."""

    def __init__(
        self,
        settings: Settings,
        scale: ScaleSettings,
        scenario_run: ScenarioRun,
        scaler: Scaler,
    ) -> None:
        self._settings = settings
        self._scale = scale
        self._scenario_run = scenario_run
        self._scaler = scaler
        self._limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
        self._rows: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Send every step; then kill a replica; then scale back to one.

        Raises:
            ScaleError: the target cannot be scaled.
            StoppedError: the run was stopped before its end.
        """
        try:
            for replicas in self._scale.replicas:
                self._rows.append(await self._measure_replicas(replicas))
                self._update()
            killed = await self._kill_under_load() if self._scale.kill else None
            self._update(killed)
        finally:
            self._scenario_run.update(level=None)
            with contextlib.suppress(ScaleError):
                await self._scaler.scale(1)

    async def _measure_replicas(self, replicas: int) -> dict[str, Any]:
        scenario_run, monitor = self._scenario_run, self._scenario_run.monitor
        monitor.add_mark(f"scale to {replicas}")
        await self._scaler.scale(replicas)
        to_scale = await self._wait_for_ready(replicas)
        scenario_run.update(level=replicas)
        await scenario_run.wait(self._settings.rest)
        before = await self._scaler.read_work()
        record = await self._send(replicas, phase="scaled")
        work = await self._list_work(before)
        return {
            "replicas": replicas,
            "seconds_to_scale": to_scale,
            "sent_per_second": record.step.load,
            "events_per_second": record.step.rates[Stage.END_TO_END],
            "executed_once": 1 - record.step.lost_share,
            "jain_index": compute_jain_index(list(work.values())),
            "work": work,
        }

    async def _list_work(self, before: Mapping[str, float]) -> dict[str, float]:
        after = await self._scaler.read_work()
        return {name: value - before.get(name, 0.0) for name, value in after.items()}

    async def _send(self, replicas: int, *, phase: str) -> StepRecord:
        offsets = self._scale.list_offsets(replicas)
        rate = self._scale.rate_per_replica * replicas
        return await self._scenario_run.send_step(
            rate, offsets, self._limits, duration=len(offsets) / rate, phase=phase
        )

    async def _wait_for_ready(self, replicas: int) -> float:
        """Wait until a number of replicas is ready; return the seconds that it took.

        Raises:
            ScaleError: it took too long.
        """
        monitor = self._scenario_run.monitor
        started, limit = monitor.now, float(self._scale.ready_within.seconds)
        while (ready := await self._scaler.count_ready()) != replicas:
            monitor.note_replicas(ready)
            if monitor.now - started > limit:
                raise ScaleError(f"{ready} of {replicas} replicas were ready after {limit:g} s")
            await self._scenario_run.wait(_READY_POLL)
        monitor.note_replicas(ready)
        for name, pid in self._scaler.list_processes().items():
            monitor.watch_process(pid, name=f"process {pid}", replica=name)
        return round(monitor.now - started, 3)

    async def _kill_under_load(self) -> dict[str, Any] | None:
        """Kill one replica in the middle of a step, and measure the step."""
        replicas = self._scale.replicas[-1]
        killing = asyncio.create_task(self._kill_later(float(self._scale.hold.seconds) / 3))
        try:
            record = await self._send(replicas, phase="one killed")
            name = await killing
        finally:
            killing.cancel()
        if name is None:
            self._scenario_run.add_note("no replica can be killed here")
            return None
        await self._scaler.scale(replicas)
        return {
            "replica": name,
            "executed_once": 1 - record.step.lost_share,
            "seconds_to_recover": await self._wait_for_ready(replicas),
        }

    async def _kill_later(self, seconds: float) -> str | None:
        await asyncio.sleep(seconds)
        name = await self._scaler.kill_replica()
        self._scenario_run.monitor.add_mark(f"killed {name}")
        return name

    def _update(self, killed: Mapping[str, Any] | None = None) -> None:
        single = self._rows[0]["events_per_second"]
        for row in self._rows:
            row["speed_up"] = row["events_per_second"] / single if single else None
            row["efficiency"] = row["speed_up"] / row["replicas"] if single else None
        measures = [
            Measure(f"efficiency_{row['replicas']}", row["efficiency"], float(self._settings.least))
            for row in self._rows
        ]
        if killed is not None:
            share = float(self._scale.kill_share)
            measures.append(Measure("executed_once_while_killed", killed["executed_once"], share))
        details = {"scaling": self._rows} | ({"kill": dict(killed)} if killed else {})
        self._scenario_run.update(measures=tuple(measures), details=details)


async def _measure_current_replicas(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Ramp the rate with the current replicas, and compare the throughput with that of one."""
    replicas = await _count_replicas(settings, scenario_run)
    scenario_run.update(level=replicas)
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    ramped = await send_ramp(scenario_run, settings, limits)
    replicas_after = await _count_replicas(settings, scenario_run)
    if replicas_after != replicas:
        scenario_run.add_note(f"{replicas} replicas before, {replicas_after} after")
        scenario_run.controls.stop_signal.request_and_raise(StopReason.REPLICAS_CHANGED)
    rate = ramped.find_highest_rate(
        Stage.END_TO_END, limits[Stage.END_TO_END], share=float(settings.share)
    )
    single_replica_rate = rate if replicas == 1 else _list_newest_rates(scenario_run.history).get(1)
    notes = ramped.list_notes(limits, share=float(settings.share))
    if not single_replica_rate and replicas > 1:
        notes.append("no run with 1 replica to compare with: scale to 1 replica and run it once")
    scenario_run.update(
        measures=tuple(_list_measures(settings, replicas, rate, single_replica_rate)),
        notes=(*scenario_run.result.notes, *notes),
    )


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the newest efficiency for each number of replicas, and the last throughput."""
    if rows := results[0].details.get("scaling"):
        for row in rows:
            if row["efficiency"] is not None:
                labels = {"level": str(row["replicas"])}
                yield ScenarioSample(SCALING_EFFICIENCY, row["efficiency"], labels)
        highest = max(row["events_per_second"] for row in rows)
        yield ScenarioSample(THROUGHPUT, highest, {"stage": Stage.END_TO_END.value})
        return
    newest = _list_newest_rates(results)
    for replicas, rate in sorted(newest.items()):
        if newest.get(1):
            yield ScenarioSample(
                SCALING_EFFICIENCY, rate / newest[1] / replicas, {"level": str(replicas)}
            )
    last = results[0].get_value(Stage.END_TO_END)
    if last is not None:
        yield ScenarioSample(THROUGHPUT, last, {"stage": Stage.END_TO_END.value})


def _list_newest_rates(results: Sequence[ScenarioResult]) -> dict[int, float]:
    """List the throughput of the newest completed run for each number of replicas."""
    found: dict[int, float] = {}
    for result in reversed(results):
        rate = result.get_value(Stage.END_TO_END)
        if result.state is ScenarioState.COMPLETED and result.level and rate is not None:
            found[result.level] = rate
    return found


def _list_measures(
    settings: Settings, replicas: int, rate: float, single_replica_rate: float | None
) -> Iterable[Measure]:
    yield Measure(Stage.END_TO_END.value, rate)
    is_judged = bool(single_replica_rate) or replicas == 1
    efficiency = rate / single_replica_rate / replicas if single_replica_rate else None
    yield Measure(EFFICIENCY, efficiency, float(settings.least) if is_judged else None)


async def _count_replicas(settings: Settings, scenario_run: ScenarioRun) -> int:
    """Count the ready replicas.

    Raises:
        StoppedError: their number is unknown or zero.
    """
    prometheus = scenario_run.context.prometheus
    try:
        found = await prometheus.query(settings.replicas) if prometheus else []
    except RequestError as error:
        found, why = [], str(error)
    else:
        why = f"the query for replicas returned {[sample.value for sample in found]}"
    if len(found) != 1 or not found[0].value >= 1:
        scenario_run.add_note(why)
        scenario_run.controls.stop_signal.request_and_raise(StopReason.REPLICAS_UNKNOWN)
    return round(found[0].value)
