"""Lease lock: a `coordination.k8s.io/v1` Lease that probers compete for."""

import asyncio
import contextlib
import math
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from exporter.leaderelection import LockError, Moment
from exporter.schedule.clock import Clock

_MAX_ATTEMPTS = 2
"""Attempts within one step when others write in between."""
Json = dict[str, Any]
Answer = TypeVar("Answer")


class ConflictError(Exception):
    """Another process wrote in between."""


class LeaseStore(Protocol):
    """Storage of one Lease object. Every call may raise a `LockError` as well."""

    async def read(self) -> Json | None:
        """Read the Lease; None when it does not exist."""

    async def create(self, spec: Json) -> Json:
        """Create the Lease, and return it.

        Raises:
            ConflictError: it exists already.
        """

    async def replace(self, lease: Json) -> Json:
        """Replace the Lease, and return the new one.

        Raises:
            ConflictError: it has a newer version.
        """

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Spec of a claim, and the moment before it was sent."""

    spec: Json
    made_at: Moment


class LeaseLock:
    """Lock held by the identity in the Lease object, as long as that holder keeps changing it.

    A prober without a valid claim replaces only a record that was released, or that it saw
    unchanged for the duration. That applies to its own record, too: otherwise a prober that gets
    its answers too late would renew for ever without sending. It applies to a Lease that did not
    exist and that it created empty: the holder of a deleted Lease may not know that yet.
    """

    def __init__(
        self,
        store: LeaseStore,
        *,
        identity: str,
        duration: float,
        timeout: float,
        clock: Clock,
    ) -> None:
        """Start without any observation.

        Args:
            store: storage of the Lease object.
            identity: identity of this process; different after each start.
            duration: seconds for which others have to wait, rounded up to whole seconds in the
                record.
            timeout: seconds to wait for an answer.
            clock: the clock.
        """
        self._store = store
        self._identity = identity
        self._duration = duration
        self._timeout = timeout
        self._clock = clock
        self._lease: Json | None = None
        """The Lease as last read or written."""
        self._is_current = False
        """True if the last request told what the Lease is; a failed write may have landed."""
        self._observed: tuple[object, ...] = ()
        self._observed_at = -math.inf
        self._unanswered: _Claim | None = None
        """A claim whose write was not answered. It may have landed."""

    @property
    def expires_at(self) -> float:
        """Time at which the last observed record may be replaced, unless it changes."""
        if _is_released(_get_spec(self._lease)):
            return -math.inf
        return self._observed_at + max(self._duration, _get_duration(_get_spec(self._lease)))

    def is_intact(self) -> bool:
        """Return True: nobody replaces a claim while it is valid."""
        return True

    async def acquire_or_renew(self, valid_until: float) -> Moment | None:
        """Write this identity into the Lease, if that is allowed.

        Raises:
            LockError: the API server cannot be reached, or others keep writing.
        """
        for _ in range(_MAX_ATTEMPTS):
            try:
                return await self._try_acquire(valid_until)
            except ConflictError:
                self._unanswered = None
        raise LockError("conflicting writes to the Lease")  # the holder is unknown

    async def release(self) -> None:
        """Remove this identity from the Lease.

        Raises:
            LockError: the API server cannot be reached.
        """
        for _ in range(_MAX_ATTEMPTS):
            await self._read()
            if self._lease is None or _get_holder(_get_spec(self._lease)) != self._identity:
                return
            released = self._build_claim() | {"holderIdentity": "", "leaseDurationSeconds": 1}
            with contextlib.suppress(ConflictError):
                await self._write(released)
                return

    async def close(self) -> None:
        """Close the connections to the API server."""
        await self._store.close()

    async def _try_acquire(self, valid_until: float) -> Moment | None:
        if not (self._is_current and self._may_renew(valid_until)):
            await self._read()
            unanswered, self._unanswered = self._unanswered, None
            if unanswered and unanswered.spec == _get_spec(self._lease):
                return unanswered.made_at
        if self._may_renew(valid_until) or (self._lease and self._clock.now() >= self.expires_at):
            claim = self._unanswered = _Claim(self._build_claim(), Moment.read(self._clock))
            await self._write(claim.spec)
            self._unanswered = None
            return claim.made_at
        if self._lease is None:
            await self._write({})
        return None

    def _may_renew(self, valid_until: float) -> bool:
        """Return whether this prober has a valid claim and the record names nobody else."""
        holder = _get_holder(_get_spec(self._lease))
        return self._clock.now() < valid_until and holder in ("", self._identity)

    async def _read(self) -> None:
        self._observe(await self._call_with_timeout(self._store.read()))

    async def _write(self, spec: Json) -> None:
        """Write a spec, if the Lease has not changed since it was last read or written."""
        self._is_current = False
        if self._lease is None:
            call = self._store.create(spec)
        else:
            call = self._store.replace(self._lease | {"spec": spec})
        self._observe(await self._call_with_timeout(call))

    def _observe(self, lease: Json | None) -> None:
        observed = lease is not None, (lease or {}).get("metadata", {}).get("uid"), _get_spec(lease)
        if observed != self._observed:
            self._observed, self._observed_at = observed, self._clock.now()
        self._lease, self._is_current = lease, True

    async def _call_with_timeout(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        call_task = asyncio.create_task(call)
        timeout_task = asyncio.create_task(self._clock.sleep(self._timeout))
        try:
            await asyncio.wait({call_task, timeout_task}, return_when=asyncio.FIRST_COMPLETED)
            if not call_task.done():
                raise LockError("no response in time")
            return call_task.result()
        finally:
            call_task.cancel()
            timeout_task.cancel()
            await asyncio.gather(call_task, timeout_task, return_exceptions=True)

    def _build_claim(self) -> Json:
        """Build a spec with this holder; other keys of the spec stay."""
        spec, now = _get_spec(self._lease), _format_micro_time(self._clock.wall())
        renewed = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "renewTime": now,
        }
        if _get_holder(spec) == self._identity:
            return {**spec, **renewed}
        return {
            **spec,
            **renewed,
            "acquireTime": now,
            "leaseTransitions": _to_int(spec.get("leaseTransitions")) + 1 if spec else 0,
        }


def _get_spec(lease: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (lease or {}).get("spec") or {}


def _is_released(spec: Mapping[str, Any]) -> bool:
    """Return whether a holder released the Lease; one that was only created was never held."""
    return bool(spec.get("renewTime")) and not _get_holder(spec)


def _get_holder(spec: Mapping[str, Any]) -> str:
    return str(spec.get("holderIdentity") or "")


def _get_duration(spec: Mapping[str, Any]) -> float:
    """Return the seconds that the holder asks others to wait; its settings may differ from ours."""
    return float(_to_int(spec.get("leaseDurationSeconds")))


def _to_int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _format_micro_time(wall: float) -> str:
    """Format a time for the API server, which requires six digits of a second."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
