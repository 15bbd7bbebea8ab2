"""Pods without privileges, and the rights of the prober on its Lease."""

import contextlib
import re
import ssl
from pathlib import Path
from typing import Self

import pytest
import trustme
from aiohttp import web

from exporter.clock import SystemClock
from exporter.config import Config
from exporter.fields import Address
from exporter.lease import LeaseError
from exporter.lease.choice import open_lease
from exporter.lease.kubernetes import ConflictError, KubernetesLease
from exporter.lease.service_account import ServiceAccount
from exporter.lease.settings import LeaseSettings
from exporter.listen import bind
from tests.exporter.fake_leases import Leases
from tests.k8s.manifests import COMPONENTS, OVERLAYS, Json, overlay, with_component

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


EVERY_OVERLAY = pytest.mark.parametrize("name", OVERLAYS)
_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
    "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_KEY = re.compile(r"lin_[a-z]+_|Bearer |-----BEGIN|password: ", re.IGNORECASE)


def _restricted(pod: Json) -> None:
    """What the Pod Security Standard `restricted` asks, and a root that cannot be written."""
    spec = pod["spec"]
    for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"):
        assert key not in spec
    assert all((set(volume) - {"name"}) <= _VOLUMES for volume in spec.get("volumes", []))
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "sysctls" not in context
    for container in spec["containers"]:
        own = container["securityContext"]
        assert own == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))
        for limit in ("cpu", "memory", "ephemeral-storage"):
            assert limit in container["resources"]["requests"]
            assert limit in container["resources"]["limits"]


@EVERY_OVERLAY
def test_every_pod_meets_the_restricted_standard(name: str) -> None:
    pods = list(overlay(name).pods())
    assert len(pods) == 4
    for _, pod in pods:
        _restricted(pod)


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_component_loosens_that(component: str, tmp_path: Path) -> None:
    for _, pod in with_component(component, tmp_path).pods():
        _restricted(pod)


@EVERY_OVERLAY
def test_a_volume_is_all_that_can_be_written(name: str) -> None:
    built = overlay(name)
    writable = {
        mount["mountPath"] for mount in built.container["volumeMounts"] if not mount.get("readOnly")
    }
    assert writable == {"/var/lib/slo-probe", "/tmp"}  # noqa: S108 - a volume of the pod
    for volume in built.prober["spec"]["volumes"]:
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


@EVERY_OVERLAY
def test_only_the_pod_that_keeps_the_lease_has_a_token(name: str) -> None:
    built = overlay(name)
    for account in built.all("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    mounted = {each for each, pod in built.pods() if pod["spec"]["automountServiceAccountToken"]}
    assert mounted == {"slo-probe"}
    (binding,) = built.all("RoleBinding")
    (subject,) = binding["subjects"]
    assert subject == {
        "kind": "ServiceAccount",
        "name": built.prober["spec"]["serviceAccountName"],
        "namespace": "prometheus",
    }
    (role,) = built.all("Role")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


@EVERY_OVERLAY
def test_no_secret_stands_in_an_overlay(name: str) -> None:
    built = overlay(name)
    for each in (*built.all("ConfigMap"), *built.all("Deployment"), *built.all("CronJob")):
        assert not _KEY.search(str(each))
    for _, pod in built.pods():
        for container in pod["spec"]["containers"]:
            assert all("value" not in variable for variable in container.get("env", []))


async def test_these_rights_are_enough_to_hold_the_lease_and_give_it_up(tmp_path: Path) -> None:
    built = overlay("studio")
    (role,) = built.all("Role")
    settings = Config.model_validate(built.config).lease
    async with RoleServer(tmp_path, role, Leases()) as server:
        lease = lease_of(settings, server.account)
        try:
            assert await lease.acquire_or_renew()
            assert await lease.acquire_or_renew()
            await lease.release()
        finally:
            await lease.close()
    granted = {
        (group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [None])
    }
    # All that was asked for, and nothing that was not.
    assert granted == {("coordination.k8s.io", "leases", *each) for each in server.asked}


@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_none_of_these_rights_is_too_many(verb: str, tmp_path: Path) -> None:
    (role,) = overlay("studio").all("Role")
    rules = [{**r, "verbs": [v for v in r["verbs"] if v != verb]} for r in role["rules"]]
    settings = Config.model_validate(overlay("studio").config).lease
    async with RoleServer(tmp_path, {**role, "rules": rules}, Leases()) as server:
        lease = lease_of(settings, server.account)
        try:
            with pytest.raises(LeaseError, match=f"{verb} of Lease .*403"):
                await _twice(lease)
        finally:
            await lease.close()


async def _twice(lease: KubernetesLease) -> None:
    """Held and renewed."""
    await lease.acquire_or_renew()
    await lease.acquire_or_renew()


async def test_another_lease_may_not_be_touched(tmp_path: Path) -> None:
    (role,) = overlay("studio").all("Role")
    settings = Config.model_validate(overlay("studio").config).lease
    theirs = settings.model_copy(update={"name": "somebody-elses"})
    async with RoleServer(tmp_path, role, Leases()) as server:
        lease = lease_of(theirs, server.account)
        try:
            with pytest.raises(LeaseError, match="403"):
                await lease.acquire_or_renew()
        finally:
            await lease.close()
