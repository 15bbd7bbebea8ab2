"""Acquire, renew, release; which lock to use."""

import asyncio
import logging
import math
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from exporter.leaderelection import Lease, LeaseError, LeaseSettings
from exporter.leaderelection.file import Alone, FileLease
from exporter.leaderelection.kubernetes import KubernetesLease, ServiceAccount
from exporter.schedule.clock import Clock

Given = TypeVar("Given")
_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Leader elector; the prober asks `is_leader` before it sends.

    A claim is valid from before it was made until `renew_deadline` later. Other probers wait
    `duration` after they saw it, which is longer. So no response, no network and no pause of this
    process makes two leaders.
    """

    def __init__(self, lease: Lease, *, clock: Clock, renew_deadline: float, retry: float) -> None:
        """Start without the lock.

        Args:
            lock: the lock to hold.
            clock: the clock.
            renew_deadline: seconds for which a claim is valid.
            retry: seconds between two attempts.
        """
        self._lease = lease
        self._clock = clock
        self._renew_deadline = renew_deadline
        self._retry = retry
        self._until = self._until_wall = -math.inf
        self._held = False
        self.lost = False
        """True if the last attempt failed and no claim is valid any more, so that another prober
        may lead. A step of the wall clock alone ends the leadership for a moment and does not set
        this."""
        self._trouble = ""

    @property
    def holding(self) -> bool:
        """True while this prober may send.

        The wall clock is compared as well because it goes on while a machine is suspended. A step
        of it ends the leadership at most until the next renewal, and never prolongs it.
        """
        return self._clock.now() < self._until and self._clock.wall() < self._until_wall

    async def run(self) -> None:
        """Acquire and renew the lock forever."""
        while True:
            await self.step()
            await self._clock.sleep(self._pause())

    async def step(self) -> None:
        """Try once to acquire or renew the lock."""
        now, wall = self._clock.now(), self._clock.wall()
        held = False
        try:
            held = await self._in_time(self._lease.acquire_or_renew())
            if held:
                self._until = now + self._renew_deadline
                self._until_wall = wall + self._renew_deadline
            else:
                self._until = -math.inf
        except LeaseError as error:
            self._tell_trouble(str(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not end the probing
            self._tell_trouble(type(error).__name__)
            _log.exception("lease: asking for it broke")
        else:
            self._tell_trouble("")
        self.lost = not held and self._clock.now() >= self._until
        self._tell_holding()

    async def release(self) -> None:
        """Stop leading and release the lock. `run` must have ended."""
        self._until = -math.inf
        self._tell_holding()
        try:
            await self._in_time(self._lease.release())
        except LeaseError as error:
            _log.warning("lease: not given up, others wait until it runs out: %s", error)

    def _pause(self) -> float:
        """Compute the seconds to the next attempt: fewer when another claim runs out sooner."""
        opens_at = self._lease.opens_at
        left = math.inf if opens_at is None else opens_at - self._clock.now()
        return min(left, self._retry) if left > 0 else self._retry

    async def _in_time(self, call: Coroutine[Any, Any, Given]) -> Given:
        """Call with a limit of half the renew deadline, so that a second call can follow."""
        calling = asyncio.create_task(call)
        limit = asyncio.create_task(self._clock.sleep(self._renew_deadline / 2))
        try:
            await asyncio.wait({calling, limit}, return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise LeaseError("no answer in time")
            return calling.result()
        finally:
            calling.cancel()
            limit.cancel()
            await asyncio.gather(calling, limit, return_exceptions=True)

    def _tell_trouble(self, text: str) -> None:
        """Log an error when it begins, changes or ends, not at every attempt."""
        if text != self._trouble:
            _log.log(logging.WARNING if text else logging.INFO, "lease: %s", text or "fine again")
        self._trouble = text

    def _tell_holding(self) -> None:
        holding = self.holding
        if holding != self._held:
            _log.info("lease: %s", "held, sending" if holding else "not held, sending nothing")
        self._held = holding


def open_lease(
    settings: LeaseSettings, *, file: Path, clock: Clock, account: ServiceAccount | None = None
) -> Lease:
    """Open the lock to use; needs a running event loop. Close it when the elector has ended.

    In a cluster `auto` never falls back to a file: pods with a volume each would all hold their
    own.

    Args:
        settings: settings of the leader election.
        file: file to lock; all processes must share it.
        clock: the clock.
        account: service account of the pod; default that of this process.

    Raises:
        LockError: the lock can never be used from here.
    """
    account = account or ServiceAccount()
    kind = settings.kind
    if kind == "auto":
        kind = "kubernetes" if account.in_cluster else "file"
    if kind == "none":
        return Alone()
    if kind == "file":
        lease = FileLease(file, identity=account.identity())
        lease.check()
        return lease
    namespace = settings.namespace or account.namespace
    if namespace is None:
        raise LeaseError("the namespace of the pod is not known; set lease.namespace")
    from exporter.leaderelection.kubernetes import ApiServer  # noqa: PLC0415 - a second, only where needed

    return KubernetesLease(
        ApiServer(account, name=settings.name, namespace=namespace),
        identity=account.identity(),
        duration=float(settings.duration.seconds),
        clock=clock,
    )


def keeper_of(lease: Lease, settings: LeaseSettings, *, clock: Clock) -> LeaseKeeper:
    """Build an elector from the settings."""
    return LeaseKeeper(
        lease,
        clock=clock,
        renew_deadline=float(settings.renew_deadline.seconds),
        retry=float(settings.retry.seconds),
    )
