"""Runs in flight, and the calls matched to them by id. In memory, no I/O.

Calls change runs that are open. A closed run can only be recognised.
"""

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from math import inf

from exporter.model.evidence import Call

_CLOSED_KEPT = 10_000
"""Closed ids kept in memory; older ones are looked up in the journal."""


class Ticket:
    """One run in flight, and the calls that came in for it."""

    def __init__(
        self, run_id: str, parameters: Mapping[str, str], *, issued: float, load: bool = False
    ) -> None:
        self.id = run_id
        self.parameters = dict(parameters)
        self.issued = issued
        self.load = load
        """True for a run of a load. Calls of a load are not counted with those of the probes."""
        self.open = True
        self.executed = asyncio.Event()
        """Set when the answer to the first call was written."""
        self.repeated = asyncio.Event()
        """Set when a second call came in."""
        self.notified_at: float | None = None
        """Monotonic seconds at which Alertmanager's notification arrived, on the path that has
        one."""
        self._calls: list[Call] = []

    @classmethod
    def closed(cls, run_id: str, *, load: bool = False) -> "Ticket":
        """Create a closed run, which no call can change."""
        ticket = cls(run_id, {}, issued=inf, load=load)
        ticket.open = False
        return ticket

    @property
    def calls(self) -> tuple[Call, ...]:
        """Calls so far, in order of arrival."""
        return tuple(self._calls)

    @property
    def left_alertmanager_at(self) -> float | None:
        """Time at which the alert left Alertmanager, in monotonic seconds.

        Of two receivers, the canary's webhook may be notified second.
        """
        if self.notified_at is None:
            return None
        return min([self.notified_at, *(call.contact_at for call in self._calls[:1])])

    def arrive(self, call: Call) -> int:
        """Add a call; return the number that finishes it."""
        self._calls.append(call)
        if len(self._calls) > 1:
            self.repeated.set()
        return len(self._calls) - 1

    def finish(self, number: int, at: float) -> None:
        """Record that the answer to a call was written."""
        if not self.open:
            return
        self._calls[number] = dataclasses.replace(self._calls[number], finished_at=at)
        self.executed.set()

    def matches(self, parameters: Mapping[str, object]) -> bool:
        """Return whether every sent parameter is there with its value; more may be."""
        return all(parameters.get(key) == value for key, value in self.parameters.items())


class Ledger:
    """Runs of this process, in flight and recently closed."""

    def __init__(self) -> None:
        self._open: dict[str, Ticket] = {}
        self._closed: OrderedDict[str, bool] = OrderedDict()
        """Ids, and whether they were load. Ten thousand run objects would slow down garbage
        collection."""

    def issue(
        self, run_id: str, parameters: Mapping[str, str], *, now: float, load: bool = False
    ) -> Ticket:
        """Open a run before its event is sent."""
        ticket = self._open[run_id] = Ticket(run_id, parameters, issued=now, load=load)
        return ticket

    def close(self, ticket: Ticket) -> None:
        """Close a run; later calls no longer count for it."""
        ticket.open = False
        self._open.pop(ticket.id, None)
        self._closed[ticket.id] = ticket.load
        if len(self._closed) > _CLOSED_KEPT:
            self._closed.popitem(last=False)

    def find(self, run_id: str) -> Ticket | None:
        """Find the run of an id. Of a closed run only its id and kind are known."""
        if run_id in self._closed:
            return Ticket.closed(run_id, load=self._closed[run_id])
        return self._open.get(run_id)
