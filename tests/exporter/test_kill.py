"""A killed prober: the next start finishes every run and counts it once."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    run_environment,
    stop_when,
    wait_until,
)
from tests.exporter.journal_harness import read_rows

UNJUDGED = {"planned", "sent"}
Condition = Callable[[], bool]


def open_second_issues(environment: ProberEnvironment) -> None:
    """Open a second issue for each run, as agent-sre does when a function fails."""
    workspace = environment.linear.handlers.workspace
    for issue in environment.linear.list_issues():
        fields = {"title": "[Remediation Failed] SloProbeSynthetic", "teamId": workspace.team["id"]}
        workspace.create_issue(
            {**fields, "description": issue["description"]}, environment.linear.faults.active
        )


async def keep_runs_planned(environment: ProberEnvironment) -> Condition:
    environment.agent.faults.set("hang")
    return lambda: environment.count_states()["planned"] > 0


async def keep_runs_sent(environment: ProberEnvironment) -> Condition:
    environment.agent.faults.set("slow:lambda_execution:1.5")
    return lambda: environment.count_states()["sent"] > 3


async def keep_runs_judged(environment: ProberEnvironment) -> Condition:
    environment.linear.faults.set("lag:60")  # no search shows an issue yet
    return lambda: environment.count_states()["judged"] > 3


async def keep_runs_observed(environment: ProberEnvironment) -> Condition:
    environment.linear.faults.set("forbidden")  # nothing can be archived
    return lambda: environment.count_states()["observed"] > 3


async def interrupt_cleanup(environment: ProberEnvironment) -> Condition:
    environment.linear.faults.set("lag:60")
    await wait_until(lambda: environment.count_states()["judged"] > 3)
    open_second_issues(environment)
    environment.linear.faults.set("slow:0.1")
    return lambda: (
        environment.count_states()["observed"] > 0
        and 0 < len(environment.list_open_issues()) < len(environment.linear.list_issues())
    )


async def read_run_counters(prober: ProberProcess) -> dict[str, Counter[str]]:
    """Counters of runs and of their evidence, from a scrape."""
    await prober.read_counter("in_flight")  # what an earlier process left is counted after a scrape
    names = [
        ("probe_runs_total", "verdict"),
        ("results_total", "probe"),
        ("linear_issues_total", "count"),
    ]
    found = {name: await prober.read_counter(name, label) for name, label in names}
    # Without a target to compare it with, a time known only within bounds is in no histogram.
    certain = await prober.read_counter("stage_duration_seconds_count", "stage")
    bounded = await prober.read_counter("stage_intervals_total", "stage")
    return found | {"stages": certain + bounded}


@pytest.mark.parametrize(
    "reach_state",
    [keep_runs_planned, keep_runs_sent, keep_runs_judged, keep_runs_observed, interrupt_cleanup],
)
async def test_a_run_is_finished_and_counted_once_after_a_kill(
    tmp_path: Path, reach_state: Callable[[ProberEnvironment], Awaitable[Condition]]
) -> None:
    async with run_environment(tmp_path, within="4s") as environment:
        async with environment.run_prober() as first:
            await first.wait_for_url("web")
            condition = await reach_state(environment)
            await wait_until(lambda: environment.count_states().total() > 10)
            before = await read_run_counters(first)
            await stop_when(first, condition)
            await first.kill()
        cut_off = {row[0]: row[1] for row in read_rows(environment.journal)}
        environment.agent.faults.set("none")
        environment.linear.faults.set("none")
        async with environment.run_prober(
            environment.write_config(probes=RARE_REMEDIATION)
        ) as second:
            await second.wait_for_url("web")
            await wait_until(
                lambda: (
                    not environment.list_open_issues()
                    and set(environment.count_states()) == {"cleaned"}
                )
            )
            after = await read_run_counters(second)
            shown = {
                run["id"]: run["verdict"] for run in json.loads((await second.get_page("/runs"))[1])
            }
            assert (await second.read_counter("orphans")).total() == 0
            done = await second.stop()
        assert done.code == 0

        verdicts = {row[0]: row[2] for row in read_rows(environment.journal)}
        assert set(verdicts) == set(cut_off)
        unjudged = {run for run, state in cut_off.items() if state in UNJUDGED}
        assert {run for run, verdict in verdicts.items() if verdict == "unknown"} == unjudged
        assert after["probe_runs_total"] == Counter({"unknown": len(unjudged)} if unjudged else {})
        assert all(shown[run] == verdicts[run] for run in shown)
        opened = len(cut_off)
        for name in before:
            assert all(n <= opened for n in (before[name] + after[name]).values()), name
        finished = sum(state == "cleaned" for state in cut_off.values())
        again = sum(state == "judged" for state in cut_off.values())
        # What was counted with the verdict is not counted again, what was still due is.
        assert after["stages"]["end_to_end"] == 0
        assert after["stages"]["linear_issue_creation"] == again
        assert before["linear_issues_total"].total() <= finished + again
