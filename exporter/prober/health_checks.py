"""First contact of each call: the health check that agent-sre makes before it.

A health check names no run, and the connections of agent-sre's pool are shared. So a health check
is joined to a call by excluding all others:

- It arrived after the event of the run was sent and before the call, and is not joined to another
  call.
- It has the user agent of the call, where both have one.
- It is the only one at which no other run was waiting for its call.
- Or a client sent the same id in a header of both.

Where several health checks remain, the first and the last of them are the bounds: others than
agent-sre may check the health as well. Where there is none, the call itself is the first contact.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import inf, nan
from operator import attrgetter

from exporter.model.bounds import Bounds

_MAX_CHECKS = 20_000
_MAX_IDS = 10_000
_MAX_AGENTS = 100
"""User agents that are told apart. A health check of any other may belong to each call."""
_MAX_LOST = 10_000
_LOST_MEMORY = 600.0
"""Seconds after its verdict for which agent-sre may still contact the canary for a run."""
_MAX_EXAMINED = 100
"""Health checks of one call that are examined, so that a flood does not block the event loop."""


@dataclass(slots=True, eq=False)
class ContactWindow:
    """Time in which the health check of a call arrived, and the health check once it is certain.

    Attributes:
        opened_at: time at which the event of its run was sent.
        arrived_at: time at which the call arrived.
        started_at: start of the run; no earlier contact counts for it.
        user_agent: user agent of the call; empty if it has none.
        has_own_check: whether agent-sre made a health check for this call and no other.
        contact: first contact, once it is certain.
    """

    opened_at: float
    arrived_at: float
    started_at: float
    user_agent: str
    has_own_check: bool
    contact: float | None = None

    def includes(self, at: float) -> bool:
        """Return whether the health check may have arrived at a time."""
        return self.opened_at <= at <= self.arrived_at


_get_arrival = attrgetter("arrived_at")


class HealthCheckMatcher:
    """Matcher of the health checks of the canary to its calls.

    Args:
        now: monotonic seconds; runs of an earlier process may cause contacts for some time after.
    """

    def __init__(self, now: float) -> None:
        self._checks: dict[str, list[float]] = {}
        """Times of the health checks that are not joined to a call, by user agent."""
        self._complete_since = -inf
        """Time since which no health check was forgotten."""
        self._ids: OrderedDict[str, float] = OrderedDict()
        """Times of health checks by the ids in their headers."""
        self._open: dict[str, float] = {}
        """Start of each open run."""
        self._uncalled: dict[str, float] = {}
        """Start of each open run that has no call yet."""
        self._lost: OrderedDict[str, tuple[float, float]] = OrderedDict({"": (-inf, now)})
        """Start and end of each run that was closed without a call."""
        self._windows: list[ContactWindow] = []
        """Calls whose health check is not certain, by arrival."""

    def open_run(self, run_id: str, at: float) -> None:
        """Open a run before its event is sent."""
        self._open[run_id] = self._uncalled[run_id] = at

    def close_run(self, run_id: str, at: float) -> None:
        """Close a run, and forget what no open run needs."""
        self._open.pop(run_id, None)
        opened_at = self._uncalled.pop(run_id, None)
        if opened_at is not None:
            self._lost[run_id] = (opened_at, at)
        while self._lost and (
            len(self._lost) > _MAX_LOST or next(iter(self._lost.values()))[1] < at - _LOST_MEMORY
        ):
            self._lost.popitem(last=False)
        horizon = min(self._open.values(), default=at)
        del self._windows[: self._find_first_window(horizon)]
        self._forget_checks(before=horizon)

    def add_check(self, at: float, ids: Iterable[str] = (), *, user_agent: str = "") -> None:
        """Add a health check, with the ids in its headers and its user agent."""
        is_known = user_agent in self._checks or len(self._checks) < _MAX_AGENTS
        insort(self._checks.setdefault(user_agent if is_known else "", []), at)
        for each in ids:
            self._ids[each] = nan if each in self._ids else at
        while len(self._ids) > _MAX_IDS:
            self._ids.popitem(last=False)
        if sum(map(len, self._checks.values())) > _MAX_CHECKS:
            times = sorted(chain.from_iterable(self._checks.values()))
            self._forget_checks(before=times[len(times) // 2])

    def add_call(
        self,
        run_id: str,
        at: float,
        ids: Iterable[str] = (),
        *,
        user_agent: str = "",
        is_trusted: bool = True,
    ) -> ContactWindow:
        """Add a call.

        Only the first call of a run is sure to have a health check of its own.

        Args:
            run_id: id of its run.
            at: time at which it arrived.
            ids: ids in its headers.
            user_agent: its user agent; empty if it has none.
            is_trusted: whether it certainly belongs to this run.
        """
        lost_at, _ = self._lost.pop(run_id, (None, at))
        first_at = self._uncalled.pop(run_id, lost_at)
        opened_at = self._open.get(run_id, -inf) if first_at is None else first_at
        window = ContactWindow(
            opened_at if is_trusted else -inf,
            at,
            started_at=opened_at,
            user_agent=user_agent,
            has_own_check=is_trusted and first_at is not None,
        )
        insort(self._windows, window, key=_get_arrival)
        same_id = (self._ids[each] for each in ids if each in self._ids)
        contact = next((each for each in same_id if window.includes(each)), None)
        if contact is None:
            self._join_single(window)
        else:
            self._join_single(*self._join(window, contact))
        return window

    def find_contact(self, window: ContactWindow) -> Bounds:
        """Find the bounds of the first contact of a call by what is known now."""
        if window.contact is not None:
            return Bounds.exactly(window.contact)
        if window.opened_at < self._complete_since:
            return Bounds(window.started_at, window.arrived_at)
        candidates = self._list_candidates(window)
        if not window.has_own_check:  # it may have none
            first = min([*candidates[:1], window.arrived_at])
            return Bounds(max(first, window.started_at), window.arrived_at)
        undisputed = self._find_undisputed(window, candidates)
        if undisputed == candidates[0]:
            self._join_single(*self._join(window, undisputed))
        return Bounds(candidates[0], candidates[-1] if undisputed is None else undisputed)

    def _join_single(self, *windows: ContactWindow) -> None:
        """Join calls for which at most one health check remains, and those that follow from it."""
        queue = list(windows)
        while queue:
            window = queue.pop()
            is_complete = window.opened_at >= self._complete_since
            if window.contact is None and window.has_own_check and is_complete:
                candidates = self._list_candidates(window)
                if len(candidates) <= 1:
                    queue += self._join(window, *candidates)

    def _join(self, window: ContactWindow, check: float | None = None) -> list[ContactWindow]:
        """Join a call to a health check; return the calls for which one less remains."""
        window.contact = window.arrived_at if check is None else check
        self._windows.remove(window)
        if check is None:
            return []
        for agent in dict.fromkeys([window.user_agent, *self._checks]):
            times = self._checks.get(agent, [])
            index = bisect_left(times, check)
            if times[index : index + 1] == [check]:
                del times[index]
                return list(self._iter_windows(check))
        return []

    def _find_undisputed(self, window: ContactWindow, candidates: Sequence[float]) -> float | None:
        """Find the health check that no other run can have caused, if it is the only one."""
        lost_since = (
            opened_at
            for opened_at, closed_at in self._lost.values()
            if closed_at >= window.arrived_at - _LOST_MEMORY
        )
        uncalled_since = min([*self._uncalled.values(), *lost_since], default=inf)
        settled = candidates[: bisect_left(candidates, uncalled_since)]
        if len(settled) > _MAX_EXAMINED:
            return None
        undisputed = (
            check
            for check in settled
            if not any(each is not window for each in self._iter_windows(check))
        )
        found = list(islice(undisputed, 2))
        return found[0] if len(found) == 1 else None

    def _iter_windows(self, check: float) -> Iterator[ContactWindow]:
        """Iterate over the calls that a health check may belong to."""
        first = self._find_first_window(check)
        return (each for each in islice(self._windows, first, None) if each.opened_at <= check)

    def _find_first_window(self, at: float) -> int:
        """Find the index of the first call that arrived at or after a time."""
        return bisect_left(self._windows, at, key=_get_arrival)

    def _list_candidates(self, window: ContactWindow) -> list[float]:
        """List the health checks that may be that of a call, by time."""
        agents = {window.user_agent, ""} if window.user_agent else self._checks.keys()
        found = [
            times[bisect_left(times, window.opened_at) : bisect_right(times, window.arrived_at)]
            for times in (self._checks.get(agent, []) for agent in agents)
        ]
        return found[0] if len(found) == 1 else sorted(chain.from_iterable(found))

    def _forget_checks(self, *, before: float) -> None:
        for agent, times in list(self._checks.items()):
            del times[: bisect_left(times, before)]
            if not times:
                del self._checks[agent]
        self._complete_since = max(self._complete_since, before)
