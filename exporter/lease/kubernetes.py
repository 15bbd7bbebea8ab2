"""Lock on a Kubernetes Lease (coordination.k8s.io/v1), by the rules of Kubernetes' own components.

Times in the record come from the clocks of others and are only written for people. What counts is
whether the record changed since this process last read it, by its own monotonic clock. Two writers
cannot both win: the server refuses a change to any version but the newest.
"""

import contextlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from exporter.lease import LeaseError
from exporter.schedule.clock import Clock

_TRIES = 2
"""Attempts within one step when others write in between."""
Json = dict[str, Any]


class ConflictError(Exception):
    """Another process wrote in between."""


class LeaseStore(Protocol):
    """Storage of one Lease object. Every call may raise a `LockError` as well."""

    async def read(self) -> Json | None:
        """Read the Lease; None when it does not exist."""

    async def create(self, spec: Json) -> None:
        """Create the Lease.

        Raises:
            ConflictError: it exists already.
        """

    async def replace(self, lease: Json) -> None:
        """Replace the Lease.

        Raises:
            ConflictError: it has a newer version.
        """

    async def close(self) -> None:
        """Close connections."""


class KubernetesLease:
    """Lock held by the identity in the Lease object, as long as that holder keeps changing it."""

    def __init__(self, store: LeaseStore, *, identity: str, duration: float, clock: Clock) -> None:
        """Start without any observation.

        Args:
            store: storage of the Lease object.
            identity: identity of this process; different after each start.
            duration: seconds for which others have to wait, rounded up to whole seconds in the
                record.
            clock: the clock.
        """
        self._store = store
        self._identity = identity
        self._duration = duration
        self._clock = clock
        self._seen: Mapping[str, Any] = {}
        self._seen_at = -math.inf

    @property
    def opens_at(self) -> float | None:
        """Time at which the last observed claim runs out, unless it is renewed."""
        if _holder(self._seen) in ("", self._identity):
            return None
        return self._seen_at + max(self._duration, _duration(self._seen))

    async def acquire_or_renew(self) -> bool:
        """Write this identity into the Lease, if that is allowed.

        Raises:
            LockError: the API server cannot be reached, or others keep writing.
        """
        for _ in range(_TRIES):
            try:
                return await self._attempt()
            except ConflictError:
                continue
        raise LeaseError("others keep writing the Lease")  # the holder is unknown

    async def release(self) -> None:
        """Remove this identity from the Lease.

        Raises:
            LockError: the API server cannot be reached.
        """
        for _ in range(_TRIES):
            found = await self._store.read()
            if found is None or _holder(_spec(found)) != self._identity:
                return
            free = self._claim(_spec(found)) | {"holderIdentity": "", "leaseDurationSeconds": 1}
            with contextlib.suppress(ConflictError):
                await self._store.replace(found | {"spec": free})
                return

    async def close(self) -> None:
        """Close the connections to the API server."""
        await self._store.close()

    async def _attempt(self) -> bool:
        found = await self._store.read()
        if found is not None:
            self._observe(_spec(found))
        opens_at = self.opens_at
        if opens_at is not None and self._clock.now() < opens_at:
            # This applies to a deleted Lease as well: its holder may not know that yet.
            return False
        claim = self._claim(_spec(found or {}))
        if found is None:
            await self._store.create(claim)
        else:
            await self._store.replace(found | {"spec": claim})
        self._observe(claim)
        return True

    def _observe(self, spec: Mapping[str, Any]) -> None:
        if spec != self._seen:
            self._seen, self._seen_at = spec, self._clock.now()

    def _claim(self, spec: Mapping[str, Any]) -> Json:
        """Build a spec with this holder; other keys of the spec stay."""
        now = _micro_time(self._clock.wall())
        renewed = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "renewTime": now,
        }
        if _holder(spec) == self._identity:
            return {**spec, **renewed}
        return {
            **spec,
            **renewed,
            "acquireTime": now,
            "leaseTransitions": _whole(spec.get("leaseTransitions")) + 1 if spec else 0,
        }


def _spec(lease: Mapping[str, Any]) -> Mapping[str, Any]:
    return lease.get("spec") or {}


def _holder(spec: Mapping[str, Any]) -> str:
    return str(spec.get("holderIdentity") or "")


def _duration(spec: Mapping[str, Any]) -> float:
    """Return the seconds that the holder asks others to wait; its settings may differ from ours."""
    return float(_whole(spec.get("leaseDurationSeconds")))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _micro_time(wall: float) -> str:
    """Format a time for the API server, which requires six digits of a second."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
