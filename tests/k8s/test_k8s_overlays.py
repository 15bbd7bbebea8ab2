"""Overlays are valid, and survive rollouts, drains and terminations."""

import copy
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped] # it has no types
import pytest
from jsonschema import Draft202012Validator

from exporter.config.model import Config
from tests.k8s.manifests import (
    COMPONENTS,
    K8S,
    OVERLAYS,
    ROOT,
    Json,
    Manifests,
    build_objects,
    build_overlay,
    build_with_component,
    matches_selector,
)

VERSIONS = ("1.30", "1.37")
"""The oldest Kubernetes that the manifests are for, and the newest that is known."""
_SCHEMAS = Path(__file__).parent / "schemas"


def validate(found: Json, version: str) -> None:
    """Strictly, by the schemas of Kubernetes or by ours of custom resources.

    Raises:
        jsonschema.ValidationError: it would be refused.
    """
    name = f"{found['kind']}-{found['apiVersion'].replace('/', '-')}".lower()
    if (_SCHEMAS / f"{name}.json").exists():
        _load_validator(name).validate(found)
    else:
        _validate_builtin(json.dumps(found, sort_keys=True), version)


@cache
def _validate_builtin(found: str, version: str) -> None:
    """Once for what is the same in several overlays: all schemas are read anew each time."""
    kubernetes_validate.validate(json.loads(found), version, strict=True)


@cache
def _load_validator(name: str) -> Draft202012Validator:
    schema = json.loads((_SCHEMAS / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


_MOST_IN_ANNOTATIONS = 250 * 1024
"""Bytes: the API server's 256 KiB, and room for other annotations."""
DIGEST = re.compile(r"slo-probe@sha256:[0-9a-f]{64}")


def _validate_objects(manifests: Manifests, version: str) -> None:
    for each in manifests.objects:
        try:
            validate(each, version)
        except jsonschema.ValidationError as error:
            place = "/".join(map(str, error.absolute_path))
            pytest.fail(f"{each['kind']} {each['metadata']['name']}: {place}: {error.message}")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_of_an_overlay_is_valid(overlay: Manifests, version: str) -> None:
    _validate_objects(overlay, version)


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_overlay_takes_each_component_and_stays_valid(component: str, tmp_path: Path) -> None:
    overlay = build_with_component(component, tmp_path)
    _validate_objects(overlay, VERSIONS[0])
    assert overlay.objects != build_overlay("dev").objects


def test_the_sustained_probe_sends_more_than_a_thousand_alerts_an_hour(overlay: Manifests) -> None:
    probes: Any = Config.model_validate(overlay.config).probes
    if probes.sustained is not None:
        assert 3600 / probes.sustained.interval.seconds > 1000


def test_the_autoscaler_is_scraped_for_the_metrics_that_the_rules_read(tmp_path: Path) -> None:
    overlay = build_with_component("autoscaler-metrics", tmp_path)
    monitor = overlay.get_object("ServiceMonitor", "knative-autoscaler")["spec"]
    (endpoint,) = monitor["endpoints"]
    (kept,) = [each for each in endpoint["metricRelabelings"] if each["action"] == "keep"]
    rules = (ROOT / "rules" / "prometheus" / "agent-sre-scaling.yaml").read_text()
    assert set(re.findall(r"\b(?:autoscaler|kn)_\w+(?={)", rules)) == set(kept["regex"].split("|"))
    # The Service of Knative Serving and its port.
    assert monitor["namespaceSelector"] == {"matchNames": ["knative-serving"]}
    assert monitor["selector"] == {"matchLabels": {"app": "autoscaler"}}
    assert endpoint["port"] == "http-metrics"


def test_nobody_but_the_owner_chooses_a_function_in_place_of_the_canary_service() -> None:
    assert [name for name in OVERLAYS if build_overlay(name).list_objects("LambdaFunction")] == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [("Deployment", "spec"), ("ServiceMonitor", "spec"), ("PrometheusRule", "spec")],
)
def test_a_misspelt_field_is_refused(kind: str, field: str) -> None:
    broken = copy.deepcopy(build_overlay("studio").list_objects(kind)[0])
    broken[field]["replicsa"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validate(broken, VERSIONS[0])


def test_an_overlay_holds_no_namespace_and_no_secret(overlay: Manifests) -> None:
    kinds = {each["kind"] for each in overlay.objects}
    assert not kinds & {"Namespace", "Secret", "ClusterRole", "ClusterRoleBinding"}


def test_every_object_says_where_it_goes_and_to_what_it_belongs(overlay: Manifests) -> None:
    places: Json = {}
    for each in overlay.objects:
        meta = each["metadata"]
        places.setdefault(meta["namespace"], []).append(f"{each['kind']}/{meta['name']}")
        assert meta["labels"]["app.kubernetes.io/part-of"] == "slo-monitor"
    assert set(places) == {"prometheus", "ai"}
    # In `ai`, whatever is a Deployment would be scaled or restarted by the owner's alerts.
    assert places["ai"] == ["Service/agent-sre-canary"]
    assert len(places["prometheus"]) == len(set(places["prometheus"]))


def list_rules(manifests: Manifests) -> list[Json]:
    """All rules of all PrometheusRules."""
    return [
        rule
        for each in manifests.list_objects("PrometheusRule")
        for group in each["spec"]["groups"]
        for rule in group["rules"]
    ]


def test_no_overlay_applies_an_alert_before_its_owner_asks_for_it(overlay: Manifests) -> None:
    """In his Alertmanager each alert reaches agent-sre, see tests/e2e/test_owner_routing.py."""
    rules = list_rules(overlay)
    assert rules
    assert [rule["alert"] for rule in rules if "alert" in rule] == []
    assert not overlay.list_objects("AlertmanagerConfig")


def test_the_line_for_alerts_gives_recording_rules_that_were_there_and_alerts(
    overlay: Manifests,
) -> None:
    complete = Manifests("rules", build_objects(K8S / "overlays" / overlay.name / "rules"))
    recordings = {json.dumps(rule) for rule in list_rules(complete) if "record" in rule}
    assert recordings <= set(map(json.dumps, list_rules(overlay)))
    assert len(list_rules(complete)) > len(recordings)
    names = {each["metadata"]["name"] for each in overlay.list_objects("PrometheusRule")}
    # An object that has only recordings here is replaced, and none is left over.
    assert {each["metadata"]["name"].partition(".")[0] for each in complete.objects} <= names


def test_every_overlay_applies_the_generated_dashboards(overlay: Manifests) -> None:
    dashboards = {path.stem for path in (K8S.parent / "rules" / "grafana").glob("*.json")}
    maps = {each["metadata"]["name"]: each for each in overlay.list_objects("ConfigMap")}
    assert dashboards
    for each in dashboards:
        shown = maps[f"grafana-dashboard-{each}"]
        assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert list(shown["data"]) == [f"{each}.json"]


def test_kubectl_can_remember_every_object_it_applied(overlay: Manifests) -> None:
    """`kubectl apply` keeps each as an annotation of itself, and refuses what is too large."""
    for each in overlay.objects:
        assert len(json.dumps(each, separators=(",", ":")).encode()) < _MOST_IN_ANNOTATIONS


def test_every_image_is_one_and_the_same_and_pinned_by_digest(overlay: Manifests) -> None:
    images = {c["image"] for _, pod in overlay.list_pods() for c in pod["spec"]["containers"]}
    assert len(images) == 1
    assert all(DIGEST.fullmatch(image) for image in images)


def test_what_pods_refer_to_is_there(overlay: Manifests) -> None:
    accounts = {each["metadata"]["name"] for each in overlay.list_objects("ServiceAccount")}
    maps = {each["metadata"]["name"] for each in overlay.list_objects("ConfigMap")}
    claims = {each["metadata"]["name"] for each in overlay.list_objects("PersistentVolumeClaim")}
    for _, pod in overlay.list_pods():
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
        overlay = build_overlay(name)
        secrets = [v["secret"] for v in overlay.prober["spec"]["volumes"] if "secret" in v]
        observers = overlay.config.get("observers", {})
        assert bool(secrets) == ("linear" in observers), name
        for secret in secrets:
            assert secret["optional"] is False
            (mount,) = [m for m in overlay.container["volumeMounts"] if m["name"] == "linear"]
            (item,) = secret["items"]
            assert observers["linear"]["key_file"] == f"{mount['mountPath']}/{item['path']}"


def test_a_journal_on_a_volume_outlives_the_prune_of_flux() -> None:
    for name in ("pro", "studio"):
        claim = build_overlay(name).get_object("PersistentVolumeClaim", "slo-probe-journal")
        assert claim["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/prune": "disabled"}


_KNOWN_EVERYWHERE = 5
"""Seconds from a readiness probe to rules on every node, in a cluster that is well."""
_AFTER_THE_RUNS = 2 + 5 + 5 + 2
"""Seconds: the last spans, a renewal under way, the Lease given up, the listeners."""


def _is_evictable(budget: Json, ready: Sequence[bool], pod: int) -> bool:
    """Return whether the API server lets a running pod be evicted; `ready` counts all pods."""
    assert "minAvailable" not in budget
    desired = max(len(ready) - int(budget["maxUnavailable"]), 0)
    healthy = sum(ready)
    if not ready[pod]:
        policy = budget.get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        if policy == "AlwaysAllow" or 0 < desired <= healthy:
            return True
    return healthy - desired > 0


def _finishes_rollout(strategy: Json, replicas: int) -> bool:
    """Return whether a rollout ends although no new pod is ready before all old ones are gone."""
    if strategy["type"] == "Recreate":
        return True
    most = strategy["rollingUpdate"]["maxUnavailable"]
    part = int(str(most).removesuffix("%")) / 100 * replicas if "%" in str(most) else int(most)
    return int(part) >= replicas


def test_the_budget_is_about_the_pods_of_the_prober(overlay: Manifests) -> None:
    selector = overlay.get_object("PodDisruptionBudget")["spec"]["selector"]
    labels = [pod["metadata"]["labels"] for _, pod in overlay.list_pods()]
    assert [matches_selector(selector, each) for each in labels] == [True, False, False, False]


@pytest.mark.parametrize("ready", [True, False])
def test_a_drain_never_waits_for_the_prober(overlay: Manifests, ready: bool) -> None:  # noqa: FBT001 - a case
    assert overlay.get_object("Deployment")["spec"]["replicas"] == 1
    assert _is_evictable(overlay.get_object("PodDisruptionBudget")["spec"], [ready], 0)


def test_either_of_two_probers_can_be_evicted(tmp_path: Path) -> None:
    overlay = build_with_component("standby", tmp_path)
    budget = overlay.get_object("PodDisruptionBudget")["spec"]
    assert overlay.get_object("Deployment")["spec"]["replicas"] == 2
    for holder in (0, 1):
        ready = [holder == 0, holder == 1]
        assert _is_evictable(budget, ready, 0)
        assert _is_evictable(budget, ready, 1)
    # The budget for one would hold up every drain of the holder's node.
    assert not _is_evictable({**budget, "maxUnavailable": 1}, [True, False], 0)


def test_a_rollout_does_not_wait_for_the_old_pod(overlay: Manifests) -> None:
    spec = overlay.get_object("Deployment")["spec"]
    assert _finishes_rollout(spec["strategy"], spec["replicas"])
    assert not _finishes_rollout(
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}, 1
    )


def test_a_rollout_of_two_does_not_wait_for_the_one_that_stands_by(tmp_path: Path) -> None:
    overlay = build_with_component("standby", tmp_path)
    spec = overlay.get_object("Deployment")["spec"]
    assert _finishes_rollout(spec["strategy"], spec["replicas"])
    assert not overlay.list_objects("PersistentVolumeClaim"), (
        "two pods on two nodes cannot share one"
    )
    (spread,) = overlay.prober["spec"]["topologySpreadConstraints"]
    assert matches_selector(spread["labelSelector"], overlay.prober["metadata"]["labels"])
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway", "a cluster may have one node only"


def test_nothing_is_sent_before_the_service_leads_to_the_prober(overlay: Manifests) -> None:
    settings: Any = Config.model_validate(overlay.config)
    probe = overlay.container["readinessProbe"]
    found_ready = probe["periodSeconds"] + probe["timeoutSeconds"]
    assert settings.canary.reachable_after.seconds >= found_ready + _KNOWN_EVERYWHERE


def _read_grace(overlay: Manifests) -> float:
    settings: Any = Config.model_validate(overlay.config)
    return float(settings.shutdown_grace.seconds)


def test_a_pod_is_killed_only_after_the_prober_had_time_to_end(overlay: Manifests) -> None:
    assert (
        overlay.prober["spec"]["terminationGracePeriodSeconds"]
        >= _read_grace(overlay) + _AFTER_THE_RUNS
    )


def test_a_prober_that_ends_is_still_called_about_runs_under_way(overlay: Manifests) -> None:
    """Not ready from the signal on, it must not be taken for unready before the runs have ended."""
    probe = overlay.container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= _read_grace(overlay)


def test_of_two_probers_one_that_lost_the_lease_is_soon_called_no_more(tmp_path: Path) -> None:
    overlay = build_with_component("standby", tmp_path)
    settings = Config.model_validate(overlay.config).lease
    probe = overlay.container["readinessProbe"]
    spare = settings.duration.seconds - settings.renew_deadline.seconds
    assert probe["periodSeconds"] * probe["failureThreshold"] <= spare


def test_a_stuck_prober_is_restarted(overlay: Manifests) -> None:
    container = overlay.container
    start, live = container["startupProbe"], container["livenessProbe"]
    assert start["httpGet"] == live["httpGet"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 60
    assert live["periodSeconds"] * live["failureThreshold"] <= 60
