"""Leader election: interface and settings of the lock that decides which prober sends."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import model_validator

from exporter.fields import DnsLabel, DurationField, Section
from exporter.schedule.clock import Clock
from slos.schema.units import Duration


class LockError(Exception):
    """Failed access to the lock: its holder is unknown. The text holds the reason."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Moment on both clocks.

    Attributes:
        now: monotonic seconds.
        wall: seconds since 1970. They go on while a machine is suspended.
    """

    now: float
    wall: float

    @classmethod
    def read(cls, clock: Clock) -> "Moment":
        """Read the clocks."""
        return cls(clock.now(), clock.wall())


class ResourceLock(Protocol):
    """Lock that one prober at a time can hold."""

    @property
    def expires_at(self) -> float:
        """Time at which another holder's claim ends, in monotonic seconds; -inf when unknown."""

    def is_intact(self) -> bool:
        """Return whether the lock is still what it was at the last attempt, as far as is known."""

    async def acquire_or_renew(self, valid_until: float) -> Moment | None:
        """Try once to acquire or renew the lock.

        Args:
            valid_until: end of this prober's claim, in monotonic seconds; -inf without one.

        Returns:
            A moment before the claim was made; None when another prober may hold the lock.

        Raises:
            LockError: the holder is not known.
        """

    async def release(self) -> None:
        """Release the lock if it is held, so that another prober can acquire it at once.

        Raises:
            LockError: the lock could not be released; it will run out.
        """

    async def close(self) -> None:
        """Close connections and files."""


class LeaderElectionSettings(Section):
    """Settings of the leader election between several probers."""

    kind: Literal["auto", "kubernetes", "file", "none"] = "auto"
    """Kind of lock. Default auto: a Kubernetes Lease in a cluster, a locked file elsewhere. `file`
    is for processes that share a local volume. With `none` this prober always sends."""
    name: DnsLabel = "slo-probe"
    """Name of the Lease. Default slo-probe. Probers that send independently of each other need
    different names. The locked file is next to the journal and named after it."""
    namespace: DnsLabel | None = None
    """Namespace of the Lease. Default: the namespace of the pod."""
    duration: DurationField = Duration.from_parts(seconds=15)
    """Time after which other probers take over from a holder that does not renew. Default 15s, as
    in the components of Kubernetes. With `retry` added, it is the longest gap when a holder
    dies."""
    renew_deadline: DurationField = Duration.from_parts(seconds=10)
    """Time for which a holder that cannot renew continues to send. Default 10s: the difference to
    `duration` allows for events in flight and for clocks that run at different speeds."""
    retry: DurationField = Duration.from_parts(seconds=2)
    """Time between two attempts to acquire or renew. Default 2s."""

    @model_validator(mode="after")
    def _check_order(self) -> "LeaderElectionSettings":
        if not self.renew_deadline < self.duration:
            raise ValueError(
                f"renew_deadline {self.renew_deadline} is not below duration {self.duration}, "
                "so two probers could send at once; "
                "set it to about two thirds of duration, such as 10s and 15s"
            )
        if self.renew_deadline < self.retry * 2:
            raise ValueError(
                f"renew_deadline {self.renew_deadline} is below twice retry {self.retry}, "
                "so one lost response would end the leadership; lower retry or raise renew_deadline"
            )
        return self
