"""Scalability: whether twice the replicas do twice the work (VAL-008, AC5).

The prober has no right to scale a Deployment, and shall have none: it takes over nothing. So a run
measures with the replicas that it finds, and records how many those were. Somebody scales, runs,
scales, runs: `kubectl scale`, or with Knative the annotations min-scale and max-scale set to the
same number, so that the load itself does not change it. With one replica first, for all others are
compared with that.

The load is that of every other run of it: the same steps of rising rates. The throughput with n
replicas is the highest rate of those steps of which at least `share` of the events were executed
exactly once and in time, worked-off backlog included in the time (see the scenario throughput).
Efficiency is (throughput with n / throughput with 1) / n, of the newest runs of either number. When
even the highest step is no load, the figures with many replicas are lower than the truth.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import Field

from exporter.fields import Share
from exporter.http_source.answer import SourceError
from exporter.load.brake import Stop
from exporter.load.measuring import within
from exporter.load.plateaus import Plateaus, climb
from exporter.load.readings import Reading
from exporter.load.result import Measure, Result, State
from exporter.load.trial import Trial
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
    """Climb with the replicas there are, and compare with one."""
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
    """Of the newest run of each number of replicas, its efficiency; of the last, its throughput."""
    newest = _newest(results)
    for level, held in sorted(newest.items()):
        if newest.get(1):
            yield Reading(SCALING_EFFICIENCY, held / newest[1] / level, {"level": str(level)})
    last = results[0].value(Stage.END_TO_END)
    if last is not None:
        yield Reading(THROUGHPUT, last, {"stage": Stage.END_TO_END.value})


def _newest(results: Sequence[Result]) -> dict[int, float]:
    """The throughput of the newest run of each number of replicas that came to its end."""
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
    """How many are ready.

    Raises:
        StoppedError: nobody knows, or none.
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
