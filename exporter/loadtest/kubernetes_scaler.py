"""Scaler at the Kubernetes API: Deployment, Knative Service, or LambdaAgent.

It uses the service account of the pod, or else the kubeconfig of the user. The service account of
the prober has no permission to scale, so an operator runs this from a shell.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, ApiException, Configuration, CoreV1Api
from kubernetes_asyncio.client.api import AppsV1Api, CustomObjectsApi

from exporter.loadtest.scaling import ScaleError

_MERGE_PATCH = "application/merge-patch+json"
_SCALE_ANNOTATIONS = ("autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale")


class ScaledKind(StrEnum):
    """Kind of the object that is scaled."""

    DEPLOYMENT = "deployment"
    KNATIVE = "knative"
    LAMBDA_AGENT = "lambdaagent"


class KubernetesScaler:
    """Scaler of one object; its replicas are the ready pods of a selector.

    Args:
        client: client of the API server.
        kind: kind of the object.
        name: name of the object.
        namespace: namespace of the object.
        selector: label selector of its pods.
        group_version: API group and version of a LambdaAgent.
    """

    def __init__(
        self,
        client: ApiClient,
        kind: ScaledKind,
        *,
        name: str,
        namespace: str,
        selector: str,
        group_version: str,
    ) -> None:
        self._apps, self._core = AppsV1Api(client), CoreV1Api(client)
        self._objects = CustomObjectsApi(client)
        self._kind = kind
        self._name = name
        self._namespace = namespace
        self._selector = selector
        self._group_version = group_version

    async def scale(self, replicas: int) -> None:
        """Request a number of replicas.

        Raises:
            ScaleError: the API server refuses it.
        """
        try:
            if self._kind is ScaledKind.DEPLOYMENT:
                await self._apps.patch_namespaced_deployment_scale(
                    self._name,
                    self._namespace,
                    {"spec": {"replicas": replicas}},
                )
            else:
                await self._patch_object(replicas)
        except (ApiException, aiohttp.ClientError, OSError) as error:
            raise ScaleError(self._describe("cannot scale", error)) from error

    async def _patch_object(self, replicas: int) -> None:
        group, version, plural, body = build_patch(self._kind, replicas, self._group_version)
        await self._objects.patch_namespaced_custom_object(
            group, version, self._namespace, plural, self._name, body
        )

    async def count_ready(self) -> int:
        """Count the ready pods.

        Raises:
            ScaleError: the API server refuses it.
        """
        return sum(map(is_ready, await self._list_pods()))

    async def read_work(self) -> Mapping[str, float]:
        """Return nothing: the API server does not know the work of a pod."""
        return {}

    async def kill_replica(self) -> str | None:
        """Delete one ready pod without a grace period.

        Raises:
            ScaleError: the API server refuses it.
        """
        ready = [pod for pod in await self._list_pods() if is_ready(pod)]
        if not ready:
            return None
        name = str(ready[0].metadata.name)
        try:
            await self._core.delete_namespaced_pod(name, self._namespace, grace_period_seconds=0)
        except (ApiException, aiohttp.ClientError, OSError) as error:
            raise ScaleError(self._describe(f"cannot delete the pod {name} of", error)) from error
        return name

    def list_processes(self) -> Mapping[str, int]:
        """Return nothing: the replicas are elsewhere."""
        return {}

    async def _list_pods(self) -> list[Any]:
        try:
            pods = await self._core.list_namespaced_pod(
                self._namespace, label_selector=self._selector
            )
        except (ApiException, aiohttp.ClientError, OSError) as error:
            raise ScaleError(self._describe("cannot list the pods of", error)) from error
        return [pod for pod in pods.items if pod.metadata.deletion_timestamp is None]

    def _describe(self, action: str, error: Exception) -> str:
        what = f"{action} {self._kind} {self._namespace}/{self._name}"
        if isinstance(error, ApiException):
            return f"{what}: the API server answered {error.status} {error.reason}"
        return f"{what}: {error}"


def build_patch(
    kind: ScaledKind, replicas: int, group_version: str
) -> tuple[str, str, str, dict[str, Any]]:
    """Build the patch of a custom object: its group, version, plural name and body."""
    if kind is ScaledKind.KNATIVE:
        annotations = dict.fromkeys(_SCALE_ANNOTATIONS, str(replicas))
        body: dict[str, Any] = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        return "serving.knative.dev", "v1", "services", body
    group, _, version = group_version.partition("/")
    body = {"spec": {"scaling": {"minReplicas": replicas, "maxReplicas": replicas}}}
    return group, version, "lambdaagents", body


def is_ready(pod: Any) -> bool:  # noqa: ANN401 - the client has no types
    """Return whether a pod is ready."""
    return any(
        condition.type == "Ready" and condition.status == "True"
        for condition in pod.status.conditions or ()
    )


@contextlib.asynccontextmanager
async def open_client() -> AsyncIterator[ApiClient]:
    """Open a client by the service account of the pod, or by the kubeconfig of the user.

    Raises:
        ScaleError: there is neither.
    """
    settings = Configuration()
    try:
        try:
            load_service_account: Any = config.load_incluster_config
            load_service_account(client_configuration=settings)
        except config.ConfigException:
            await config.load_kube_config(client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        raise ScaleError(f"no access to a cluster: {error}") from error
    async with ApiClient(settings) as client:
        # The client would send a strategic merge patch, which custom objects do not take.
        client.set_default_header("Content-Type", _MERGE_PATCH)
        yield client
