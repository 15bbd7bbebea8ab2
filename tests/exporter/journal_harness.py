"""Journal of a test, and readers of its file."""

import contextlib
import dataclasses
import sqlite3
from pathlib import Path

from exporter.journal.journal import Journal, create_open_run
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from slos.schema.contract import JournalOperation, Stage, StageSource, Verdict
from tests.exporter.fake_clock import FakeClock


class JournalHarness:
    """Journal, with the failures that it reported."""

    def __init__(self, path: Path, clock: FakeClock, *, keep_runs: int = 1000) -> None:
        self.failures: list[JournalOperation] = []
        self.journal = Journal(
            path, keep_runs=keep_runs, on_failure=self.failures.append, clock=clock
        )


def build_open_run(run_id: str, intended_at: float = 1.7e9) -> Run:
    return create_open_run("remediation", "direct", run_id, intended_at)


def build_judged_run(run_id: str, verdict: Verdict = Verdict.OK) -> Run:
    return dataclasses.replace(
        build_open_run(run_id),
        verdict=verdict,
        reason=Reason.EXECUTED_ONCE,
        stage_times={Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(0.125)}},
    )


def read_rows(path: Path) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT id, state, verdict FROM runs ORDER BY seq").fetchall()
    finally:
        connection.close()


def execute_sql(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def read_files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def reopen_journal(path: Path, clock: FakeClock) -> tuple[list[Run], list[Run]]:
    """Open the journal again; return the runs left open, and all finished runs, newest first."""
    harness = JournalHarness(path, clock)
    left_open = await harness.journal.start()
    recent = await harness.journal.list_recent(1000)
    await harness.journal.close()
    return left_open, recent
