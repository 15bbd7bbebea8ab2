"""Lease store at the Kubernetes API server."""

import json
import os
import ssl
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration, CoordinationV1Api

from exporter.leaderelection import LockError
from exporter.leaderelection.lease import ConflictError, Json
from exporter.leaderelection.service_account import ServiceAccount

_API_VERSION = "coordination.k8s.io/v1"


class ApiServerLeaseStore:
    """Lease store at the API server. It sets no time limits; the caller does."""

    def __init__(self, account: ServiceAccount, *, name: str, namespace: str) -> None:
        """Prepare a client; this needs a running event loop and sends nothing yet.

        Args:
            account: service account to log in with; its token is read again for each request.
            name: name of the Lease.
            namespace: namespace of the Lease.

        Raises:
            LockError: the process does not run in a pod, or the pod has no service account.
        """
        certificate = account.folder / "ca.crt"
        settings = Configuration(host=account.api_server, ssl_ca_cert=str(certificate))
        self._account = account

        def load_token(settings: Configuration) -> None:
            settings.api_key["BearerToken"] = f"Bearer {account.read_token()}"

        try:
            load_token(settings)
            settings.refresh_api_key_hook = load_token
            self._client = ApiClient(settings)
        except LockError as error:
            raise LockError(f"no service account: {error}") from error
        except OSError as error:
            message = f"no service account: {certificate}: {_describe_error(error)}"
            raise LockError(message) from error
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

    async def create(self, spec: Json) -> Json:
        """Create the Lease, and return it.

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
        status, created = await self._send(call, "create")
        if status == HTTPStatus.NOT_FOUND:
            raise LockError(f"namespace {self._namespace} does not exist")
        return created

    async def replace(self, lease: Json) -> Json:
        """Replace the Lease, and return the new one.

        Raises:
            ConflictError: it has a newer version, or was deleted.
            LockError: any other error.
        """
        call = self._leases.replace_namespaced_lease(
            self._name, self._namespace, lease, _preload_content=False
        )
        status, replaced = await self._send(call, "update")
        if status == HTTPStatus.NOT_FOUND:
            raise ConflictError
        return replaced

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
                hint = self._suggest_fix(status)
                raise LockError(f"{action}: {status} {response.reason}{hint}")
            return status, _parse_object(body)
        except (aiohttp.ClientConnectionError, OSError) as error:
            message = f"{action}: {self._account.api_server}: {_describe_error(error)}"
            raise LockError(message) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise LockError(f"{action}: {_describe_error(error)}") from error

    def _suggest_fix(self, status: int) -> str:
        if status == HTTPStatus.UNAUTHORIZED:
            return f"; the API server rejects the token {self._account.token_file}"
        if status == HTTPStatus.FORBIDDEN:
            return (
                "; a Role must allow get, create and update of leases to the service account, "
                f"and namespace {self._namespace} must exist"
            )
        return ""


def _parse_object(body: bytes) -> Json:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - told apart from nothing else that is no JSON
    return document


def _describe_error(error: Exception) -> str:
    """Describe an error in a few words; the texts of some errors hold headers or addresses."""
    if isinstance(error, (ssl.SSLError, aiohttp.ClientSSLError)):
        return f"TLS: {type(error).__name__}"  # its errno is not one of the system
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return "the response is not JSON" if isinstance(error, ValueError) else type(error).__name__
