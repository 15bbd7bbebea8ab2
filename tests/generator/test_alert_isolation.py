"""Generated unit tests: each condition of an alert is tested where no other condition holds."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import build
from generator.model import SLO, BurnAlert
from generator.outputs.tests import alert_timing
from generator.outputs.tests.alert_timing import Condition, list_conditions
from generator.outputs.tests.error_timeline import build_timeline
from generator.pipeline import BuildSettings
from slos.schema.units import Duration
from tests.generator.spec_pipeline import resolve_single_slo

ROOT = Path(__file__).parents[2]
MINUTE = Duration.from_parts(minutes=1)


def read_repository_slos() -> list[SLO]:
    plans = build.plan_inputs([ROOT / "slos"], BuildSettings(), out="-")
    return [slo for slo in plans.slos if isinstance(slo, SLO)]


def is_tried_alone(slo: SLO, alert: BurnAlert, one: Condition, step: Duration) -> bool:
    """Return whether the others are false from the beginning until it has fired."""
    every = list_conditions(slo, alert)
    waits = alert.meta.for_.ms // step.ms if alert.meta.for_ else 0
    found = alert_timing.find_isolated_incident(one, every, step, waits, lambda _: True)
    past = max(-(-each.long.ms // step.ms) for each in every) + 1
    first = alert_timing.count_steps_until(one, found, step)
    if first is None:
        return False
    parts = [(found.before, past), (found.share, first + waits + 1)]
    run = build_timeline(step, Decimal(1000), parts)
    others = [each for each in every if each != one]
    return not any(
        each.holds(run, n) for each in others for n in range(past - 1, run.last_step + 1)
    )


@pytest.mark.parametrize("slo", read_repository_slos(), ids=lambda slo: slo.id)
def test_every_condition_of_our_own_specs_is_tried_alone(slo: SLO) -> None:
    for alert in slo.burn_alerts:
        is_page = alert.severity == "page"
        step = slo.steps.fine if is_page else alert_timing.choose_slow_step(slo, [alert])
        for one in list_conditions(slo, alert):
            assert is_tried_alone(slo, alert, one, step), (alert.meta.name, one)


@pytest.mark.parametrize("held", [None, "2m", "15m"])
@pytest.mark.parametrize("period", ["7d", "28d", "30d", "90d"])
def test_conditions_are_told_apart_in_every_period(period: str, held: str | None) -> None:
    page = {"for": held} if held else {}
    slo = resolve_single_slo(
        period=period, objective=99, alerting={"name": "A", "page_alert": page}
    )
    (alert, _) = slo.burn_alerts
    for one in list_conditions(slo, alert):
        assert is_tried_alone(slo, alert, one, MINUTE)


@given(
    limit=st.decimals("0.01", "0.5", places=3),
    before=st.sampled_from(["0", "0.004"]),
    share=st.decimals("0.02", "1", places=3),
)
def test_a_condition_comes_true_when_the_arithmetic_says(
    limit: Decimal, before: str, share: Decimal
) -> None:
    one = Condition(limit, MINUTE * 5, MINUTE * 60, None)
    found = alert_timing.SimulatedIncident(Decimal(before), share)
    steps = alert_timing.count_steps_until(one, found, MINUTE)
    run = build_timeline(MINUTE, Decimal(1), [(found.before, 61), (share, 61)])
    first = next((n for n in range(60, run.last_step + 1) if one.holds(run, n)), None)
    assert steps == (None if first is None else first - 60)


def test_conditions_that_are_one_are_tried_all_the_same() -> None:
    one = Condition(Decimal("0.1"), MINUTE * 5, MINUTE * 60, None)
    like = Condition(Decimal("0.1"), MINUTE * 5, MINUTE * 59, None)
    found = alert_timing.find_isolated_incident(one, [one, like], MINUTE, 0, lambda _: True)
    assert found.before == Decimal("0.05")
    assert found.share > one.limit
