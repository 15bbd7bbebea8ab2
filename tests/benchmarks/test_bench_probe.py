"""The benchmark of the prober: that it measures for real."""

from pathlib import Path

import pytest

from exporter.app.plugin_set import build_status, list_probe_paths
from exporter.config.loader import LoadedConfig, load_config
from exporter.metrics.exposition import render_exposition
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.schedule.clock import SystemClock
from exporter.status import Status
from slos.schema.contract import IssueCount, Verdict
from tests.benchmarks.probe import scrape, soak, throughput
from tests.benchmarks.probe.target import TargetRecord
from tests.benchmarks.probe.throughput import MeasuredEvent, ThroughputResult


def test_what_the_prober_measures_is_what_the_target_did(tmp_path: Path) -> None:
    measured = throughput.measure_throughput(tmp_path, seconds=2, interval="40ms")
    assert set(measured.verdicts) == {"ok"}
    assert len(measured.events) >= measured.verdicts["ok"] > 10
    assert all(event.measured > event.injected > 0 for event in measured.events)
    assert measured.lag[-1] == (float("inf"), 1.0)


@pytest.mark.parametrize(
    ("late", "off", "missed", "wrong"),
    [
        (0.0, 0.001, 0, []),
        (0.02, 0.001, 0, ["lag"]),
        (0.0, 0.003, 0, ["p50", "p99"]),
        (0.0, 0.001, 1, ["missed"]),
    ],
)
def test_a_target_that_is_missed_is_said(
    late: float, off: float, missed: int, wrong: list[str]
) -> None:
    measured = ThroughputResult(
        events=[MeasuredEvent(0.0, 0.02, 0.02 + off)] * 100,
        verdicts={"ok": 100.0},
        missed=missed,
        lag=[(0.01, 1.0 - late), (float("inf"), 1.0)],
        cpu=0.5,
        rate=500,
        load=0.0,
    )
    said = [
        result.target for result in throughput.check_targets(measured, rate=500) if not result.met
    ]
    assert len(said) == len(wrong)
    assert all(word in text for word, text in zip(wrong, said, strict=True))


def test_hours_that_were_asked_for_and_not_reached_are_no_pass() -> None:
    readings = [
        soak.ResourceReading(runs, 60_000_000, 1_000, 4_000_000) for runs in range(0, 7_200, 60)
    ]
    finding = soak.judge_readings(readings)
    assert finding.measurement is None
    whole = soak.check_targets(soak.SoakResult(8, readings, finding))
    assert [result.met for result in whole] == [True, False, False]
    assert len(soak.check_targets(soak.SoakResult(1, readings, finding))) == 1


def test_while_the_target_stands_still_nobody_is_answered_and_then_all_in_order() -> None:
    record = TargetRecord(0, stall_at=1.0, stall=2.0)
    record.draw_delay(0.0)
    ends = [at + record.draw_delay(at) for at in (1.5, 2.0, 2.5)]
    assert all(end > 3.0 for end in ends)
    assert 3.5 + record.draw_delay(3.5) < 5.0


@pytest.fixture
def everything(tmp_path: Path) -> LoadedConfig:
    """A configuration with every probe on, every path and every remote observer."""
    file = tmp_path / "slo-probe.yaml"
    file.write_text(scrape.build_full_config(tmp_path))
    loaded, problems = load_config(file)
    assert loaded is not None, problems
    return loaded


def series(shown: Status) -> int:
    return sum(scrape.count_series(render_exposition(shown.registry).decode()).values())


def test_with_everything_on_the_series_are_bounded_and_runs_add_none(
    everything: LoadedConfig,
) -> None:
    shown = build_status(everything, SystemClock())
    before = series(shown)
    assert before <= scrape.SERIES_AT_MOST
    for each in list_probe_paths(everything):
        seen = {
            stage: dict.fromkeys(who, Bounds.exactly(1.0))
            for stage, who in each.sources_by_stage.items()
        }
        for verdict in Verdict:
            run = Run(each.probe, each.path, "id", verdict, Reason.EXECUTED_ONCE, seen)
            shown.metrics.count_judged(run)
            shown.metrics.count_observed(run, IssueCount.ONE)
            shown.metrics.observe_lag(each.probe, 0.001)
    assert series(shown) == before
