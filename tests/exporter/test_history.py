"""The history of runs: failures outlive successes, and verdicts are counted in buckets."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.journal.journal import Journal
from exporter.journal.rows import RunState, VerdictCount
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.prober.history import FAILURES_SIZE, HISTORY_SIZE, RunHistory
from exporter.prober.verdict_counts import COUNTED_SECONDS, RANGES, VerdictCounts
from slos.schema.contract import Verdict
from tests.exporter.fake_clock import MovedClock
from tests.exporter.front_page_states import NOW, build_run

PAIR = ("remediation", "direct")


def build_lost(number: int, ago: float = 0.0) -> Run:
    return build_run(number, ago=ago, verdict=Verdict.LOST, reason=Reason.NEVER_EXECUTED, times={})


def test_a_failure_stays_while_successes_go() -> None:
    history = RunHistory()
    history.add(build_lost(0))
    for number in range(1, 2 * HISTORY_SIZE):
        history.add(build_run(number, ago=0))
    assert len(list(history)) == HISTORY_SIZE
    assert [run.id for run in history.list_failures()] == ["slo-probe-0000"]
    for number in range(1000, 1000 + FAILURES_SIZE):
        history.add(build_lost(number))
    failures = history.list_failures()
    assert len(failures) == FAILURES_SIZE
    assert failures[0].id == f"slo-probe-{999 + FAILURES_SIZE}", "the newest first"
    assert "slo-probe-0000" not in {run.id for run in failures}


def test_an_update_reaches_a_failure_that_is_no_last_run_any_more() -> None:
    history = RunHistory()
    history.add(build_lost(0))
    for number in range(1, 2 * HISTORY_SIZE):
        history.add(build_run(number, ago=0))
    observed = build_run(0, ago=0, verdict=Verdict.LOST)
    history.update(observed)
    assert history.list_failures() == [observed]
    history.update(build_run(5000, ago=0))
    assert "slo-probe-5000" not in {run.id for run in history}


async def test_a_restart_keeps_failures_and_counts(path: Path) -> None:
    clock = MovedClock(wall=NOW)

    def open_journal() -> Journal:
        return Journal(path, keep_runs=1000, on_failure=lambda _: None, clock=clock)

    journal = open_journal()
    await journal.start()
    runs = [build_lost(0, ago=9000), build_lost(1, ago=8000)]
    runs += [build_run(number, ago=300 - number) for number in range(2, 150)]
    runs += [
        build_run(200, ago=1, probe="scenario_stress"),
        build_lost(201, ago=COUNTED_SECONDS + 100),
    ]
    await asyncio.gather(*(journal.write_run(RunState.CLEANED, run) for run in runs))
    await journal.write_run(
        RunState.PLANNED,
        build_run(202, ago=0, verdict=Verdict.UNKNOWN, reason=Reason.PROBER_RESTARTED, times={}),
    )
    await journal.close()
    again = open_journal()
    await again.start()
    history = RunHistory()
    history.restore(
        await again.list_recent(HISTORY_SIZE),
        failures=await again.list_recent(FAILURES_SIZE, failures=True),
    )
    history.counts.replace(await again.count_verdicts(COUNTED_SECONDS))
    await again.close()
    # The run that was left open is judged as unknown.
    assert [run.id[-3:] for run in history.list_failures()] == ["202", "201", "001", "000"]
    assert len(list(history)) == HISTORY_SIZE
    assert next(iter(history)).id == "slo-probe-0202"
    assert count_all(history.counts, "week") == {
        Verdict.OK: 148,
        Verdict.LOST: 2,
        Verdict.UNKNOWN: 1,
    }
    assert count_all(history.counts, "hour") == {Verdict.OK: 148, Verdict.UNKNOWN: 1}


def count_all(counts: VerdictCounts, name: str, now: float = NOW) -> dict[Verdict, int]:
    found: dict[Verdict, int] = {}
    for bucket in counts.list_buckets(PAIR, name, now=now):
        for verdict, count in bucket.items():
            found[verdict] = found.get(verdict, 0) + count
    return found


def test_a_bucket_ends_on_a_round_time_and_leaves_the_range_in_time() -> None:
    counts, minute = VerdictCounts(), NOW // 60 * 60
    for at, verdict in (
        (minute - 1, Verdict.OK),
        (minute, Verdict.LOST),
        (minute + 59, Verdict.OK),
    ):
        counts.add(VerdictCount(*PAIR, verdict, at))
    buckets = counts.list_buckets(PAIR, "hour", now=minute + 59)
    assert [dict(bucket) for bucket in buckets[-2:]] == [
        {Verdict.OK: 1},
        {Verdict.LOST: 1, Verdict.OK: 1},
    ]
    later = minute + 59 * 60
    assert count_all(counts, "hour", now=later) == {Verdict.LOST: 1, Verdict.OK: 1}
    assert count_all(counts, "hour", now=later + 60) == {}
    assert count_all(counts, "day", now=later + 60) == {Verdict.LOST: 1, Verdict.OK: 2}


@given(st.lists(st.floats(0, 3e6), max_size=60), st.sampled_from(list(RANGES)))
def test_counts_in_order_are_those_of_the_range(ages: list[float], name: str) -> None:
    """Each run in the buckets up to the newest run is counted once."""
    counts = VerdictCounts()
    counts.add(VerdictCount(*PAIR, Verdict.OK, NOW - 3e6))
    for ago in sorted(ages, reverse=True):
        counts.add(VerdictCount(*PAIR, Verdict.OK, NOW - ago))
    counts.add(VerdictCount(*PAIR, Verdict.OK, NOW))
    start = RANGES[name].get_start(NOW)
    expected = sum(NOW - ago >= start for ago in [*ages, 0.0])
    assert count_all(counts, name) == {Verdict.OK: expected}


@given(st.lists(st.floats(0, 1e12), max_size=300))
def test_a_clock_that_jumps_does_not_make_counts_grow(times: list[float]) -> None:
    counts = VerdictCounts()
    for at in times:
        counts.add(VerdictCount(*PAIR, Verdict.OK, at))
    kept = [buckets for each in counts._buckets.values() for buckets in each.values()]
    assert all(len(buckets) < 2 * 60 for buckets in kept)


@pytest.mark.parametrize(("ago", "name"), [(60, "hour"), (3 * 3600, "day"), (30 * 3600, "day")])
def test_the_range_is_the_hour_until_more_is_counted(ago: float, name: str) -> None:
    counts = VerdictCounts()
    assert counts.choose_range(NOW) == "hour"
    counts.add(VerdictCount(*PAIR, Verdict.OK, NOW - ago))
    counts.add(VerdictCount(*PAIR, Verdict.OK, NOW))
    assert counts.choose_range(NOW) == name
