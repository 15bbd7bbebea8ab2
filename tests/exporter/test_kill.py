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
Holds = Callable[[], bool]


def twice(at: ProberEnvironment) -> None:
    """Open a second issue for each run, as agent-sre does when a function fails."""
    workspace = at.linear.handlers.workspace
    for issue in at.linear.list_issues():
        fields = {"title": "[Remediation Failed] SloProbeSynthetic", "teamId": workspace.team["id"]}
        workspace.create_issue(
            {**fields, "description": issue["description"]}, at.linear.faults.active
        )


async def planned(at: ProberEnvironment) -> Holds:
    at.agent.faults.set("hang")
    return lambda: at.count_states()["planned"] > 0


async def sent(at: ProberEnvironment) -> Holds:
    at.agent.faults.set("slow:lambda_execution:1.5")
    return lambda: at.count_states()["sent"] > 3


async def judged(at: ProberEnvironment) -> Holds:
    at.linear.faults.set("lag:60")  # no search shows an issue yet
    return lambda: at.count_states()["judged"] > 3


async def observed(at: ProberEnvironment) -> Holds:
    at.linear.faults.set("forbidden")  # nothing can be archived
    return lambda: at.count_states()["observed"] > 3


async def half_cleaned(at: ProberEnvironment) -> Holds:
    at.linear.faults.set("lag:60")
    await wait_until(lambda: at.count_states()["judged"] > 3)
    twice(at)
    at.linear.faults.set("slow:0.1")
    return lambda: (
        at.count_states()["observed"] > 0
        and 0 < len(at.list_open_issues()) < len(at.linear.list_issues())
    )


async def counted(prober: ProberProcess) -> dict[str, Counter[str]]:
    """What a scrape shows of runs and what was learned of them."""
    await prober.read_counter("in_flight")  # what an earlier process left is counted after a scrape
    names = [("probe_runs_total", "verdict"), ("linear_issues_total", "count")]
    found = {name: await prober.read_counter(name, label) for name, label in names}
    return found | {"stages": await prober.read_counter("stage_duration_seconds_count", "stage")}


@pytest.mark.parametrize("at_state", [planned, sent, judged, observed, half_cleaned])
async def test_a_run_is_finished_and_counted_once_after_a_kill(
    tmp_path: Path, at_state: Callable[[ProberEnvironment], Awaitable[Holds]]
) -> None:
    async with run_environment(tmp_path, within="4s") as at:
        async with at.run_prober() as first:
            await first.wait_for_url("web")
            holds = await at_state(at)
            await wait_until(lambda: at.count_states().total() > 10)
            before = await counted(first)
            await stop_when(first, holds)
            await first.kill()
        cut_off = {row[0]: row[1] for row in read_rows(at.journal)}
        at.agent.faults.set("none")
        at.linear.faults.set("none")
        async with at.run_prober(at.write_config(probes=RARE_REMEDIATION)) as second:
            await second.wait_for_url("web")
            await wait_until(
                lambda: not at.list_open_issues() and set(at.count_states()) == {"cleaned"}
            )
            after = await counted(second)
            shown = {
                run["id"]: run["verdict"] for run in json.loads((await second.get_page("/runs"))[1])
            }
            assert (await second.read_counter("orphans")).total() == 0
            done = await second.stop()
        assert done.code == 0

        verdicts = {row[0]: row[2] for row in read_rows(at.journal)}
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
