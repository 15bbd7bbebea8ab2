"""Connections that the NetworkPolicies allow to and from the prober."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.k8s.manifests import (
    Json,
    Manifests,
    build_with_component,
    matches_selector,
    read_sections,
)

NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Pod:
    """One end of a connection; without a namespace, an address outside."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.42.0.7"
    ports: Mapping[str, int] = field(default_factory=dict)


def is_allowed(
    overlay: Manifests, source: Pod, target: Pod, port: int, *, udp: bool = False
) -> bool:
    """Return whether a connection is allowed: out of the source, and into the target."""
    protocol = "UDP" if udp else "TCP"
    return all(
        _allows_direction(overlay, direction, subject, other, (port, protocol, target))
        for direction, subject, other in (("Egress", source, target), ("Ingress", target, source))
    )


def _allows_direction(
    manifests: Manifests, direction: str, subject: Pod, other: Pod, to: tuple[int, str, Pod]
) -> bool:
    policies = list(_list_policies(manifests, direction, subject))
    peers = "to" if direction == "Egress" else "from"
    return not policies or any(
        _matches_ports(rule.get("ports"), *to) and _matches_peers(rule.get(peers), other, policy)
        for policy in policies
        for rule in policy["spec"].get(direction.lower(), [])
    )


def _list_policies(manifests: Manifests, direction: str, pod: Pod) -> Iterator[Json]:
    for policy in manifests.list_objects("NetworkPolicy"):
        spec = policy["spec"]
        here = policy["metadata"]["namespace"] == pod.namespace
        if (
            here
            and direction in spec["policyTypes"]
            and matches_selector(spec["podSelector"], dict(pod.labels))
        ):
            yield policy


def _matches_ports(rules: Sequence[Json] | None, port: int, protocol: str, target: Pod) -> bool:
    return rules is None or any(
        rule["protocol"] == protocol and port in (rule["port"], target.ports.get(str(rule["port"])))
        for rule in rules
    )


def _matches_peers(rules: Sequence[Json] | None, other: Pod, policy: Json) -> bool:
    return rules is None or any(_matches_peer(rule, other, policy) for rule in rules)


def _matches_peer(rule: Json, other: Pod, policy: Json) -> bool:
    if "ipBlock" in rule:
        block, address = rule["ipBlock"], ipaddress.ip_address(other.address)
        inside = [ipaddress.ip_network(each) for each in block.get("except", [])]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in each for each in inside
        )
    if other.namespace is None:
        return False
    there = rule.get("namespaceSelector")
    if there is None:
        in_place = other.namespace == policy["metadata"]["namespace"]
    else:
        in_place = matches_selector(there, {NAMESPACE: other.namespace})
    return in_place and matches_selector(rule.get("podSelector", {}), dict(other.labels))


NAME = "app.kubernetes.io/name"
AGENT = Pod("ai", {"serving.knative.dev/service": "agent-sre"})
# Functions that agent-sre calls run beside it.
FUNCTION = Pod("ai", {"serving.knative.dev/service": "pod-restart"})
PROMETHEUS = Pod("prometheus", {NAME: "prometheus"})
ALERTMANAGER = Pod("prometheus", {NAME: "alertmanager"})
NEIGHBOUR = Pod("prometheus", {NAME: "grafana"})
STRANGER = Pod("default", {NAME: "prometheus"})
DNS = Pod("kube-system", {"k8s-app": "kube-dns"})
TEMPO = Pod("tempo", {NAME: "tempo"})
OUTSIDE = Pod(address="203.0.113.7")
NODE = Pod(address="192.168.1.10")
METADATA = Pod(address="169.254.169.254")


def _build_prober_pod(overlay: Manifests) -> Pod:
    ports = {port["name"]: port["containerPort"] for port in overlay.container["ports"]}
    return Pod("prometheus", overlay.prober["metadata"]["labels"], ports=ports)


def _build_scenario_pod(overlay: Manifests, name: str) -> Pod:
    return Pod("prometheus", dict(overlay.list_pods())[name]["metadata"]["labels"])


def test_only_agent_sre_reaches_the_canary(overlay: Manifests) -> None:
    prober = _build_prober_pod(overlay)
    for port in ("canary", "decoy"):
        number = prober.ports[port]
        assert is_allowed(overlay, AGENT, prober, number)
        for other in (FUNCTION, PROMETHEUS, ALERTMANAGER, NEIGHBOUR, STRANGER, OUTSIDE):
            assert not is_allowed(overlay, other, prober, number), (port, other)
        impostor = Pod("default", AGENT.labels)
        assert not is_allowed(overlay, impostor, prober, number)


def test_the_pages_are_for_prometheus_and_scenarios(overlay: Manifests) -> None:
    prober = _build_prober_pod(overlay)
    assert is_allowed(overlay, PROMETHEUS, prober, prober.ports["web"])
    for job in overlay.list_objects("CronJob"):
        source = _build_scenario_pod(overlay, job["metadata"]["name"])
        assert is_allowed(overlay, source, prober, prober.ports["web"])
        assert not is_allowed(overlay, source, prober, prober.ports["canary"])
    for other in (AGENT, ALERTMANAGER, NEIGHBOUR, STRANGER, OUTSIDE):
        assert not is_allowed(overlay, other, prober, prober.ports["web"]), other


def test_alertmanager_reaches_the_canary_where_its_webhook_is_wanted(tmp_path: Path) -> None:
    overlay = build_with_component("alertmanager-webhook", tmp_path)
    prober = _build_prober_pod(overlay)
    assert is_allowed(overlay, ALERTMANAGER, prober, prober.ports["canary"])
    assert is_allowed(overlay, AGENT, prober, prober.ports["canary"])
    for other in (PROMETHEUS, NEIGHBOUR, STRANGER, Pod("monitoring", ALERTMANAGER.labels)):
        assert not is_allowed(overlay, other, prober, prober.ports["canary"])


def test_a_function_in_place_of_the_canary_reaches_the_prober(tmp_path: Path) -> None:
    overlay = build_with_component("lambda-canary", tmp_path)
    (function,) = overlay.list_objects("LambdaFunction")
    pods = Pod("prometheus", {"serving.knative.dev/service": function["metadata"]["name"]})
    prober = _build_prober_pod(overlay)
    assert is_allowed(overlay, pods, prober, prober.ports["canary"])
    assert not is_allowed(overlay, pods, prober, prober.ports["web"])


def test_the_stand_in_is_called_over_tls(tmp_path: Path) -> None:
    overlay = build_with_component("linear-stand-in", tmp_path, overlay_name="pro")
    labels = dict(overlay.list_pods())["linear-stand-in"]["metadata"]["labels"]
    pod = dict(overlay.list_pods())["linear-stand-in"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in pod["ports"]}
    stand_in = Pod("prometheus", labels, ports=ports)
    assert is_allowed(overlay, AGENT, stand_in, ports["https"])
    assert is_allowed(overlay, _build_prober_pod(overlay), stand_in, ports["http"])
    assert not is_allowed(overlay, AGENT, stand_in, ports["http"]), "faults are set there"
    for other in (FUNCTION, PROMETHEUS, NEIGHBOUR, STRANGER, OUTSIDE):
        assert not any(is_allowed(overlay, other, stand_in, port) for port in ports.values())
    assert not is_allowed(overlay, stand_in, OUTSIDE, 443)
    # What the prober hears and calls is as before.
    assert is_allowed(overlay, _build_prober_pod(overlay), AGENT, 8080)
    assert not is_allowed(overlay, stand_in, _build_prober_pod(overlay), 9108)
    service = overlay.get_object("Service", "linear-stand-in")
    asked = urlsplit(read_sections()["observers"]["linear"]["url"])
    assert asked.hostname == "linear-stand-in.prometheus.svc.cluster.local"
    (port,) = [each for each in service["spec"]["ports"] if each["port"] == (asked.port or 80)]
    assert port["targetPort"] == "http"
    assert matches_selector({"matchLabels": service["spec"]["selector"]}, labels)


def test_the_prober_reaches_all_that_its_configuration_names(overlay: Manifests) -> None:
    prober, config = _build_prober_pod(overlay), overlay.config
    places = [config["target"], config.get("prometheus"), *config.get("paths", {}).values()]
    places += [each for each in config.get("observers", {}).values() if "url" in each]
    hosts = {"kube-prometheus-stack-prometheus": PROMETHEUS,
             "kube-prometheus-stack-alertmanager": ALERTMANAGER,
             "lambda-broker-broker-ingress": Pod("knative-lambda"),
             "agent-sre": AGENT, "tempo": TEMPO}  # fmt: skip
    for place in filter(None, places):
        parts = urlsplit(place["url"])
        service, namespace = str(parts.hostname).split(".")[:2]
        assert hosts[service].namespace == namespace
        assert is_allowed(overlay, prober, hosts[service], parts.port or 8080), place
    assert is_allowed(overlay, prober, OUTSIDE, 443), "Linear"
    assert is_allowed(overlay, prober, NODE, 6443), "the API server"
    for udp in (True, False):
        assert is_allowed(overlay, prober, DNS, 53, udp=udp)


def test_the_prober_reaches_nothing_else(overlay: Manifests) -> None:
    prober = _build_prober_pod(overlay)
    for other in (NEIGHBOUR, STRANGER, NODE, METADATA, Pod("flux-system")):
        for port in (80, 443, 5432, 9090):
            assert not is_allowed(overlay, prober, other, port), (other, port)
    assert not is_allowed(overlay, prober, OUTSIDE, 80)
    assert not is_allowed(overlay, prober, Pod(address="203.0.113.7"), 53, udp=True)


def test_a_scenario_reaches_the_prober_and_names_and_nothing_else(overlay: Manifests) -> None:
    source = _build_scenario_pod(overlay, "slo-probe-stress")
    assert is_allowed(overlay, source, DNS, 53, udp=True)
    for other in (AGENT, PROMETHEUS, ALERTMANAGER, OUTSIDE, NODE):
        for port in (80, 443, 6443, 9108):
            assert not is_allowed(overlay, source, other, port), other
    assert not is_allowed(overlay, PROMETHEUS, source, 80)
