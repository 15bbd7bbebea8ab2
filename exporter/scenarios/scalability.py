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

from exporter.fields import Share
from exporter.httpclient.errors import SourceError
from exporter.loadtest.metrics import Reading
from exporter.loadtest.ramp import Plateaus, climb
from exporter.loadtest.result import Measure, Result, State
from exporter.loadtest.run import Trial
from exporter.loadtest.stats import within
from exporter.loadtest.stop import Stop
from slos.schema.contract import SCALING_EFFICIENCY, THROUGHPUT, Stage

UNIT = "events a second"
EFFICIENCY = "efficiency"
_REPLICAS = (
    "sum(max by (deployment) (kube_deployment_status_replicas_ready"
    '{namespace="ai",deployment=~"agent-sre(-[0-9]+-deployment)?"}))'
)


class Settings(Plateaus):
    """Settings of the scenario scalability."""

    rates: list[int] = Field(default=[10, 20, 30, 40, 60, 80, 110, 150], min_length=1)
    """Events a second, one step each, rising. Default 10 to 150: one process takes 27, and five of
    them 135 when they scale linearly."""
    least: Share = Decimal("0.7")
    """The least efficiency. Default 70%, below which the alert on scaling fires."""
    replicas: str = Field(default=_REPLICAS, min_length=1)
    """The query that tells how many replicas are ready. Default: those of the Deployments of
    agent-sre in the namespace ai, a Deployment of its own or one of a Knative revision."""


async def run(settings: Settings, trial: Trial) -> None:
    """Ramp the rate with the current replicas, and compare the throughput with that of one."""
    level = await _replicas(settings, trial)
    trial.tell(level=level)
    limits = within(trial.means.targets, [Stage.END_TO_END])
    climbed = await climb(trial, settings, limits)
    after = await _replicas(settings, trial)
    if after != level:
        trial.tell(notes=(f"{level} replicas before, {after} after",))
        trial.brake.stop(Stop.REPLICAS_CHANGED)
    held = climbed.held(Stage.END_TO_END, limits[Stage.END_TO_END], share=float(settings.share))
    alone = held if level == 1 else _newest(trial.history).get(1)
    notes = (
        [] if climbed.saturated else ["the load ended before agent-sre did: rates may be higher"]
    )
    if not alone and level > 1:
        notes.append("there is no run with 1 replica to compare with: scale to 1, run, scale back")
    trial.tell(measures=tuple(_measures(settings, level, held, alone)), notes=tuple(notes))


def readings(results: Sequence[Result]) -> Iterable[Reading]:
    """List the newest efficiency for each number of replicas, and the last throughput."""
    newest = _newest(results)
    for level, held in sorted(newest.items()):
        if newest.get(1):
            yield Reading(SCALING_EFFICIENCY, held / newest[1] / level, {"level": str(level)})
    last = results[0].value(Stage.END_TO_END)
    if last is not None:
        yield Reading(THROUGHPUT, last, {"stage": Stage.END_TO_END.value})


def _newest(results: Sequence[Result]) -> dict[int, float]:
    """List the throughput of the newest completed run for each number of replicas."""
    found: dict[int, float] = {}
    for result in reversed(results):
        held = result.value(Stage.END_TO_END)
        if result.state is State.COMPLETED and result.level and held is not None:
            found[result.level] = held
    return found


def _measures(
    settings: Settings, level: int, held: float, alone: float | None
) -> Iterable[Measure]:
    yield Measure(Stage.END_TO_END.value, held)
    judged = bool(alone) or level == 1
    efficiency = held / alone / level if alone else None
    yield Measure(EFFICIENCY, efficiency, float(settings.least) if judged else None)


async def _replicas(settings: Settings, trial: Trial) -> int:
    """Count the ready replicas.

    Raises:
        StoppedError: their number is unknown or zero.
    """
    prometheus = trial.means.prometheus
    try:
        found = await prometheus.instant(settings.replicas) if prometheus else []
    except SourceError as error:
        found, why = [], str(error)
    else:
        why = f"the query for replicas gave {[sample.value for sample in found]}"
    if len(found) != 1 or not found[0].value >= 1:
        trial.tell(notes=(why,))
        trial.brake.stop(Stop.REPLICAS_UNKNOWN)
    return round(found[0].value)
