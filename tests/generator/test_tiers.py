"""Counting tiers: a window contains exactly its steps."""

from dataclasses import replace

import pytest

from generator.model import Engine
from generator.rules import tiers
from slos.schema.units import Duration
from tests.generator.spec_pipeline import resolve_single_slo


@pytest.mark.parametrize(("window", "steps"), [("5m", 5), ("1h", 60), ("6h", 360)])
def test_a_window_holds_as_many_steps_as_fit_though_prometheus_2_includes_both_ends(
    window: str, steps: int
) -> None:
    written = tiers.render_event_count(resolve_single_slo(), Duration.parse(window))
    length = Duration.parse(written.partition("[")[2].removesuffix("])"))
    step = Duration.parse("1m")
    assert length.ms // step.ms + 1 == steps


@pytest.mark.parametrize(("window", "step"), [("5m", "1m"), ("6h", "1m"), ("3d", "10m")])
@pytest.mark.parametrize("engine", [Engine.THANOS, Engine.VICTORIA_METRICS])
def test_windows_end_one_step_ago_on_an_engine_that_writes_late(
    engine: Engine, window: str, step: str
) -> None:
    late, prompt = (
        tiers.render_event_count(replace(resolve_single_slo(), engine=each), Duration.parse(window))
        for each in (engine, Engine.PROMETHEUS)
    )
    assert late == f"{prompt.removesuffix(')')} offset {step})"


def test_short_windows_are_added_up_from_fine_counts_and_long_ones_from_coarse() -> None:
    slo = resolve_single_slo()
    for window in ("5m", "30m", "1h"):
        assert str(tiers.choose_step(slo, Duration.parse(window))) == "1m"
    for window in ("1d", "3d", "30d"):
        assert str(tiers.choose_step(slo, Duration.parse(window))) == "10m"


def test_a_ratio_of_no_events_has_no_value() -> None:
    assert tiers.render_error_ratio(resolve_single_slo(), Duration.parse("5m")).endswith("> 0)")


def test_a_comment_in_a_query_does_not_swallow_what_follows() -> None:
    slo, query = resolve_single_slo(), "rate(m[{{.window}}]) # all"
    for written in (tiers.render_fine_count(slo, query), tiers.render_coarse_count(slo, query)):
        assert written.endswith(") # all")
