"""Conditions of `slo-rules status --fail-if`."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.status.gates import evaluate_conditions, parse_condition
from generator.status.slo_states import SLOStatus, compute_statuses
from tests.generator.recorded_slos import (
    BUDGET,
    BURN,
    HEALTHY,
    HOUR,
    build_alert,
    build_recorded,
    build_samples,
)


def build_status(
    values: dict[str, float] = HEALTHY, alerts: tuple[dict[str, str], ...] = ()
) -> SLOStatus:
    ((status,),) = compute_statuses(build_recorded(build_samples(values), alerts=alerts))
    return status


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("budget < 10%", True),
        ("budget<0.1", True),
        ("budget >= 5%", True),
        ("budget > 5%", False),
        ("burn > 2", True),
        ("burn <= 2.5", True),
        ("burn < 2.5", False),
        ("alerts > 0", True),
        ("alerts > 1", False),
        ("exhaustion < 3d", True),
        ("exhaustion < 12h", False),
    ],
)
def test_a_condition_compares_a_quantity_with_its_limit(text: str, *, holds: bool) -> None:
    values = {**HEALTHY, BUDGET: 0.05, BURN: 2.5, HOUR: 0.0015}
    assert parse_condition(text).holds(build_status(values, (build_alert("Slow"),))) is holds


def test_a_budget_that_is_never_exhausted_passes() -> None:
    assert parse_condition("exhaustion < 366d").holds(build_status()) is False


def test_a_missing_value_is_neither_above_nor_below() -> None:
    status = build_status({BURN: 1.0})
    budget, burn, later = evaluate_conditions(
        [parse_condition(each) for each in ("budget < 10%", "burn < 2", "exhaustion < 1d")],
        [status],
    )
    assert (budget.holding, budget.unknown) == ([], [status])
    assert (burn.holding, burn.unknown) == ([status], [])
    assert (later.holding, later.unknown) == ([], [status])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write it like"),
        ("budget", "write it like"),
        ("budget = 10%", "write it like"),
        ("budget < ", "write it like"),
        ("budget < 10% or burn > 2", "write it like"),
        ("spend > 2", "unknown quantity 'spend'; use one of budget, burn, alerts, exhaustion"),
        ("budget < 10", "'10' is not a ratio between 0 and 1; write it like 5% or 0.05"),
        ("burn > 10%", "'10%' is not a number; write it like 2 or 14.4"),
        ("alerts > NaN", "'NaN' is not a number"),
        ("exhaustion < 3", "'3' is not a duration"),
    ],
)
def test_a_condition_that_is_none_says_how_to_write_one(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_condition(text)


@given(st.text(alphabet="budgetrnalsxhio <>=.%0123456789dhm\u0664\n") | st.text())
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ValueError:
        return
    assert condition.holds(build_status()) in (True, False)
