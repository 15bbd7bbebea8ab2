"""Runs in flight, and the calls matched to them by id. In memory, no I/O.

Calls change runs that are open. A closed run can only be recognised.
"""

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Mapping

from exporter.model.bounds import Bounds
from exporter.model.evidence import Call
from exporter.prober.health_checks import ContactWindow, HealthCheckMatcher

_MAX_CLOSED = 10_000
"""Closed ids kept in memory; older ones are looked up in the journal."""


class InflightRun:
    """One run in flight, and the calls that came in for it."""

    def __init__(
        self,
        run_id: str,
        parameters: Mapping[str, str],
        *,
        contacts: HealthCheckMatcher,
        is_load: bool = False,
    ) -> None:
        self.id = run_id
        self.parameters = dict(parameters)
        self._contacts = contacts
        self.is_load = is_load
        """True for a run of a load. Calls of a load are not counted with those of the probes."""
        self.is_open = True
        self.executed = asyncio.Event()
        """Set when the answer to the first call was written."""
        self.repeated = asyncio.Event()
        """Set when a second call came in."""
        self.notified_at: float | None = None
        """Monotonic seconds at which Alertmanager's notification arrived, on the path that has
        one."""
        self._calls: list[Call] = []
        self._windows: list[ContactWindow] = []

    @property
    def calls(self) -> tuple[Call, ...]:
        """Calls so far, in order of arrival, with what is known of their first contact by now."""
        for number, window in enumerate(self._windows):
            call, contact = self._calls[number], self._contacts.find_contact(window)
            if call.contact != contact:
                self._calls[number] = dataclasses.replace(call, contact=contact)
        return tuple(self._calls)

    def find_left_alertmanager_at(self, intended: float) -> Bounds | None:
        """Find the time at which the alert left Alertmanager, in monotonic seconds.

        Of two receivers, the canary's webhook may be notified second. The first contact is then the
        start, with its bounds. Without a notification, the start is between the intended send and
        the first contact; it is unknown if there was no contact.
        """
        contact = self.calls[0].contact if self._calls else None
        if self.notified_at is None:
            return contact and Bounds(min(intended, contact.high), contact.high)
        if contact is None:
            return Bounds.exactly(self.notified_at)
        return Bounds(min(self.notified_at, contact.low), min(self.notified_at, contact.high))

    def add_call(self, call: Call, window: ContactWindow) -> int:
        """Add a call and the window of its first contact; return the number that finishes it."""
        self._calls.append(call)
        self._windows.append(window)
        if len(self._calls) > 1:
            self.repeated.set()
        return len(self._calls) - 1

    def finish_call(self, number: int, finished: Bounds) -> None:
        """Record that the answer to a call was written."""
        if not self.is_open:
            return
        self._calls[number] = dataclasses.replace(self._calls[number], finished=finished)
        self.executed.set()

    def has_parameters(self, parameters: Mapping[str, object]) -> bool:
        """Return whether every sent parameter is there with its value; more may be."""
        return all(parameters.get(key) == value for key, value in self.parameters.items())


class InflightRuns:
    """Runs of this process, in flight and recently closed."""

    def __init__(self, *, now: float) -> None:
        self.contacts = HealthCheckMatcher(now)
        """Health checks and calls of the canary."""
        self._open: dict[str, InflightRun] = {}
        self._closed: OrderedDict[str, bool] = OrderedDict()
        """Ids, and whether they were load. Ten thousand run objects would slow down garbage
        collection."""

    def open_run(
        self, run_id: str, parameters: Mapping[str, str], *, now: float, is_load: bool = False
    ) -> InflightRun:
        """Open a run before its event is sent."""
        inflight_run = self._open[run_id] = InflightRun(
            run_id, parameters, contacts=self.contacts, is_load=is_load
        )
        self.contacts.open_run(run_id, now)
        return inflight_run

    def close_run(self, inflight_run: InflightRun, *, now: float) -> None:
        """Close a run; later calls no longer count for it."""
        inflight_run.is_open = False
        self.contacts.close_run(inflight_run.id, now)
        self._open.pop(inflight_run.id, None)
        self._closed[inflight_run.id] = inflight_run.is_load
        if len(self._closed) > _MAX_CLOSED:
            self._closed.popitem(last=False)

    def find_run(self, run_id: str) -> InflightRun | None:
        """Find the run of an id. Of a closed run only its id and kind are known."""
        if run_id in self._closed:
            closed_run = InflightRun(
                run_id, {}, contacts=self.contacts, is_load=self._closed[run_id]
            )
            closed_run.is_open = False
            return closed_run
        return self._open.get(run_id)
