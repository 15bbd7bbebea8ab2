"""Backlog of the clean-up: runs whose leftovers wait to be cleaned up. Pure.

Of a waiting run only its id and a few numbers are kept. The journal has the rest.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from exporter.httpclient.retry import Backoff
from exporter.model.run import Leftover, Run
from exporter.prober.pending import PendingRun, is_clean_up_overdue
from slos.schema.contract import LeftoverKind

MAX_ENTRIES = 50_000
"""Waiting runs. The leftovers of an older run are found by the orphan sweep."""


@dataclass(frozen=True, slots=True)
class BacklogEntry:
    """A run that waits for its clean-up, without what the journal has.

    Attributes:
        intended_at: seconds since 1970 of the intended send.
        kinds: kinds of its leftovers.
        next_try: monotonic seconds before which nothing is cleaned up.
        backoff: pauses between attempts, if one has failed.
        failing_since: monotonic seconds of the first failed clean-up attempt of each leftover.
    """

    intended_at: float
    kinds: tuple[LeftoverKind, ...]
    next_try: float = 0.0
    backoff: Backoff | None = None
    failing_since: Mapping[Leftover, float] = field(default_factory=dict)

    @classmethod
    def from_pending(cls, pending: PendingRun) -> "BacklogEntry":
        """Return what is kept of a run."""
        run = pending.run
        kinds = tuple(leftover.kind for leftover in run.leftovers)
        backoff = pending.backoff if pending.failing_since else None
        return cls(run.intended_at, kinds, pending.next_try, backoff, pending.failing_since)

    def to_pending(self, run: Run, now: float) -> PendingRun:
        """Return the run as it was before, with what the journal has."""
        pending = PendingRun(run, now, is_awaiting_observers=False, next_try=self.next_try)
        if self.backoff is not None:
            pending.backoff, pending.failing_since = self.backoff, dict(self.failing_since)
        return pending


class CleanupBacklog:
    """Runs that wait, the oldest first."""

    def __init__(self) -> None:
        self._entries: dict[str, BacklogEntry] = {}

    def __len__(self) -> int:
        """Number of runs."""
        return len(self._entries)

    def add(self, run_id: str, entry: BacklogEntry) -> None:
        """Add a run; the oldest is dropped when there are too many."""
        self._entries[run_id] = entry
        if len(self._entries) > MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]

    def list_due(self, now: float, limit: int) -> list[str]:
        """List the ids of runs that may be cleaned up now."""
        found: list[str] = []
        for run_id, entry in self._entries.items():
            if len(found) >= limit:
                break
            if entry.next_try <= now:
                found.append(run_id)
        return found

    def list_ids(self) -> Sequence[str]:
        """List the ids of all runs."""
        return list(self._entries)

    def take(self, run_id: str) -> BacklogEntry:
        """Remove a run and return what is known of it."""
        return self._entries.pop(run_id)

    def find_oldest(self) -> float:
        """Find the earliest intended send, in seconds since 1970; infinite without runs."""
        return min((entry.intended_at for entry in self._entries.values()), default=inf)

    def count_overdue(
        self, cleaners: Collection[LeftoverKind], now: float
    ) -> Counter[LeftoverKind]:
        """Count the leftovers whose clean-up is overdue, or that no cleaner is for."""
        overdue: Counter[LeftoverKind] = Counter()
        for entry in self._entries.values():
            overdue.update(
                leftover.kind
                for leftover, since in entry.failing_since.items()
                if is_clean_up_overdue(since, now)
            )
            overdue.update(kind for kind in entry.kinds if kind not in cleaners)
        return overdue
