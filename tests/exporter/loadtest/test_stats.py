"""Results of load scenarios: statistics, guards and storage."""

import dataclasses
import logging
import re
from math import inf
from pathlib import Path

import pytest

from exporter.config.loader import load_config
from exporter.config.scenarios import ScenarioSettings, list_configured
from exporter.loadtest.issues import ObservationWaiter
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.probe_guard import ProbeGuard
from exporter.loadtest.ramp import RampSettings
from exporter.loadtest.result import (
    Measure,
    ResultArchive,
    ScenarioResult,
    ScenarioState,
    parse_result,
    select_kept_results,
)
from exporter.loadtest.stats import (
    SentEvents,
    find_highest_rate,
    get_completion_time,
    is_issue_known,
    list_limits,
    measure_step,
)
from exporter.loadtest.stop import StoppedError, StopReason, StopSignal
from exporter.loadtest.summary import format_result
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.scenarios import load_scenario_modules, scalability, stress, throughput
from slos.schema.contract import (
    SCALING_EFFICIENCY,
    IssueCount,
    Scenario,
    Stage,
    StageSource,
    Verdict,
    name_load_probe,
)
from slos.schema.units import Duration

LAMBDA, END = Stage.LAMBDA_EXECUTION, Stage.END_TO_END
ISSUE, CLOUDEVENT = Stage.LINEAR_ISSUE_CREATION, Stage.CLOUDEVENT_PROCESSING


def build_run(verdict: Verdict = Verdict.OK, **seconds: float) -> Run:
    seen: dict[Stage, dict[str, Bounds]] = {
        Stage(name): {StageSource.CANARY: Bounds.exactly(value)} for name, value in seconds.items()
    }
    if ISSUE in seen:
        seen[ISSUE] = {StageSource.LINEAR: Bounds.exactly(seconds[ISSUE.value])}
    if CLOUDEVENT in seen:
        seen[CLOUDEVENT] = {StageSource.REPLY: Bounds.exactly(seconds[CLOUDEVENT.value])}
    return Run("scenario_throughput", "direct", "id", verdict, Reason.EXECUTED_ONCE, seen)


def build_result(scenario: Scenario = Scenario.SCALABILITY, **known: object) -> ScenarioResult:
    return ScenarioResult("1", scenario, ScenarioState.COMPLETED, 1.7e9, 1.7e9 + 60, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "stage", "target", "seconds"),
    [
        *((build_run(verdict, cloudevent_processing=0.1), CLOUDEVENT, 5, None)
          for verdict in (Verdict.LOST, Verdict.DUPLICATED, Verdict.CORRUPTED)),
        # The issue of such a run is there all the same.
        *((build_run(verdict, linear_issue_creation=0.2), ISSUE, 10, 0.2)
          for verdict in (Verdict.LOST, Verdict.DUPLICATED, Verdict.CORRUPTED)),
        (build_run(cloudevent_processing=5.1), CLOUDEVENT, 5, None),
        (build_run(Verdict.LATE, cloudevent_processing=5.0), CLOUDEVENT, 5, 5.0),
        (build_run(), CLOUDEVENT, 5, None),
        (build_run(lambda_execution=1, end_to_end=7), LAMBDA, 30, 7),  # through when the event is
    ],
)  # fmt: skip
def test_a_stage_is_completed_within_its_target(
    found: Run, stage: Stage, target: float, seconds: float | None
) -> None:
    assert get_completion_time(found, stage, target) == seconds


@pytest.mark.parametrize(
    ("bounds", "share"),
    [(Bounds(1.0, 29.0), 1.0), (Bounds(31.0, 40.0), 0.5), (Bounds(1.0, 40.0), 1.0)],
)
def test_a_time_on_both_sides_of_the_target_counts_on_neither(bounds: Bounds, share: float) -> None:
    certain = build_run(lambda_execution=1, end_to_end=2)
    shared = dataclasses.replace(certain, stage_times={LAMBDA: {StageSource.CANARY: bounds}})
    step = measure_step(SentEvents(1, [0.0, 1.0], [certain, shared], 2.0), {LAMBDA: 30.0})
    assert step.shares[LAMBDA] == share


def test_targets_offsets_and_issues_of_a_load() -> None:
    targets = list_limits({LAMBDA: Duration.from_parts(seconds=30)}, [LAMBDA, END])
    assert targets == {LAMBDA: 30.0, END: inf}
    settings = RampSettings(rates=[4], hold=Duration.from_parts(seconds=1))
    assert (settings.list_offsets(4), settings.count_max_events()) == ([0, 0.25, 0.5, 0.75], 5)
    assert is_issue_known(build_run(linear_issue_creation=1), IssueCount.ONE)
    assert is_issue_known(build_run(), IssueCount.NONE)
    assert not is_issue_known(build_run(), None)
    assert not is_issue_known(build_run(), IssueCount.ONE), "its time was too unsure to tell"


def build_step(offsets: list[float], runs: list[Run], lasted: float) -> SentEvents:
    return SentEvents(10, offsets, runs, lasted)


def test_a_backlog_that_is_worked_off_afterwards_lowers_the_rate() -> None:
    offsets = [n / 10 for n in range(10)]
    kept_up = measure_step(build_step(offsets, [build_run(end_to_end=0.01)] * 10, 1.0), {END: inf})
    fell_behind = measure_step(
        build_step(offsets, [build_run(end_to_end=1.1)] * 10, 1.0), {END: inf}
    )
    assert kept_up.rates[END] == 10
    assert fell_behind.rates[END] == pytest.approx(10 / 2.0)
    assert kept_up.shares[END] == fell_behind.shares[END] == 1


def test_what_the_prober_spoiled_counts_on_neither_side() -> None:
    runs = [build_run(end_to_end=0.01), build_run(Verdict.UNKNOWN), build_run(Verdict.LOST)]
    found = measure_step(build_step([0, 0.5, 1], runs, 1.5), {END: inf})
    assert found.shares[END] == 0.5
    assert found.verdicts == {"ok": 1, "unknown": 1, "lost": 1}
    nothing = measure_step(build_step([0], [build_run(Verdict.UNKNOWN)], 0.0), {END: inf})
    assert (nothing.shares[END], nothing.rates[END]) == (0, 0)


def test_the_highest_rate_is_that_of_a_step_at_which_enough_completed() -> None:
    fine, broken = [build_run(end_to_end=0.01)] * 100, [build_run(Verdict.LOST)] * 2
    slow, fast = [n / 100 for n in range(100)], [n / 200 for n in range(100)]
    steps = [
        measure_step(build_step(slow, fine, 1.0), {END: inf}),
        measure_step(build_step(fast, [*broken, *fine[2:]], 0.5), {END: inf}),
    ]
    assert find_highest_rate(steps, END, share=0.99) == 100
    assert find_highest_rate(steps, END, share=0.98) == pytest.approx(98 / 0.505)
    assert find_highest_rate(steps[1:], END, share=0.99) == 0


def test_efficiency_compares_the_newest_run_of_each_number_with_that_of_one() -> None:
    def build_level(level: int, held: float) -> ScenarioResult:
        return build_result(level=level, measures=(Measure(END.value, held),))

    newest_first = [
        build_level(4, 60),
        build_level(1, 20),
        build_level(2, 36),
        build_level(1, 30),
        build_level(4, 100),
    ]
    shown = {
        reading.labels["level"]: reading.value
        for reading in scalability.list_samples(newest_first)
        if reading.metric == SCALING_EFFICIENCY
    }
    assert shown == {"1": 1.0, "2": 0.9, "4": 0.75}
    assert not [
        reading
        for reading in scalability.list_samples([build_level(4, 60)])
        if reading.metric == SCALING_EFFICIENCY
    ]


def test_a_stage_that_was_not_measured_has_no_gauge_and_is_not_met() -> None:
    measures = (Measure(CLOUDEVENT.value, 110.0, 100.0), Measure(ISSUE.value, None, 50.0))
    found = build_result(Scenario.THROUGHPUT, measures=measures)
    assert found.is_met is False
    assert list(throughput.list_samples([found])) == [
        ScenarioSample(
            "agent_sre_validation_throughput_events_per_second", 110.0, {"stage": CLOUDEVENT}
        )
    ]


@pytest.mark.parametrize(("rate", "is_met"), [(99.9, False), (100.0, False), (100.1, True)])
def test_a_throughput_of_exactly_its_target_does_not_meet_it(rate: float, *, is_met: bool) -> None:
    measure = Measure(CLOUDEVENT.value, rate, 100.0, exclusive=True)
    assert measure.is_met is is_met
    assert ">100" in format_result(build_result(Scenario.THROUGHPUT, measures=(measure,)))


def test_a_result_comes_back_from_its_json_and_strangers_do_not() -> None:
    runs = [build_run(end_to_end=0.01)]
    made = build_result(
        steps=(measure_step(build_step([0], runs, 0.1), {END: inf}),),
        measures=(
            Measure("efficiency", None, 0.7),
            Measure("end_to_end", 12.5),
            Measure("lambda_execution", 20.5, 20.0, exclusive=True),
        ),
        level=3,
        reason=StopReason.RELOADED,
        notes=("said",),
    )
    assert parse_result(made.to_json()) == made
    for wrong in ({}, {**made.to_json(), "state": "odd"}, {**made.to_json(), "steps": 3}):
        with pytest.raises(ValueError, match=r"not a scenario result|odd"):
            parse_result(wrong)


def test_a_table_says_what_was_found_and_what_was_promised() -> None:
    text = format_result(
        build_result(
            Scenario.STRESS,
            unit="events at once",
            events=51,
            steps=(measure_step(build_step([0], [build_run(end_to_end=0.5)], 0.0), {END: inf}),),
            measures=(Measure("held_level", 50, 101), Measure("breaking_level", None)),
        )
    )
    assert text.splitlines()[0] == "stress: NOT MET, 51 events in 60 s"
    assert "held_level      50            101     NOT MET" in text
    assert "breaking_level  not measured" in text


def test_a_table_keeps_timeouts_apart_from_events_that_were_answered_and_not_executed() -> None:
    verdicts = [Verdict.OK] * 5 + [Verdict.LOST] * 3 + [Verdict.TIMEOUT] * 2 + [Verdict.REJECTED]
    runs = [dataclasses.replace(build_run(each), id=f"{n}") for n, each in enumerate(verdicts)]
    late_results = ObservationWaiter(timeout=1.0)
    for run in runs[:9]:
        late_results.record_run(run, IssueCount.SEVERAL if run.id == "0" else IssueCount.ONE)
    late_results.record_run(runs[9], IssueCount.NONE)
    late_results.record_run(runs[10], None)
    counted, uncounted = (
        dataclasses.replace(
            measure_step(build_step([0.0] * 11, runs, 0.0), {}), load=load, issues=issues
        )
        for load, issues in ((50.0, late_results.count_issues(runs)), (100.0, {}))
    )
    result = build_result(Scenario.STRESS, unit="events at once", steps=(counted, uncounted))
    titles, first, second = (
        re.split("  +", line) for line in format_result(result).split("\n")[2:]
    )
    assert dict(zip(titles, first, strict=True)) == {
        "events at once": "50",
        "sent": "11",
        "ok": "5",
        "answered 200 and never executed": "3",
        "rejected": "1",
        "timeout": "2",
        "Linear issues": "8 one, 1 several, 1 none, 1 unknown",
    }
    assert second[-1] == "not observed"
    assert parse_result(result.to_json()) == result


def test_every_scenario_of_the_contract_has_its_file_and_its_own_value_of_the_label_probe() -> None:
    assert set(load_scenario_modules()) == set(Scenario)
    assert [name_load_probe(scenario) for scenario in Scenario] == [
        "scenario_baseline",
        "scenario_concurrent",
        "scenario_scalability",
        "scenario_stress",
        "scenario_sustained",
        "scenario_throughput",
    ]


def test_the_defaults_go_above_every_promise() -> None:
    assert max(throughput.Settings().rates) > 100
    assert any(101 <= level <= 199 for level in stress.Settings().levels)
    for module in load_scenario_modules().values():
        assert module.Settings().count_max_events() < ScenarioSettings().max_events


BASE = """\
target: {url: http://agent-sre.ai.svc.cluster.local/}
probes: {remediation: {late_after: 60s}}
"""


def test_nothing_may_be_run_unless_it_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(BASE)
    loaded, _ = load_config(file)
    assert loaded is not None
    assert list_configured(loaded.config.scenarios) == {}


def build_normal_run(verdict: Verdict, at: float = 10.0, probe: str = "remediation") -> Run:
    return Run(probe, "direct", "id", verdict, Reason.NEVER_EXECUTED, {}, at)


def build_guard(brake: StopSignal, allowed: int = 1) -> ProbeGuard:
    return ProbeGuard(
        brake,
        allowed=allowed,
        load_started_at=5.0,
        is_measurement=lambda each: each.probe == "remediation",
    )


def test_a_load_that_costs_the_normal_probes_too_much_is_stopped() -> None:
    brake = StopSignal()
    watching = build_guard(brake)
    watching.record_run(build_normal_run(Verdict.LOST))
    for harmless in (
        build_normal_run(Verdict.LOST, at=4.0),  # sent before
        build_normal_run(Verdict.UNKNOWN),  # the prober's own fault
        build_normal_run(Verdict.LATE),
        build_normal_run(Verdict.REJECTED, probe="security"),  # an attack
    ):
        watching.record_run(harmless)
        brake.raise_if_requested()
    watching.record_run(build_normal_run(Verdict.REJECTED))
    assert brake.reason is StopReason.NORMAL_FAILURES
    with pytest.raises(StoppedError):
        brake.raise_if_requested()


def test_whoever_pulls_the_brake_first_says_why() -> None:
    brake = StopSignal()
    brake.request(StopReason.OPERATOR)
    brake.request(StopReason.SHUTDOWN)
    assert brake.reason is StopReason.OPERATOR


def test_what_fails_after_the_load_is_not_its_doing_but_no_recovery_either() -> None:
    brake = StopSignal()
    watching = build_guard(brake, allowed=0)
    watching.end_load(20.0)
    assert watching.is_available_after(20.0) is None
    watching.record_run(build_normal_run(Verdict.LOST, at=21.0))
    assert (brake.reason, watching.is_available_after(20.0)) == (None, False)
    watching.record_run(build_normal_run(Verdict.OK, at=22.0))
    assert watching.is_available_after(20.0) is True
    watching.record_run(build_normal_run(Verdict.LOST, at=19.0))  # sent before, and known only now
    assert brake.reason is StopReason.NORMAL_FAILURES


def build_stored_result(
    number: int, scenario: Scenario = Scenario.STRESS, **known: object
) -> ScenarioResult:
    made = ScenarioResult(
        str(number), scenario, ScenarioState.COMPLETED, 1.7e9 + number, 1.7e9 + number + 60
    )
    return dataclasses.replace(made, **known)  # type: ignore[arg-type]


async def test_results_outlive_the_process_the_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "results"
    archive = ResultArchive(path, keep=5)
    await archive.open()
    assert archive.list_results(Scenario.STRESS) == []
    for number in (1, 2):
        await archive.write_result(
            build_stored_result(number, measures=(Measure("held_level", 50.0, 101.0),))
        )
    await archive.write_result(
        build_stored_result(3, state=ScenarioState.STOPPED, reason=StopReason.OPERATOR)
    )
    again = ResultArchive(path, keep=5)
    await again.open()
    assert [each.id for each in again.list_results(Scenario.STRESS)] == ["3", "2", "1"]
    assert [each.id for each in again.list_completed(Scenario.STRESS)] == ["2", "1"]
    assert again.list_results(Scenario.STRESS) == archive.list_results(Scenario.STRESS)
    assert again.list_results(Scenario.THROUGHPUT) == []


async def test_a_run_that_goes_on_is_one_result(tmp_path: Path) -> None:
    archive = ResultArchive(tmp_path / "results", keep=5)
    await archive.write_result(build_stored_result(1, state=ScenarioState.RUNNING))
    await archive.write_result(build_stored_result(1))
    assert [each.state for each in archive.list_results(Scenario.STRESS)] == [
        ScenarioState.COMPLETED
    ]


def test_only_the_last_are_kept_and_what_later_ones_are_compared_with() -> None:
    newest_first = [
        *(build_stored_result(number, Scenario.SCALABILITY, level=3) for number in range(9, 2, -1)),
        build_stored_result(2, Scenario.SCALABILITY, level=1),
        build_stored_result(1, Scenario.SCALABILITY, level=1),
    ]
    assert [each.id for each in select_kept_results(newest_first, keep=2)] == ["9", "8", "2"]
    stopped = [
        build_stored_result(3, state=ScenarioState.STOPPED),
        build_stored_result(2, state=ScenarioState.STOPPED),
        build_stored_result(1),
    ]
    assert [each.id for each in select_kept_results(stopped, keep=1)] == ["3", "1"]


@pytest.mark.parametrize("content", [b"{", b"[{}]", b"3", b"\xff\xfe"])
async def test_a_damaged_file_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "results"
    path.write_bytes(content)
    (tmp_path / "results.damaged-1").write_text("an earlier one")
    archive = ResultArchive(path, keep=5)
    with caplog.at_level(logging.ERROR):
        await archive.open()
        await archive.write_result(build_stored_result(1))
    assert (tmp_path / "results.damaged-2").read_bytes() == content
    assert "was damaged" in caplog.text
    again = ResultArchive(path, keep=5)
    await again.open()
    assert len(again.list_results(Scenario.STRESS)) == 1


async def test_unwritable_is_kept_in_mind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = ResultArchive(tmp_path / "missing" / "results", keep=5)
    await archive.write_result(build_stored_result(1))
    assert [each.id for each in archive.list_results(Scenario.STRESS)] == ["1"]
    assert "cannot write" in caplog.text
