"""Which runs were sent and which calls came back for them. In memory, no I/O.

The ledger joins a call to its run by id; what is still open can be changed by a call, what
is closed can only be recognised.
"""

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from math import inf

from exporter.evidence import Call

_CLOSED_KEPT = 10_000
"""Closed ids kept at hand; older ones are looked up in the journal."""


class Ticket:
    """One run on its way, and the calls that came in for it."""

    def __init__(
        self, run_id: str, parameters: Mapping[str, str], *, issued: float, load: bool = False
    ) -> None:
        self.id = run_id
        self.parameters = dict(parameters)
        self.issued = issued
        self.load = load
        """Whether it is part of a load, whose calls say nothing of the plan."""
        self.open = True
        self.executed = asyncio.Event()
        """Set when the first call was answered to the end."""
        self.repeated = asyncio.Event()
        """Set when a second call came in."""
        self.notified_at: float | None = None
        """When Alertmanager's notification arrived, on the way that has one."""
        self._calls: list[Call] = []

    @classmethod
    def closed(cls, run_id: str, *, load: bool = False) -> "Ticket":
        """One that no call can change any more."""
        ticket = cls(run_id, {}, issued=inf, load=load)
        ticket.open = False
        return ticket

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls so far, in order of arrival."""
        return tuple(self._calls)

    @property
    def left_alertmanager_at(self) -> float | None:
        """When the alert went on; of two receivers, the canary's webhook may be told second."""
        if self.notified_at is None:
            return None
        return min([self.notified_at, *(call.contact_at for call in self._calls[:1])])

    def arrive(self, call: Call) -> int:
        """Take in a call; its number serves to finish it."""
        self._calls.append(call)
        if len(self._calls) > 1:
            self.repeated.set()
        return len(self._calls) - 1

    def finish(self, number: int, at: float) -> None:
        """Note that a call was answered."""
        if not self.open:
            return
        self._calls[number] = dataclasses.replace(self._calls[number], finished_at=at)
        self.executed.set()

    def matches(self, parameters: Mapping[str, object]) -> bool:
        """Every parameter that was sent is there with its value; more may be."""
        return all(parameters.get(key) == value for key, value in self.parameters.items())


class Ledger:
    """All runs of this process, open and recently closed."""

    def __init__(self) -> None:
        self._open: dict[str, Ticket] = {}
        self._closed: OrderedDict[str, bool] = OrderedDict()
        """Ids, and whether they were load: ten thousand tickets would be much for the garbage
        collector to look at."""

    def issue(
        self, run_id: str, parameters: Mapping[str, str], *, now: float, load: bool = False
    ) -> Ticket:
        """Open a run, before its event is sent."""
        ticket = self._open[run_id] = Ticket(run_id, parameters, issued=now, load=load)
        return ticket

    def close(self, ticket: Ticket) -> None:
        """End a run; calls that come later no longer count for it."""
        ticket.open = False
        self._open.pop(ticket.id, None)
        self._closed[ticket.id] = ticket.load
        if len(self._closed) > _CLOSED_KEPT:
            self._closed.popitem(last=False)

    def find(self, run_id: str) -> Ticket | None:
        """The run of an id; of one that is closed no more is known than that it was there."""
        if run_id in self._closed:
            return Ticket.closed(run_id, load=self._closed[run_id])
        return self._open.get(run_id)
