"""Scalability: the throughput of several replicas compared with one (VAL-008, AC5).

The prober has no right to scale a Deployment, by design. So a run measures the replicas that it
finds, and records their number. An operator scales, runs, scales and runs: with `kubectl scale`, or
with Knative the annotations min-scale and max-scale set to the same number, so that the load does
not change it. The first run needs one replica, since all others are compared with it.

Every run sends the same steps of rising rates. The throughput with n replicas is the highest rate
of those steps of which at least `share` of the events were executed exactly once and in time; the
time includes working off the backlog (see the scenario throughput). Efficiency is (throughput with
n / throughput with 1) / n, of the newest run of either number. If even the highest step does not
saturate the target, the values of many replicas are too low.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import Field

from exporter.fields import Share, in_unit
from exporter.httpclient.errors import RequestError
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.ramp import RampSettings, ramp
from exporter.loadtest.result import Measure, ScenarioResult, ScenarioState
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.stats import list_limits
from exporter.loadtest.stop import StopReason
from slos.schema.contract import SCALING_EFFICIENCY, THROUGHPUT, Stage

SCENARIO = "scalability"
NEEDS_PROMETHEUS = True
UNIT = "events a second"
EFFICIENCY = "efficiency"
_REPLICAS_QUERY = (
    "sum(max by (deployment) (kube_deployment_status_replicas_ready"
    '{namespace="ai",deployment=~"agent-sre(-[0-9]+-deployment)?"}))'
)


class Settings(RampSettings):
    """Settings of the scenario scalability."""

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
    """Query for the number of ready replicas. Default: those of the Deployments of agent-sre in the
    namespace ai, plain ones and those of Knative revisions."""


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Ramp the rate with the current replicas, and compare the throughput with that of one."""
    replicas = await _count_replicas(settings, scenario_run)
    scenario_run.update(level=replicas)
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    ramped = await ramp(scenario_run, settings, limits)
    replicas_after = await _count_replicas(settings, scenario_run)
    if replicas_after != replicas:
        scenario_run.update(notes=(f"{replicas} replicas before, {replicas_after} after",))
        scenario_run.controls.stop_signal.request_and_raise(StopReason.REPLICAS_CHANGED)
    rate = ramped.find_highest_rate(
        Stage.END_TO_END, limits[Stage.END_TO_END], share=float(settings.share)
    )
    single_replica_rate = rate if replicas == 1 else _list_newest_rates(scenario_run.history).get(1)
    notes = (
        [] if ramped.is_saturated else ["agent-sre was not saturated: its throughput may be higher"]
    )
    if not single_replica_rate and replicas > 1:
        notes.append("no run with 1 replica to compare with: scale to 1 replica and run it once")
    scenario_run.update(
        measures=tuple(_list_measures(settings, replicas, rate, single_replica_rate)),
        notes=tuple(notes),
    )


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the newest efficiency for each number of replicas, and the last throughput."""
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
        scenario_run.update(notes=(why,))
        scenario_run.controls.stop_signal.request_and_raise(StopReason.REPLICAS_UNKNOWN)
    return round(found[0].value)
