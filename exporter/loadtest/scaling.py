"""Scaling of the target in a scenario: the protocol, scaling by hand, and the spread of load."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from exporter.httpclient.errors import RequestError
from exporter.prometheus import PrometheusClient


class ScaleError(Exception):
    """The target cannot be scaled, or its replicas cannot be read; the text holds the reason."""


class Scaler(Protocol):
    """Scales the target, and reads its replicas."""

    async def scale(self, replicas: int) -> None:
        """Request a number of replicas.

        Raises:
            ScaleError: it cannot be requested.
        """

    async def count_ready(self) -> int:
        """Count the replicas that are ready.

        Raises:
            ScaleError: they cannot be read.
        """

    async def read_work(self) -> Mapping[str, float]:
        """Read the work of each replica so far, in any unit; empty where that is not known."""

    async def kill_replica(self) -> str | None:
        """End one replica without a warning; return its name, or None where that is not possible.

        Raises:
            ScaleError: it cannot be ended.
        """

    def list_processes(self) -> Mapping[str, int]:
        """List the process ids of the replicas on this machine, by name."""


class ManualScaler:
    """Waits until an operator has scaled the target; Prometheus has the number of ready replicas.

    Args:
        prometheus: client of Prometheus.
        query: query for the number of ready replicas.
    """

    def __init__(self, prometheus: PrometheusClient | None, query: str) -> None:
        self._prometheus = prometheus
        self._query = query

    async def scale(self, replicas: int) -> None:
        """Do nothing: the operator scales."""

    async def count_ready(self) -> int:
        """Count the replicas that are ready.

        Raises:
            ScaleError: they cannot be read.
        """
        if self._prometheus is None:
            raise ScaleError("scaling by hand needs prometheus, to read the number of replicas")
        try:
            found = await self._prometheus.query(self._query)
        except RequestError as error:
            raise ScaleError(str(error)) from error
        return round(found[0].value) if len(found) == 1 else 0

    async def read_work(self) -> Mapping[str, float]:
        """Return nothing: the work of each replica is not known."""
        return {}

    async def kill_replica(self) -> str | None:
        """Return None: the operator may end a pod."""
        return None

    def list_processes(self) -> Mapping[str, int]:
        """Return nothing: the replicas are elsewhere."""
        return {}


def compute_jain_index(shares: Sequence[float]) -> float | None:
    """Compute Jain's fairness index: 1 for an even spread, 1/n if one replica does all the work."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares > 0 else None
