"""A Lease of Kubernetes (coordination.k8s.io/v1), held by the rule of its own components.

Times in the record come from the clocks of others and are only written for people. What counts
is whether the record changed since this process last looked, by its own monotonic clock. Two
writers cannot both win: the server refuses a change to a version that is not the newest.
"""

import contextlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from exporter.clock import Clock
from exporter.lease import LeaseError

_TRIES = 2
"""Attempts within one step when others write in between."""
Json = dict[str, Any]


class ConflictError(Exception):
    """Someone else wrote in between."""


class LeaseStore(Protocol):
    """Where one Lease object lies. Every call may raise a `LeaseError` as well."""

    async def read(self) -> Json | None:
        """The object; None when there is none."""

    async def create(self, spec: Json) -> None:
        """Make the object.

        Raises:
            ConflictError: there is one.
        """

    async def replace(self, lease: Json) -> None:
        """Write the object back.

        Raises:
            ConflictError: it is not the newest version any more.
        """

    async def close(self) -> None:
        """Let go of connections."""


class KubernetesLease:
    """Held by whose identity stands in the object, as long as it goes on changing it."""

    def __init__(self, store: LeaseStore, *, identity: str, duration: float, clock: Clock) -> None:
        """Know nothing yet.

        Args:
            store: where the object lies.
            identity: who this process is; another after each start.
            duration: seconds others are to wait, in the record rounded up to whole ones.
            clock: the time.
        """
        self._store = store
        self._identity = identity
        self._duration = duration
        self._clock = clock
        self._seen: Mapping[str, Any] = {}
        self._seen_at = -math.inf

    @property
    def opens_at(self) -> float | None:
        """When the claim last seen runs out, unless it is renewed."""
        if _holder(self._seen) in ("", self._identity):
            return None
        return self._seen_at + max(self._duration, _duration(self._seen))

    async def acquire_or_renew(self) -> bool:
        """Write this identity into the object, when that is allowed.

        Raises:
            LeaseError: the API server cannot be asked, or another writes all the time.
        """
        for _ in range(_TRIES):
            try:
                return await self._attempt()
            except ConflictError:
                continue
        raise LeaseError("others keep writing the Lease")  # which says nothing about who holds it

    async def release(self) -> None:
        """Take this identity out of the object.

        Raises:
            LeaseError: the API server cannot be asked.
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
            # This holds for an object that is gone as well: its holder may not know that yet.
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
        """A spec with this holder; keys that are not ours stay."""
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
    """How long the holder wants others to wait; it may have been set up otherwise than we."""
    return float(_whole(spec.get("leaseDurationSeconds")))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _micro_time(wall: float) -> str:
    """The one spelling the API server takes: six digits of a second, even when they are 0."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
