"""Lease lock: a `coordination.k8s.io/v1` Lease through the Kubernetes API server."""

import contextlib
import json
import math
import os
import secrets
import socket
import ssl
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration, CoordinationV1Api
from kubernetes_asyncio.config import ConfigException, load_incluster_config

from exporter.leaderelection import LockError
from exporter.schedule.clock import Clock

_MAX_ATTEMPTS = 2
"""Attempts within one step when others write in between."""
Json = dict[str, Any]

_API_VERSION = "coordination.k8s.io/v1"
_FORBIDDEN_STATUSES = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


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


class LeaseLock:
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
        self._observed: Mapping[str, Any] = {}
        self._observed_at = -math.inf

    @property
    def expires_at(self) -> float | None:
        """Time at which the last observed claim runs out, unless it is renewed."""
        if _get_holder(self._observed) in ("", self._identity):
            return None
        return self._observed_at + max(self._duration, _get_duration(self._observed))

    async def acquire_or_renew(self) -> bool:
        """Write this identity into the Lease, if that is allowed.

        Raises:
            LockError: the API server cannot be reached, or others keep writing.
        """
        for _ in range(_MAX_ATTEMPTS):
            try:
                return await self._try_acquire()
            except ConflictError:
                continue
        raise LockError("conflicting writes to the Lease")  # the holder is unknown

    async def release(self) -> None:
        """Remove this identity from the Lease.

        Raises:
            LockError: the API server cannot be reached.
        """
        for _ in range(_MAX_ATTEMPTS):
            lease = await self._store.read()
            if lease is None or _get_holder(_get_spec(lease)) != self._identity:
                return
            released = self._build_claim(_get_spec(lease)) | {
                "holderIdentity": "",
                "leaseDurationSeconds": 1,
            }
            with contextlib.suppress(ConflictError):
                await self._store.replace(lease | {"spec": released})
                return

    async def close(self) -> None:
        """Close the connections to the API server."""
        await self._store.close()

    async def _try_acquire(self) -> bool:
        lease = await self._store.read()
        if lease is not None:
            self._observe(_get_spec(lease))
        expires_at = self.expires_at
        if expires_at is not None and self._clock.now() < expires_at:
            # This applies to a deleted Lease as well: its holder may not know that yet.
            return False
        claim = self._build_claim(_get_spec(lease or {}))
        if lease is None:
            await self._store.create(claim)
        else:
            await self._store.replace(lease | {"spec": claim})
        self._observe(claim)
        return True

    def _observe(self, spec: Mapping[str, Any]) -> None:
        if spec != self._observed:
            self._observed, self._observed_at = spec, self._clock.now()

    def _build_claim(self, spec: Mapping[str, Any]) -> Json:
        """Build a spec with this holder; other keys of the spec stay."""
        now = _format_micro_time(self._clock.wall())
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


def _get_spec(lease: Mapping[str, Any]) -> Mapping[str, Any]:
    return lease.get("spec") or {}


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


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Environment and mounted files of a pod."""

    folder: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def in_cluster(self) -> bool:
        """True if this process runs in a pod."""
        return bool(self.environment.get("KUBERNETES_SERVICE_HOST"))

    @property
    def namespace(self) -> str | None:
        """The namespace of the pod; None when it is not known."""
        try:
            return (self.folder / "namespace").read_text().strip() or None
        except (OSError, ValueError):
            return None

    def make_identity(self) -> str:
        """Make an identity from the name of the pod or machine and a random part for each start."""
        name = self.environment.get("POD_NAME") or socket.gethostname()
        return f"{name}_{secrets.token_hex(4)}"


class ApiServerLeaseStore:
    """Lease store at the API server. It sets no time limits; the caller does."""

    def __init__(self, account: ServiceAccount, *, name: str, namespace: str) -> None:
        """Prepare a client; this needs a running event loop and sends nothing yet.

        Args:
            account: service account to log in with; its token is read again every minute.
            name: name of the Lease.
            namespace: namespace of the Lease.

        Raises:
            LockError: the process does not run in a pod, or the pod has no service account.
        """
        settings = Configuration()
        try:
            load_incluster_config(  # type: ignore[no-untyped-call] # it has no types
                settings,
                token_filename=str(account.folder / "token"),
                cert_filename=str(account.folder / "ca.crt"),
                environ=dict(account.environment),
            )
            self._client = ApiClient(settings)
        except (ConfigException, OSError) as error:
            raise LockError(f"no service account: {_describe_error(error)}") from error
        self._client.user_agent = "slo-probe"
        # Its return types are models; with _preload_content off it returns the bare response.
        self._leases: Any = CoordinationV1Api(self._client)
        self._name = name
        self._namespace = namespace

    async def read(self) -> Json | None:
        """Read the Lease; None when it does not exist.

        Raises:
            LockError: any other error.
        """
        call = self._leases.read_namespaced_lease(
            self._name, self._namespace, _preload_content=False
        )
        status, lease = await self._send(call, "get")
        return None if status == HTTPStatus.NOT_FOUND else lease

    async def create(self, spec: Json) -> None:
        """Create the Lease.

        Raises:
            ConflictError: it exists already.
            LockError: any other error.
        """
        lease = {
            "apiVersion": _API_VERSION,
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        call = self._leases.create_namespaced_lease(self._namespace, lease, _preload_content=False)
        status, _ = await self._send(call, "create")
        if status == HTTPStatus.NOT_FOUND:
            raise LockError(f"namespace {self._namespace} does not exist")

    async def replace(self, lease: Json) -> None:
        """Replace the Lease.

        Raises:
            ConflictError: it has a newer version, or was deleted.
            LockError: any other error.
        """
        call = self._leases.replace_namespaced_lease(
            self._name, self._namespace, lease, _preload_content=False
        )
        status, _ = await self._send(call, "update")
        if status == HTTPStatus.NOT_FOUND:
            raise ConflictError

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _send(self, call: Awaitable[aiohttp.ClientResponse], verb: str) -> tuple[int, Json]:
        """Send a request; return the status and the body, for 404 an empty body."""
        action = f"{verb} of Lease {self._namespace}/{self._name}"
        try:
            async with await call as response:
                status, body = response.status, await response.read()
            if status == HTTPStatus.NOT_FOUND:
                return status, {}
            if status == HTTPStatus.CONFLICT:
                raise ConflictError
            if not response.ok:
                raise LockError(f"{action}: {status} {response.reason}{_suggest_fix(status)}")
            return status, _parse_object(body)
        except (ConfigException, aiohttp.ClientError, OSError, ValueError) as error:
            raise LockError(f"{action}: {_describe_error(error)}") from error


def _parse_object(body: bytes) -> Json:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - told apart from nothing else that is no JSON
    return document


def _suggest_fix(status: int) -> str:
    if status in _FORBIDDEN_STATUSES:
        return "; a Role must allow get, create and update of leases"
    return ""


def _describe_error(error: Exception) -> str:
    """Describe an error in a few words; the texts of some errors hold headers or addresses."""
    if isinstance(error, ConfigException):
        return str(error)
    if isinstance(error, (ssl.SSLError, aiohttp.ClientSSLError)):
        return f"TLS: {type(error).__name__}"  # its errno is not one of the system
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "the response is not JSON" if isinstance(error, ValueError) else type(error).__name__
