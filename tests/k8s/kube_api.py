"""An API server for one Lease that grants what a Role grants, and nothing else."""

import contextlib
import ssl
from pathlib import Path
from typing import Self

import trustme
from aiohttp import web

from exporter.clock import SystemClock
from exporter.fields import Address
from exporter.lease.choice import open_lease
from exporter.lease.kubernetes import ConflictError, KubernetesLease
from exporter.lease.service_account import ServiceAccount
from exporter.lease.settings import LeaseSettings
from exporter.listen import bind
from tests.exporter.fake_leases import Leases
from tests.k8s.manifests import Json

_COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
_VERBS = {"GET": "get", "PUT": "update", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


def allows(role: Json, verb: str, name: str | None) -> bool:
    """Whether a Role allows a verb on a Lease; the name is not known while one is made."""
    return any(
        "coordination.k8s.io" in rule["apiGroups"]
        and "leases" in rule["resources"]
        and verb in rule["verbs"]
        and ("resourceNames" not in rule or name in rule["resourceNames"])
        for rule in role["rules"]
    )


class RoleServer(contextlib.AsyncExitStack):
    """Serves for as long as the block runs, and remembers what it was asked."""

    def __init__(self, folder: Path, role: Json, leases: Leases) -> None:
        super().__init__()
        self.asked: list[tuple[str, str | None]] = []
        self.account = ServiceAccount(folder, {})
        self._role, self._leases = role, leases
        self._authority = trustme.CA()
        (folder / "token").write_text("planted")
        (folder / "namespace").write_text(role["metadata"]["namespace"])
        (folder / "ca.crt").write_bytes(self._authority.cert_pem.bytes())

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        listener = bind("API server", Address("127.0.0.1", 0))
        where = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(listener.getsockname()[1]),
            "POD_NAME": "slo-probe-0",
        }
        self.account = ServiceAccount(self.account.folder, where)
        app = web.Application()
        app.router.add_route("*", _COLLECTION, self._handle)
        app.router.add_route("*", _COLLECTION + "/{name}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener, ssl_context=context).start()
        return self

    async def _handle(self, request: web.Request) -> web.Response:
        verb, name = _VERBS[request.method], request.match_info.get("name")
        self.asked.append((verb, name))
        right_place = request.match_info["namespace"] == self._role["metadata"]["namespace"]
        if not (right_place and allows(self._role, verb, name)):
            return web.json_response({"kind": "Status", "code": 403}, status=403)
        try:
            if verb == "create":
                self._leases.create((await request.json())["spec"])
            elif verb == "update":
                self._leases.replace(await request.json())
        except ConflictError:
            return web.json_response({"kind": "Status", "code": 409}, status=409)
        found = self._leases.read()
        return web.json_response(found or {"kind": "Status"}, status=200 if found else 404)


def lease_of(settings: LeaseSettings, account: ServiceAccount) -> KubernetesLease:
    """The lease as the program opens it."""
    found = open_lease(settings, file=Path("/nowhere"), clock=SystemClock(), account=account)
    assert isinstance(found, KubernetesLease)
    return found
