"""What counts as completed, how fast it was, and what the gauges make of it."""

from math import inf

import pytest

from exporter.judge import Reason
from exporter.load.brake import Stop
from exporter.load.measuring import Sent, completed, highest, measured, told_of_issue, within
from exporter.load.plateaus import Plateaus
from exporter.load.readings import Reading
from exporter.load.result import Measure, Result, State, read
from exporter.load.table import table
from exporter.result import ProbeResult
from exporter.scenarios import scalability, scenario_modules, stress, throughput
from slos.schema.contract import (
    LOAD,
    SCALING_EFFICIENCY,
    IssueCount,
    Scenario,
    Source,
    Stage,
    Verdict,
)
from slos.schema.units import Duration

LAMBDA, END = Stage.LAMBDA_EXECUTION, Stage.END_TO_END
ISSUE, CLOUDEVENT = Stage.LINEAR_ISSUE_CREATION, Stage.CLOUDEVENT_PROCESSING


def run(verdict: Verdict = Verdict.OK, **seconds: float) -> ProbeResult:
    seen = {Stage(name): {Source.CANARY: value} for name, value in seconds.items()}
    if ISSUE in seen:
        seen[ISSUE] = {Source.LINEAR: seconds[ISSUE.value]}
    if CLOUDEVENT in seen:
        seen[CLOUDEVENT] = {Source.REPLY: seconds[CLOUDEVENT.value]}
    return ProbeResult("scenario_throughput", "direct", "id", verdict, Reason.EXECUTED_ONCE, seen)


def result(scenario: Scenario = Scenario.SCALABILITY, **known: object) -> Result:
    return Result("1", scenario, State.COMPLETED, 1.7e9, 1.7e9 + 60, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [Verdict.LOST, Verdict.DUPLICATED, Verdict.CORRUPTED])
def test_a_wrong_execution_is_not_completed(verdict: Verdict) -> None:
    answered = run(verdict, cloudevent_processing=0.1, linear_issue_creation=0.2)
    assert completed(answered, CLOUDEVENT, 5) is None
    assert completed(answered, ISSUE, 10) == 0.2  # its issue is there all the same


def test_what_comes_after_its_target_is_not_completed() -> None:
    assert completed(run(cloudevent_processing=5.1), CLOUDEVENT, 5) is None
    assert completed(run(Verdict.LATE, cloudevent_processing=5.0), CLOUDEVENT, 5) == 5.0
    assert completed(run(), CLOUDEVENT, 5) is None


def test_a_call_is_through_when_the_event_is() -> None:
    assert completed(run(lambda_execution=1, end_to_end=7), LAMBDA, 30) == 7


def step(offsets: list[float], runs: list[ProbeResult], lasted: float) -> Sent:
    return Sent(10, offsets, runs, lasted)


def test_a_backlog_that_is_worked_off_afterwards_lowers_the_rate() -> None:
    offsets = [n / 10 for n in range(10)]
    kept_up = measured(step(offsets, [run(end_to_end=0.01)] * 10, 1.0), {END: inf})
    fell_behind = measured(step(offsets, [run(end_to_end=1.1)] * 10, 1.0), {END: inf})
    assert kept_up.rates[END] == 10
    assert fell_behind.rates[END] == pytest.approx(10 / 2.0)
    assert kept_up.shares[END] == fell_behind.shares[END] == 1


def test_what_the_prober_spoiled_counts_on_neither_side() -> None:
    runs = [run(end_to_end=0.01), run(Verdict.UNKNOWN), run(Verdict.LOST)]
    found = measured(step([0, 0.5, 1], runs, 1.5), {END: inf})
    assert found.shares[END] == 0.5
    assert found.verdicts == {"ok": 1, "unknown": 1, "lost": 1}
    nothing = measured(step([0], [run(Verdict.UNKNOWN)], 0.0), {END: inf})
    assert (nothing.shares[END], nothing.rates[END]) == (0, 0)


def test_the_highest_rate_is_that_of_a_step_at_which_enough_completed() -> None:
    fine, broken = [run(end_to_end=0.01)] * 100, [run(Verdict.LOST)] * 2
    slow, fast = [n / 100 for n in range(100)], [n / 200 for n in range(100)]
    steps = [
        measured(step(slow, fine, 1.0), {END: inf}),
        measured(step(fast, [*broken, *fine[2:]], 0.5), {END: inf}),
    ]
    assert highest(steps, END, share=0.99) == 100
    assert highest(steps, END, share=0.98) == pytest.approx(98 / 0.505)
    assert highest(steps[1:], END, share=0.99) == 0


def test_without_a_target_in_the_specs_any_time_will_do() -> None:
    found = within({LAMBDA: Duration.of(seconds=30)}, [LAMBDA, END])
    assert found == {LAMBDA: 30.0, END: inf}


def test_efficiency_compares_the_newest_run_of_each_number_with_that_of_one() -> None:
    def with_(level: int, held: float) -> Result:
        return result(level=level, measures=(Measure(END.value, held),))

    newest_first = [with_(4, 60), with_(1, 20), with_(2, 36), with_(1, 30), with_(4, 100)]
    shown = {
        reading.labels["level"]: reading.value
        for reading in scalability.readings(newest_first)
        if reading.metric == SCALING_EFFICIENCY
    }
    assert shown == {"1": 1.0, "2": 0.9, "4": 0.75}
    assert not [
        reading
        for reading in scalability.readings([with_(4, 60)])
        if reading.metric == SCALING_EFFICIENCY
    ]


def test_a_stage_that_was_not_measured_has_no_gauge_and_is_not_met() -> None:
    measures = (Measure(CLOUDEVENT.value, 110.0, 100.0), Measure(ISSUE.value, None, 50.0))
    found = result(Scenario.THROUGHPUT, measures=measures)
    assert found.met is False
    assert list(throughput.readings([found])) == [
        Reading("agent_sre_validation_throughput_events_per_second", 110.0, {"stage": CLOUDEVENT})
    ]


def test_a_result_comes_back_from_its_json_and_strangers_do_not() -> None:
    runs = [run(end_to_end=0.01)]
    made = result(
        steps=(measured(step([0], runs, 0.1), {END: inf}),),
        measures=(Measure("efficiency", None, 0.7), Measure("end_to_end", 12.5)),
        level=3,
        reason=Stop.RELOADED,
        notes=("said",),
    )
    assert read(made.as_json()) == made
    for wrong in ({}, {**made.as_json(), "state": "odd"}, {**made.as_json(), "steps": 3}):
        with pytest.raises(ValueError, match=r"no result|odd"):
            read(wrong)


def test_a_table_says_what_was_found_and_what_was_promised() -> None:
    text = table(
        result(
            Scenario.STRESS,
            unit="events at once",
            events=51,
            steps=(measured(step([0], [run(end_to_end=0.5)], 0.0), {END: inf}),),
            measures=(Measure("held_level", 50, 101), Measure("breaking_level", None)),
        )
    )
    assert text.splitlines()[0] == "stress: NOT MET, 51 events in 60 s"
    assert "held_level      50            101       NOT MET" in text
    assert "breaking_level  not measured" in text


def test_every_scenario_of_the_contract_has_its_file_and_its_own_value_of_the_label_probe() -> None:
    assert set(scenario_modules()) == set(Scenario)
    assert {"scenario_scalability", "scenario_stress", "scenario_throughput"} == LOAD


def test_the_defaults_go_above_every_promise() -> None:
    assert max(throughput.Settings().rates) > 100
    assert any(101 <= level <= 199 for level in stress.Settings().levels)
    for module in scenario_modules().values():
        assert module.Settings().most_events() < 10_000


def test_a_plateau_is_sent_at_its_rate() -> None:
    settings = Plateaus(rates=[4], hold=Duration.of(seconds=1))
    assert settings.offsets(4) == [0, 0.25, 0.5, 0.75]
    assert settings.most_events() == 5


def test_an_issue_is_known_when_it_was_seen_or_surely_is_not_there() -> None:
    assert told_of_issue(run(linear_issue_creation=1), IssueCount.ONE)
    assert told_of_issue(run(), IssueCount.NONE)
    assert not told_of_issue(run(), None)
    assert not told_of_issue(run(), IssueCount.ONE), "its time was too unsure to tell"
