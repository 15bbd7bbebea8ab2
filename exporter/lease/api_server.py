"""Lease object at the API server, through the service account of the pod.

Bodies stay JSON: the models of the client library drop unknown keys, and write a time without
microseconds in a way that the server refuses.
"""

import json
import os
import ssl
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration, CoordinationV1Api
from kubernetes_asyncio.config import ConfigException, load_incluster_config

from exporter.lease import LeaseError
from exporter.lease.kubernetes import ConflictError, Json
from exporter.lease.service_account import ServiceAccount

_API_VERSION = "coordination.k8s.io/v1"
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ApiServer:
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
            raise LeaseError(f"no service account to log in with: {_why(error)}") from error
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
        status, lease = await self._answer(call, "get")
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
        status, _ = await self._answer(call, "create")
        if status == HTTPStatus.NOT_FOUND:
            raise LeaseError(f"there is no namespace {self._namespace} at the API server")

    async def replace(self, lease: Json) -> None:
        """Replace the Lease.

        Raises:
            ConflictError: it has a newer version, or was deleted.
            LockError: any other error.
        """
        call = self._leases.replace_namespaced_lease(
            self._name, self._namespace, lease, _preload_content=False
        )
        status, _ = await self._answer(call, "update")
        if status == HTTPStatus.NOT_FOUND:
            raise ConflictError

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answer(self, call: Awaitable[aiohttp.ClientResponse], verb: str) -> tuple[int, Json]:
        """Send a request; return the status and the body, for 404 an empty body."""
        what = f"{verb} of Lease {self._namespace}/{self._name}"
        try:
            async with await call as response:
                status, body = response.status, await response.read()
            if status == HTTPStatus.NOT_FOUND:
                return status, {}
            if status == HTTPStatus.CONFLICT:
                raise ConflictError
            if not response.ok:
                raise LeaseError(f"{what}: {status} {response.reason}{_advice(status)}")
            return status, _object(body)
        except (ConfigException, aiohttp.ClientError, OSError, ValueError) as error:
            raise LeaseError(f"{what}: {_why(error)}") from error


def _object(body: bytes) -> Json:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - told apart from nothing else that is no JSON
    return found


def _advice(status: int) -> str:
    if status in _DENIED:
        return "; let a Role allow get, create and update of leases"
    return ""


def _why(error: Exception) -> str:
    """Describe an error in a few words; the texts of some errors hold headers or addresses."""
    if isinstance(error, ConfigException):
        return str(error)
    if isinstance(error, (ssl.SSLError, aiohttp.ClientSSLError)):
        return f"TLS: {type(error).__name__}"  # its errno is not one of the system
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "the answer is no JSON" if isinstance(error, ValueError) else type(error).__name__
