"""Every overlay builds, and everything in it would be taken by the API server."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.k8s.manifests import COMPONENTS, K8S, OVERLAYS, Json, Manifests, overlay, with_component
from tests.k8s.validation import VERSIONS, validate

EVERY_OVERLAY = pytest.mark.parametrize("name", OVERLAYS)
_MOST_IN_ANNOTATIONS = 250 * 1024
"""Bytes: the API server's 256 KiB, and room for other annotations."""
DIGEST = re.compile(r"slo-probe@sha256:[0-9a-f]{64}")


def _valid(manifests: Manifests, version: str) -> None:
    for each in manifests.objects:
        try:
            validate(each, version)
        except jsonschema.ValidationError as error:
            place = "/".join(map(str, error.absolute_path))
            pytest.fail(f"{each['kind']} {each['metadata']['name']}: {place}: {error.message}")


@EVERY_OVERLAY
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_of_an_overlay_is_valid_to_the_last_field(name: str, version: str) -> None:
    _valid(overlay(name), version)


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_overlay_takes_each_component_and_stays_valid(component: str, tmp_path: Path) -> None:
    built = with_component(component, tmp_path)
    _valid(built, VERSIONS[0])
    assert built.objects != overlay("dev").objects


def test_nobody_but_the_owner_chooses_a_function_in_place_of_the_canary_service() -> None:
    assert [name for name in OVERLAYS if overlay(name).all("LambdaFunction")] == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [("Deployment", "spec"), ("ServiceMonitor", "spec"), ("PrometheusRule", "spec")],
)
def test_a_misspelt_field_is_refused(kind: str, field: str) -> None:
    broken = copy.deepcopy(overlay("studio").all(kind)[0])
    broken[field]["replicsa"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validate(broken, VERSIONS[0])


@EVERY_OVERLAY
def test_an_overlay_holds_no_namespace_and_no_secret(name: str) -> None:
    kinds = {each["kind"] for each in overlay(name).objects}
    assert not kinds & {"Namespace", "Secret", "ClusterRole", "ClusterRoleBinding"}


@EVERY_OVERLAY
def test_every_object_says_where_it_goes_and_to_what_it_belongs(name: str) -> None:
    places: Json = {}
    for each in overlay(name).objects:
        meta = each["metadata"]
        places.setdefault(meta["namespace"], []).append(f"{each['kind']}/{meta['name']}")
        assert meta["labels"]["app.kubernetes.io/part-of"] == "slo-monitor"
    assert set(places) == {"prometheus", "ai"}
    # In `ai`, whatever is a Deployment would be scaled or restarted by the owner's alerts.
    assert places["ai"] == ["Service/agent-sre-canary"]
    assert len(places["prometheus"]) == len(set(places["prometheus"]))


@EVERY_OVERLAY
def test_every_overlay_applies_the_generated_rules(name: str) -> None:
    listed = {path.stem for path in (K8S.parent / "rules" / "operator").glob("*.yaml")}
    built = {each["metadata"]["name"] for each in overlay(name).all("PrometheusRule")}
    assert built == {f"slo-{stem}" for stem in listed - {"kustomization"}}


@EVERY_OVERLAY
def test_every_overlay_applies_the_generated_dashboards_and_the_routing(name: str) -> None:
    dashboards = {path.stem for path in (K8S.parent / "rules" / "grafana").glob("*.json")}
    maps = {each["metadata"]["name"]: each for each in overlay(name).all("ConfigMap")}
    assert dashboards
    for each in dashboards:
        shown = maps[f"grafana-dashboard-{each}"]
        assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert list(shown["data"]) == [f"{each}.json"]
    assert "slo-alertmanager-templates" in maps
    assert overlay(name).one("AlertmanagerConfig", "slo-routing")


@EVERY_OVERLAY
def test_kubectl_can_remember_every_object_it_applied(name: str) -> None:
    """`kubectl apply` keeps each as an annotation of itself, and refuses what is too large."""
    for each in overlay(name).objects:
        assert len(json.dumps(each, separators=(",", ":")).encode()) < _MOST_IN_ANNOTATIONS


@EVERY_OVERLAY
def test_every_image_is_one_and_the_same_and_pinned_by_digest(name: str) -> None:
    images = {c["image"] for _, pod in overlay(name).pods() for c in pod["spec"]["containers"]}
    assert len(images) == 1
    assert all(DIGEST.fullmatch(image) for image in images)


@EVERY_OVERLAY
def test_what_pods_refer_to_is_there(name: str) -> None:
    built = overlay(name)
    accounts = {each["metadata"]["name"] for each in built.all("ServiceAccount")}
    maps = {each["metadata"]["name"] for each in built.all("ConfigMap")}
    claims = {each["metadata"]["name"] for each in built.all("PersistentVolumeClaim")}
    for _, pod in built.pods():
        assert pod["spec"]["serviceAccountName"] in accounts
        for volume in pod["spec"].get("volumes", []):
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
        for container in pod["spec"]["containers"]:
            mounted = [mount["name"] for mount in container.get("volumeMounts", [])]
            assert sorted(mounted) == sorted(v["name"] for v in pod["spec"].get("volumes", []))


def test_only_where_linear_is_asked_does_a_pod_need_a_secret() -> None:
    for name in OVERLAYS:
        built = overlay(name)
        secrets = [v["secret"] for v in built.prober["spec"]["volumes"] if "secret" in v]
        observers = built.config.get("observers", {})
        assert bool(secrets) == ("linear" in observers), name
        for secret in secrets:
            assert secret["optional"] is False
            (mount,) = [m for m in built.container["volumeMounts"] if m["name"] == "linear"]
            (item,) = secret["items"]
            assert observers["linear"]["key_file"] == f"{mount['mountPath']}/{item['path']}"


def test_a_journal_on_a_volume_outlives_the_prune_of_flux() -> None:
    for name in ("pro", "studio"):
        claim = overlay(name).one("PersistentVolumeClaim", "slo-probe-journal")
        assert claim["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
