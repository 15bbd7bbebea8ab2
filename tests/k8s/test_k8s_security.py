"""Pod security, and the permissions of the prober on its Lease."""

import re
from collections.abc import AsyncIterator
from functools import partial
from math import inf
from pathlib import Path

import pytest

from exporter.config.model import Config
from exporter.leaderelection import LockError
from tests.exporter.leaderelection.fake_api_server import FakeApiServer
from tests.exporter.leaderelection.test_api_server import Cluster
from tests.k8s.manifests import COMPONENTS, Json, Manifests, build_overlay, build_with_component


def allows(role: Json, verb: str, name: str | None) -> bool:
    """Return whether a Role allows a verb on a Lease; its name is unknown while it is created."""
    return any(
        "coordination.k8s.io" in rule["apiGroups"]
        and "leases" in rule["resources"]
        and verb in rule["verbs"]
        and ("resourceNames" not in rule or name in rule["resourceNames"])
        for rule in role["rules"]
    )


_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
    "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_KEY = re.compile(r"lin_[a-z]+_|Bearer |-----BEGIN|password: ", re.IGNORECASE)


def _check_restricted(pod: Json) -> None:
    """Pods meet the Pod Security Standard `restricted`, and their root is read-only."""
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


def test_every_pod_meets_the_restricted_standard(overlay: Manifests) -> None:
    pods = list(overlay.list_pods())
    assert len(pods) == 4
    for _, pod in pods:
        _check_restricted(pod)


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_component_loosens_that(component: str, tmp_path: Path) -> None:
    for _, pod in build_with_component(component, tmp_path).list_pods():
        _check_restricted(pod)


def test_a_volume_is_all_that_can_be_written(overlay: Manifests) -> None:
    writable = {
        mount["mountPath"]
        for mount in overlay.container["volumeMounts"]
        if not mount.get("readOnly")
    }
    assert writable == {"/var/lib/slo-probe", "/tmp"}  # noqa: S108 - a volume of the pod
    for volume in overlay.prober["spec"]["volumes"]:
        assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_only_the_pod_that_keeps_the_lease_has_a_token(overlay: Manifests) -> None:
    for account in overlay.list_objects("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    mounted = {
        each for each, pod in overlay.list_pods() if pod["spec"]["automountServiceAccountToken"]
    }
    assert mounted == {"slo-probe"}
    (binding,) = overlay.list_objects("RoleBinding")
    (subject,) = binding["subjects"]
    assert subject == {
        "kind": "ServiceAccount",
        "name": overlay.prober["spec"]["serviceAccountName"],
        "namespace": "prometheus",
    }
    (role,) = overlay.list_objects("Role")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_no_secret_stands_in_an_overlay(overlay: Manifests) -> None:
    for each in (
        *overlay.list_objects("ConfigMap"),
        *overlay.list_objects("Deployment"),
        *overlay.list_objects("CronJob"),
    ):
        assert not _KEY.search(str(each))
    for _, pod in overlay.list_pods():
        for container in pod["spec"]["containers"]:
            assert all("value" not in variable for variable in container.get("env", []))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """An API server that grants what the Role grants, and nothing else."""
    made = Cluster(tmp_path, FakeApiServer("prometheus", partial(allows, ROLE)))
    runner = await made.start()
    yield made
    await made.close()
    await runner.cleanup()


(ROLE,) = build_overlay("studio").list_objects("Role")
LEASE = Config.model_validate(build_overlay("studio").config).lease


async def test_these_rights_are_enough_to_hold_the_lease_and_give_it_up(cluster: Cluster) -> None:
    lease = cluster.lease(LEASE)
    assert await lease.acquire_or_renew(inf)
    assert await lease.acquire_or_renew(inf)
    await lease.release()
    granted = {
        (group, resource, verb, name)
        for rule in ROLE["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [None])
    }
    # All that was asked for, and nothing that was not.
    assert granted == {("coordination.k8s.io", "leases", *each) for each in cluster.server.asked}


@pytest.mark.parametrize("verb", ["get", "create", "update"])
async def test_none_of_these_rights_is_too_many(cluster: Cluster, verb: str) -> None:
    rules = [{**r, "verbs": [v for v in r["verbs"] if v != verb]} for r in ROLE["rules"]]
    cluster.server.allows = partial(allows, {**ROLE, "rules": rules})
    lease = cluster.lease(LEASE)
    with pytest.raises(LockError, match=f"{verb} of Lease .*403"):  # noqa: PT012 - which of both
        await lease.acquire_or_renew(inf)
        await lease.acquire_or_renew(inf)


async def test_another_lease_may_not_be_touched(cluster: Cluster) -> None:
    with pytest.raises(LockError, match="403"):
        await cluster.lease(LEASE.model_copy(update={"name": "other"})).acquire_or_renew(inf)
