"""Leader elector, and the selection of its lock."""

import logging
import math
from collections.abc import Callable
from pathlib import Path

from exporter.leaderelection import LeaderElectionSettings, LockError, ResourceLock
from exporter.leaderelection.file import FileLock, NoLock
from exporter.leaderelection.lease import LeaseLock
from exporter.leaderelection.service_account import ServiceAccount
from exporter.schedule.clock import Clock

_log = logging.getLogger(__name__)


class LeaderElector:
    """Leader elector; the prober asks `is_leader` before it sends.

    A claim is valid from before it was made until `renew_deadline` later. Other probers wait
    `duration` after they saw it, which is longer. So no response, no network and no pause of this
    process makes two leaders.
    """

    def __init__(
        self, lock: ResourceLock, *, clock: Clock, renew_deadline: float, retry: float
    ) -> None:
        """Start without the lock.

        Args:
            lock: the lock to hold.
            clock: the clock.
            renew_deadline: seconds for which a claim is valid.
            retry: seconds between two attempts.
        """
        self._lock = lock
        self._clock = clock
        self._renew_deadline = renew_deadline
        self._retry = retry
        self._valid_until = self._valid_until_wall = -math.inf
        self._next_attempt_at = -math.inf
        self._was_leader = False
        self.lost = False
        """True if no claim is valid any more after the last attempt, so that another prober may
        lead. A step of the wall clock alone ends the leadership for a moment and does not set
        this."""
        self._last_error = ""

    @property
    def is_leader(self) -> bool:
        """True while this prober may send.

        The wall clock is compared as well because it goes on while a machine is suspended. A step
        of it ends the leadership at most until the next renewal, and never prolongs it.
        """
        is_valid = self._clock.now() < self._valid_until
        return is_valid and self._clock.wall() < self._valid_until_wall and self._lock.is_intact()

    async def run(self) -> None:
        """Acquire and renew the lock forever."""
        while True:
            await self.step()
            await self._clock.sleep(max(self._next_attempt_at - self._clock.now(), 0.0))

    async def step(self) -> None:
        """Try once to acquire or renew the lock."""
        began = self._clock.now()
        try:
            claim = await self._lock.acquire_or_renew(self._valid_until)
        except LockError as error:
            self._log_error_change(str(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not end the probing
            self._log_error_change(type(error).__name__)
            _log.exception("lease: the attempt failed")
        else:
            self._log_error_change("")
            if claim is None:
                self._valid_until = -math.inf
            else:
                began = claim.now
                self._valid_until = claim.now + self._renew_deadline
                self._valid_until_wall = claim.wall + self._renew_deadline
        self._plan_next_attempt(began)
        self.lost = self._clock.now() >= self._valid_until
        self._log_leader_change()

    async def release(self) -> None:
        """Stop leading and release the lock. `run` must have ended."""
        self._valid_until = -math.inf
        self._log_leader_change()
        try:
            await self._lock.release()
        except LockError as error:
            _log.warning("lease: not released, it will expire: %s", error)

    def _plan_next_attempt(self, began: float) -> None:
        """Plan the next attempt: `retry` after this one, or when another's claim ends before.

        Args:
            began: time of this attempt, or of the claim.
        """
        self._next_attempt_at = began + self._retry
        if began < self._lock.expires_at:
            self._next_attempt_at = min(self._next_attempt_at, self._lock.expires_at)

    def _log_error_change(self, text: str) -> None:
        """Log an error when it begins, changes or ends, not at every attempt."""
        if text != self._last_error:
            _log.log(
                logging.WARNING if text else logging.INFO, "lease: %s", text or "working again"
            )
        self._last_error = text

    def _log_leader_change(self) -> None:
        is_leader = self.is_leader
        if is_leader != self._was_leader:
            _log.info("lease: %s", "held, sending" if is_leader else "not held, not sending")
        self._was_leader = is_leader


def open_lock(
    settings: LeaderElectionSettings,
    *,
    file: Path,
    clock: Clock,
    on_replaced: Callable[[], None] = lambda: None,
    account: ServiceAccount | None = None,
) -> ResourceLock:
    """Open the lock to use; needs a running event loop. Close it when the elector has ended.

    In a cluster `auto` never falls back to a file: pods with a volume each would all hold their
    own.

    Args:
        settings: settings of the leader election.
        file: file to lock; all processes must share it.
        clock: the clock.
        on_replaced: called when the file was taken away while this prober held its lock.
        account: service account of the pod; default that of this process.

    Raises:
        LockError: the lock can never be used from here.
    """
    account = account or ServiceAccount()
    kind = settings.kind
    if kind == "auto":
        kind = "kubernetes" if account.in_cluster else "file"
    if kind == "none":
        return NoLock(clock)
    if kind == "file":
        lock = FileLock(
            file, identity=account.make_identity(), clock=clock, on_replaced=on_replaced
        )
        lock.check_path()
        return lock
    namespace = settings.namespace or account.namespace
    if namespace is None:
        raise LockError("the namespace of the pod is unknown; set lease.namespace")
    from exporter.leaderelection.kubernetes import ApiServerLeaseStore  # noqa: PLC0415 - a second, only where needed

    return LeaseLock(
        ApiServerLeaseStore(account, name=settings.name, namespace=namespace),
        identity=account.make_identity(),
        duration=float(settings.duration.seconds),
        timeout=float(settings.renew_deadline.seconds) / 2,
        clock=clock,
    )


def build_elector(
    lock: ResourceLock, settings: LeaderElectionSettings, *, clock: Clock
) -> LeaderElector:
    """Build an elector from the settings."""
    return LeaderElector(
        lock,
        clock=clock,
        renew_deadline=float(settings.renew_deadline.seconds),
        retry=float(settings.retry.seconds),
    )
