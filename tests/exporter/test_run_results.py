"""Results of runs: each run passes or fails once, and accepted failures are none."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.journal.rows import decode_run, encode_run
from exporter.metrics.checks import CheckSettings
from exporter.metrics.exposition import render_exposition
from exporter.metrics.runs import RunMetrics
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.stages import StageTimes
from exporter.observers import Observation, list_expected_stages
from exporter.prober.pending import PendingRun
from exporter.probes import ProbeOutcome, ProbeRunner
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema import contract
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Criterion, DeliveryPath, IssueCount, Stage, StageSource, Verdict
from tests.exporter.fake_clock import FakeClock
from tests.exporter.reconciler_harness import (
    PROBE_PATHS,
    TARGETS,
    ScriptedObserver,
    build_judged_run,
    run_harness,
)

LAST_DAY = datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC).timestamp()
INPUT = Criterion.INPUT_VALIDATION


def build_accepted(criterion: Criterion, path: str | None = None) -> AcceptedCriterion:
    return AcceptedCriterion.model_validate(
        {"criterion": criterion, "path": path, "reason": "known", "until": "2027-03-31"}
    )


def build_metrics(
    registry: CollectorRegistry, *accepted: AcceptedCriterion, clock: FakeClock | None = None
) -> RunMetrics:
    checks = CheckSettings(
        frozenset({INPUT, Criterion.CONTAINMENT}),
        accepted,
        ("security",),
    )
    wall = (clock or FakeClock(wall=LAST_DAY)).wall
    return RunMetrics(registry, probe_paths=PROBE_PATHS, targets=TARGETS, checks=checks, wall=wall)


def read_counts(registry: CollectorRegistry, metric: str, *labels: str) -> dict[str, float]:
    """Read the samples of a counter that are not zero, by the values of labels."""
    families = text_string_to_metric_families(render_exposition(registry).decode())
    return {
        " ".join(sample.labels[label] for label in labels): sample.value
        for family in families
        for sample in family.samples
        if sample.name == metric and sample.value
    }


def read_results(registry: CollectorRegistry) -> dict[str, float]:
    return read_counts(registry, contract.RESULTS, "probe", "path", "result")


def test_a_slot_of_seven_checks_is_one_run(registry: CollectorRegistry) -> None:
    metrics = build_metrics(registry)
    checks: list[tuple[Criterion, bool | None]] = [(INPUT, True)] * 6
    metrics.checks.count_outcome("security", [*checks, (INPUT, False)])
    metrics.checks.count_outcome("security", [*checks, (INPUT, True)])
    metrics.checks.count_outcome("security", [(Criterion.CONTAINMENT, None)])
    assert read_results(registry) == {"security direct fail": 1, "security direct pass": 1}
    assert read_counts(registry, contract.CHECKS, "result") == {"pass": 13, "fail": 1}


def test_the_results_of_a_probe_without_alerts_start_at_zero(registry: CollectorRegistry) -> None:
    build_metrics(registry)
    labels = {"probe": "security", "path": "direct", "result": "fail"}
    assert registry.get_sample_value(contract.RESULTS, labels) == 0


async def test_a_failure_is_accepted_until_the_end_of_its_last_day(
    registry: CollectorRegistry,
) -> None:
    clock = FakeClock(wall=LAST_DAY)
    metrics = build_metrics(registry, build_accepted(INPUT), clock=clock)
    until = registry.get_sample_value(contract.ACCEPTED_UNTIL, {"criterion": INPUT, "path": ""})
    assert until == LAST_DAY + 1
    for _ in range(2):
        metrics.checks.count_outcome("security", [(INPUT, False), (INPUT, True)])
        await clock.jump(1)
    assert read_counts(registry, contract.CHECKS, "result") == {
        "accepted": 1,
        "fail": 1,
        "pass": 2,
    }
    assert read_results(registry) == {"security direct pass": 1, "security direct fail": 1}


def test_another_criterion_of_the_same_run_still_fails(registry: CollectorRegistry) -> None:
    metrics = build_metrics(registry, build_accepted(INPUT))
    metrics.checks.count_outcome("security", [(INPUT, False), (Criterion.CONTAINMENT, False)])
    assert read_counts(registry, contract.CHECKS, "criterion", "result") == {
        "security.input_validation accepted": 1,
        "security.containment fail": 1,
    }
    assert read_results(registry) == {"security direct fail": 1}


async def test_a_run_that_is_not_executed_is_accepted_on_its_path_with_all_its_stages(
    registry: CollectorRegistry,
) -> None:
    clock = FakeClock(wall=LAST_DAY)
    entry = build_accepted(Criterion.AVAILABILITY, "broker")
    metrics = build_metrics(registry, entry, clock=clock)
    metrics.configure(
        probe_paths=[dataclasses.replace(each, path="broker") for each in PROBE_PATHS],
        targets=TARGETS,
        checks=CheckSettings(accepted=(entry,)),
    )
    lost = dataclasses.replace(build_judged_run(), verdict=Verdict.LOST, stage_times={})
    for _ in range(2):
        for path in ("broker", "direct"):
            metrics.count_judged(dataclasses.replace(lost, path=path))
        await clock.jump(1)
    assert read_counts(registry, contract.PROBE_RUNS, "path", "verdict", "accepted") == {
        "broker lost true": 1,
        "broker lost false": 1,
        "direct lost false": 2,
    }
    results = {"broker pass": 1, "broker fail": 1, "direct fail": 2}
    assert read_counts(registry, contract.RESULTS, "path", "result") == results
    assert read_counts(registry, contract.ACCEPTED_UNTIL, "criterion", "path") == {
        "success.availability broker": LAST_DAY + 1
    }


def test_a_run_that_is_executed_is_not_accepted(registry: CollectorRegistry) -> None:
    metrics = build_metrics(registry, build_accepted(Criterion.AVAILABILITY))
    for verdict in Verdict:
        metrics.count_judged(dataclasses.replace(build_judged_run(), verdict=verdict))
    accepted = read_counts(registry, contract.PROBE_RUNS, "verdict", "accepted")
    good = {Verdict.OK, Verdict.LATE, Verdict.UNKNOWN}
    assert accepted == {f"{each} {'false' if each in good else 'true'}": 1 for each in Verdict}


def test_a_criterion_that_leaves_the_list_fails_again(registry: CollectorRegistry) -> None:
    metrics = build_metrics(registry, build_accepted(INPUT))
    metrics.configure(probe_paths=PROBE_PATHS, targets=TARGETS)
    metrics.checks.count_outcome("security", [(INPUT, False)])
    assert read_counts(registry, contract.ACCEPTED_UNTIL, "criterion") == {}
    assert read_results(registry) == {"security direct fail": 1}


EXPECTED = list_expected_stages(DeliveryPath.DIRECT)
TIMES = st.builds(Bounds, low=st.sampled_from([1.0, 9.0]), high=st.sampled_from([9.0, 11.0, 12.0]))
STAGE_TIMES = st.dictionaries(st.sampled_from(list(Stage)), TIMES)
ACCEPTED = st.lists(
    st.sampled_from([Criterion.AVAILABILITY, *map(Criterion.from_stage, Stage)]), unique=True
)


IN_TIME: StageTimes = {stage: {StageSource.CANARY: Bounds.exactly(1.0)} for stage in EXPECTED}


def decode(run: Run) -> Run:
    """Return the run as the next process reads it."""
    encoded: Any = encode_run(run)
    decoded = decode_run(*encoded)
    assert decoded == run
    return decoded


@given(
    verdict=st.sampled_from(list(Verdict)),
    early=STAGE_TIMES,
    late=st.lists(st.tuples(STAGE_TIMES, st.sampled_from([None, *IssueCount])), max_size=4),
    accepted=ACCEPTED,
    restarts=st.booleans(),
)
def test_a_run_fails_once_if_any_check_fails_and_passes_once_otherwise(
    verdict: Verdict,
    early: dict[Stage, Bounds],
    late: Sequence[tuple[dict[Stage, Bounds], IssueCount | None]],
    accepted: list[Criterion],
    restarts: bool,  # noqa: FBT001 - hypothesis
) -> None:
    registry = CollectorRegistry()
    metrics = build_metrics(registry, *map(build_accepted, accepted))
    times: StageTimes = {stage: {StageSource.CANARY: each} for stage, each in early.items()}
    run = dataclasses.replace(build_judged_run(), verdict=verdict, stage_times=times)
    run = metrics.postpone_stages(run)
    metrics.count_judged(run)
    pending = PendingRun(run, 0.0, is_awaiting_observers=True)
    for number, (stages, issues) in enumerate([*late, ({}, None)]):
        if restarts:
            pending = PendingRun(decode(pending.run), 0.0, is_awaiting_observers=True)
        pending.add_observation(StageSource.TEMPO, Observation(run.id, stages, issues=issues))
        settled = pending.run.due_stages[: None if number == len(late) else 1]
        failed = metrics.is_failed_by_observers(pending.select_stages(settled), pending.issues)
        metrics.count_observed(pending.take_stages(settled, failed=failed), pending.issues)
    checks = read_counts(registry, contract.CHECKS, "result")
    result = "fail" if checks.get("fail") else "pass"
    expected = {} if verdict is Verdict.UNKNOWN else {f"remediation direct {result}": 1}
    assert read_results(registry) == expected
    assert not pending.run.is_result_due


async def test_the_result_of_a_run_outlives_the_process(path: Path, clock: FakeClock) -> None:
    """A run that waits for Linear is counted by the process that hears of its issue."""
    async with run_harness(path, clock) as first:
        first.use_observers(linear=ScriptedObserver(), tempo=ScriptedObserver(leftover_kind=None))
        for run_id, verdict in (("a", Verdict.OK), ("b", Verdict.LOST)):
            await first.finish_run(
                dataclasses.replace(build_judged_run(run_id), verdict=verdict, stage_times=IN_TIME)
            )
        assert [read(first, result) for result in ("pass", "fail")] == [0, 1]
    async with run_harness(path, clock) as second:
        linear = ScriptedObserver()
        for run_id in ("a", "b"):
            linear.observations[run_id] = Observation(run_id, issues=IssueCount.NONE)
        second.use_observers(linear=linear)
        await second.advance(200)
        assert [read(second, result) for result in ("pass", "fail")] == [0, 1], "only a"
        missing = second.read_sample(
            "checks_total", criterion="AC1.linear_issue_creation", result="fail"
        )
        assert missing == 2, "both lack their issue, and only one had not failed before"
    async with run_harness(path, clock) as third:
        third.use_observers(linear=ScriptedObserver())
        await third.advance(200)
        assert [read(third, result) for result in ("pass", "fail")] == [0, 0]


def read(harness: Any, result: str) -> float | None:  # noqa: ANN401 - the harness
    value: float | None = harness.read_sample(
        "results_total", probe="remediation", path="direct", result=result
    )
    return value


class OneOutcome:
    """Probe with the outcome that it is given."""

    key = "security"
    schedule = Schedule()

    def __init__(self, outcome: ProbeOutcome) -> None:
        self._outcome = outcome

    async def run(self, _: Slot) -> ProbeOutcome:
        return self._outcome


@pytest.mark.parametrize("accepted", [(), (INPUT,)])
async def test_an_outcome_names_the_failures_that_are_accepted(
    registry: CollectorRegistry, accepted: tuple[Criterion, ...]
) -> None:
    probe = OneOutcome(ProbeOutcome(checks=((INPUT, False),)))
    metrics = build_metrics(registry, *map(build_accepted, accepted))
    outcome = await ProbeRunner([probe], metrics).run_slot("security", Slot(0.0, 0.0))
    assert outcome.accepted == frozenset(accepted)
    result = "pass" if accepted else "fail"
    assert read_results(registry) == {f"security direct {result}": 1}
