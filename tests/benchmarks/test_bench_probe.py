"""The benchmark of the prober: that it measures for real, and the campaign on a small scale."""

from pathlib import Path

import pytest

from exporter.app.generation import criteria, lines
from exporter.config.loader import Loaded, load
from exporter.metrics.exposition import exposition
from exporter.model.run import ProbeResult
from exporter.model.verdict import Reason
from exporter.schedule.clock import SystemClock
from exporter.status import Face, face
from slos.schema.contract import IssueCount, Verdict
from tests.benchmarks.probe import accounts, campaign, hour, scrape, throughput
from tests.benchmarks.probe.accounts import Campaign
from tests.benchmarks.probe.campaign import Plan
from tests.benchmarks.probe.target import Record
from tests.benchmarks.probe.throughput import Event, Measured

SMALL = Plan(runs=40, kills=1, seed=7, longest_life=4.0)


def test_random_faults_and_kills_leave_true_verdicts_and_nothing_else(tmp_path: Path) -> None:
    found = campaign.campaign(SMALL, tmp_path)
    assert len(found.kills) == SMALL.kills
    assert found.judged.total() - found.judged["unknown"] >= SMALL.runs
    assert not found.wrong()
    assert not found.unexplained()
    assert not found.forgotten()
    assert not found.left_behind()
    assert not found.counted_twice()
    assert any(archived for archived, _ in found.issues)
    assert all(result.met for result in accounts.results(found))


def test_the_campaign_tells_what_is_wrong() -> None:
    found = Campaign(
        drawn={"a": "lost", "b": "none", "c": "none"},
        runs=[
            ("a", "cleaned", "ok", "executed_once", 100.0),
            ("b", "judged", "unknown", "prober_restarted", 100.0),
        ],
        issues=[(False, "of a")],
    )
    found.counted["ok"] = 2
    assert found.wrong() == ["a: ok (executed_once), injected lost"]
    assert found.unexplained() == ["b: judged, prober_restarted"]
    assert found.forgotten() == ["c"]
    assert found.left_behind() == 2
    assert found.counted_twice() == {"ok": 1}
    assert not any(result.met for result in accounts.results(found))


def test_what_the_prober_measures_is_what_the_target_did(tmp_path: Path) -> None:
    measured = throughput.measure(tmp_path, seconds=2, interval="40ms")
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
    measured = Measured(
        events=[Event(0.0, 0.02, 0.02 + off)] * 100,
        verdicts={"ok": 100.0},
        missed=missed,
        lag=[(0.01, 1.0 - late), (float("inf"), 1.0)],
        cpu=0.5,
        rate=500,
        load=0.0,
    )
    said = [result.target for result in throughput.results(measured, rate=500) if not result.met]
    assert len(said) == len(wrong)
    assert all(word in text for word, text in zip(wrong, said, strict=True))


def test_hours_that_were_asked_for_and_not_reached_are_no_pass() -> None:
    readings = [hour.Reading(runs, 60_000_000, 1_000, 4_000_000) for runs in range(0, 7_200, 60)]
    finding = hour.judged(readings)
    assert finding.measured is None
    whole = hour.results(hour.Hours(8, readings, finding))
    assert [result.met for result in whole] == [True, False, False]
    assert len(hour.results(hour.Hours(1, readings, finding))) == 1


def test_while_the_target_stands_still_nobody_is_answered_and_then_all_in_order() -> None:
    record = Record(0, stall_at=1.0, stall=2.0)
    record.wait(0.0)
    ends = [at + record.wait(at) for at in (1.5, 2.0, 2.5)]
    assert all(end > 3.0 for end in ends)
    assert 3.5 + record.wait(3.5) < 5.0


@pytest.fixture
def everything(tmp_path: Path) -> Loaded:
    """A configuration with every probe on, every way and every late observer."""
    file = tmp_path / "slo-probe.yaml"
    file.write_text(scrape.everything(tmp_path))
    loaded, problems = load(file)
    assert loaded is not None, problems
    return loaded


def series(shown: Face) -> int:
    return sum(scrape.families(exposition(shown.registry).decode()).values())


def test_with_everything_on_the_series_are_bounded_and_runs_add_none(everything: Loaded) -> None:
    shown = face(
        SystemClock(),
        beat=1.0,
        lines=lines(everything),
        targets=everything.targets,
        criteria=criteria(everything),
    )
    before = series(shown)
    assert before <= scrape.SERIES_AT_MOST
    for line in lines(everything):
        seen = {stage: dict.fromkeys(who, 1.0) for stage, who in line.visible.items()}
        for verdict in Verdict:
            run = ProbeResult(line.probe, line.route, "id", verdict, Reason.EXECUTED_ONCE, seen)
            shown.metrics.judged(run)
            shown.metrics.observed(run, IssueCount.ONE)
            shown.metrics.lag(line.probe, 0.001)
    assert series(shown) == before
