"""A journal at hand, and what lies in its file."""

import dataclasses
import sqlite3
from pathlib import Path

from exporter.journal.journal import Journal, opened
from exporter.model.run import ProbeResult
from exporter.model.verdict import Reason
from slos.schema.contract import JournalOperation, Source, Stage, Verdict
from tests.exporter.fake_clock import FakeClock


class Desk:
    """A journal and what it complained about."""

    def __init__(self, path: Path, clock: FakeClock, *, keep_runs: int = 1000) -> None:
        self.failures: list[JournalOperation] = []
        self.journal = Journal(path, keep_runs=keep_runs, failed=self.failures.append, clock=clock)


def run(run_id: str, at: float = 1.7e9) -> ProbeResult:
    return opened("remediation", "direct", run_id, at)


def done(run_id: str, verdict: Verdict = Verdict.OK) -> ProbeResult:
    return dataclasses.replace(
        run(run_id),
        verdict=verdict,
        reason=Reason.EXECUTED_ONCE,
        seen={Stage.END_TO_END: {Source.CANARY: 0.125}},
    )


def rows(path: Path) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT id, state, verdict FROM runs ORDER BY seq").fetchall()
    finally:
        connection.close()


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def reopened(path: Path, clock: FakeClock) -> tuple[list[ProbeResult], list[ProbeResult]]:
    """What the next start finds: orphans, and all finished runs, newest first."""
    desk = Desk(path, clock)
    orphans = await desk.journal.start()
    recent = await desk.journal.recent(1000)
    await desk.journal.close()
    return orphans, recent
