"""Baseline: single events, one after the other, and all their latencies (VAL-008, Scenario 1).

Each event is sent when the one before has its verdict and the pause is over, so none waits for
another. The p95 of a stage is compared with its latency target. Its interval shows how far the
number of events carries: below 72 events the p95 has no upper bound, and the result says so.

A stage that no event showed is no pass and no failure: it is named as not measurable here. With
`--baseline NAME` the command keeps the result under a name, and compares later runs with it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import Field

from exporter.fields import DurationField, Share, in_unit
from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.quantiles import SHOWN_QUANTILES, count_needed_values
from exporter.loadtest.result import LoadStep, Measure, ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import SentEvents, list_limits
from slos.schema.contract import Stage
from slos.schema.units import Duration

SCENARIO = "baseline"
NEEDS_PROMETHEUS = False
UNIT = "events at a time"
EXECUTED_ONCE = "executed_once"
_QUANTILE = "p95"


class Settings(LoadSettings):
    """Settings of the scenario baseline."""

    events: int = Field(default=75, ge=1, le=10_000, json_schema_extra=in_unit("events"))
    """Events, one after the other. Default 75: the p95 has an interval from 72 on."""
    rest: DurationField = Duration.from_parts(seconds=1)
    """Pause between two events. Default 1s."""
    least: Share = Decimal("0.995")
    """Share of the events that must be executed exactly once. Default 99.5%, the objective of
    availability."""

    def count_max_events(self) -> int:
        """Count the events, and the one before."""
        return 1 + self.events

    def plan_arrivals(self) -> ArrivalPlan:
        """Plan one sender."""
        rest = float(self.rest.seconds)
        step = ArrivalStep(1, 0.0, "single", repeat=self.events, rest=rest)
        return ArrivalPlan([step], self.least)


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Send the events, and compare each stage with its target."""
    offset = scenario_run.monitor.now
    limits = list_limits(scenario_run.context.targets, Stage)
    runs, offsets = await scenario_run.send_events([0.0]), [0.0]
    for _ in range(1, settings.events):
        await scenario_run.wait(settings.rest)
        offsets.append(scenario_run.monitor.now - offset)
        runs += await scenario_run.send_events([0.0])
    duration = scenario_run.monitor.now - offset
    sent = SentEvents(1, offsets, runs, duration, "single")
    scenario_run.add_step(sent, limits, offset=offset)
    await scenario_run.count_issues()
    step = scenario_run.result.steps[-1]
    scenario_run.update(
        measures=tuple(_list_measures(settings, scenario_run, step)),
        details={
            "not_measured": {
                stage.value: "no event showed it"
                for stage in scenario_run.context.targets
                if stage not in step.quantiles
            }
        },
    )
    for note in _list_notes(scenario_run, step):
        scenario_run.add_note(note)


def list_samples(_: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List no samples: the probes export the latencies of single events all the time."""
    return ()


def _list_measures(
    settings: Settings, scenario_run: ScenarioRun, step: LoadStep
) -> Iterable[Measure]:
    share = 1 - step.lost_share
    yield Measure(EXECUTED_ONCE, share, float(settings.least))
    for stage, limit in scenario_run.context.targets.items():
        estimate = step.quantiles.get(stage, {}).get(_QUANTILE)
        is_due = stage is Stage.LINEAR_ISSUE_CREATION and scenario_run.controls.can_see_issues
        if estimate is not None or is_due:
            yield Measure(
                stage.value,
                estimate.value if estimate else None,
                float(limit.seconds),
                exclusive=True,
                low=estimate.low if estimate else None,
                high=estimate.high if estimate else None,
                at_most=True,
            )


def _list_notes(scenario_run: ScenarioRun, step: LoadStep) -> Iterable[str]:
    for stage, why in scenario_run.result.details["not_measured"].items():
        yield f"{stage}: {why}, so it is not measurable here"
    short = {
        name: count_needed_values(probability)
        for name, probability in SHOWN_QUANTILES.items()
        if step.sent < count_needed_values(probability)
    }
    for name, needed in short.items():
        yield f"{name}: {step.sent} events are too few for an interval; it takes {needed}"
