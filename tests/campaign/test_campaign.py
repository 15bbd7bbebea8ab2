"""The campaign on a small scale, and that it tells what is wrong."""

import asyncio
import dataclasses

import pytest

from exporter.journal.journal import create_open_run
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from slos.schema.contract import Stage, StageSource, Verdict
from tests.campaign.__main__ import CampaignPlan, run_campaign
from tests.campaign.agent import LedgerEntry, Request
from tests.campaign.faults import QUICK, QUICK_FAULTS
from tests.campaign.oracle import CampaignResult, Disturbance

SMALL = CampaignPlan(
    seed=1,
    events=50,
    interval="25ms",
    pauses=(0.2, 0.6),
    faults=QUICK_FAULTS,
    process_faults=["kill", "reload", "stop below max_send_lag"],
    times=QUICK,
)


def test_faults_of_events_and_of_the_process_leave_true_verdicts_and_nothing_else() -> None:
    result = asyncio.run(run_campaign(SMALL))
    assert result.list_mismatches() == []
    assert len(result.ledger) >= SMALL.events
    assert result.disturbances
    assert len(result.count_verdicts()) > 3


def build_run(run_id: str, verdict: Verdict, reason: Reason, *, at: float = 100.0) -> Run:
    run = create_open_run("remediation", "direct", run_id, at)
    return dataclasses.replace(run, verdict=verdict, reason=reason)


def build_result(*runs: Run, **entries: LedgerEntry) -> CampaignResult:
    result = CampaignResult(1, QUICK, entries, [("cleaned", run) for run in runs])
    for run in runs:
        result.counters["probe_runs_total", run.verdict.value] += 1
    return result


OK = build_run("a", Verdict.OK, Reason.EXECUTED_ONCE)
TIMED = dataclasses.replace(
    OK, stage_times={Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(1.0)}}
)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (build_result(OK, a=LedgerEntry("none", 100.0)), ""),
        (build_result(OK, a=LedgerEntry("dropped", 100.0)), "a: ok (executed_once), injected"),
        (build_result(OK), "no event arrived"),
        (build_result(a=LedgerEntry("none", 100.0)), "the journal does not have it"),
        (
            build_result(build_run("a", Verdict.UNKNOWN, Reason.PROBER_STALLED)),
            "beside no process fault",
        ),
        (
            dataclasses.replace(
                build_result(build_run("a", Verdict.UNKNOWN, Reason.PROBER_STALLED)),
                disturbances=[Disturbance("stop", 101.0, 103.0)],
            ),
            "",
        ),
        (
            build_result(TIMED, a=LedgerEntry("none", 100.0, [], [Request(100.9, 101.1)])),
            "",
        ),
        (
            build_result(TIMED, a=LedgerEntry("none", 100.0, [], [Request(101.2, 101.3)])),
            "end_to_end is told as 1.0000",
        ),
        (dataclasses.replace(build_result(), open_issues=["of `a`"]), "an open issue of a"),
        (dataclasses.replace(build_result(), leftovers=["x"]), "left behind: x"),
        (
            dataclasses.replace(
                build_result(OK, a=LedgerEntry("none", 100.0)), runs=[("observed", OK)]
            ),
            "left as observed",
        ),
    ],
)  # fmt: skip
def test_the_campaign_tells_what_is_wrong(result: CampaignResult, expected: str) -> None:
    mismatches = result.list_mismatches()
    assert bool(mismatches) is bool(expected)
    assert expected in "".join(mismatches)


def test_runs_that_are_counted_twice_are_told() -> None:
    result = build_result(OK, a=LedgerEntry("none", 100.0))
    result.counters["probe_runs_total", "ok"] += 1
    assert "1 too large" in "".join(result.list_mismatches())
