"""Who may reach whom, by the NetworkPolicies: a pod is open until a policy selects it."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.k8s.manifests import Json, Manifests, selects

NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Pod:
    """One end of a connection; without a namespace, an address outside."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.42.0.7"
    ports: Mapping[str, int] = field(default_factory=dict)


def allowed(built: Manifests, source: Pod, target: Pod, port: int, *, udp: bool = False) -> bool:
    """Whether a connection comes about: the source may leave and the target lets in."""
    protocol = "UDP" if udp else "TCP"
    return all(
        _passes(built, direction, subject, other, (port, protocol, target))
        for direction, subject, other in (("Egress", source, target), ("Ingress", target, source))
    )


def _passes(
    manifests: Manifests, direction: str, subject: Pod, other: Pod, to: tuple[int, str, Pod]
) -> bool:
    policies = list(_selecting(manifests, direction, subject))
    peers = "to" if direction == "Egress" else "from"
    return not policies or any(
        _ports(rule.get("ports"), *to) and _peers(rule.get(peers), other, policy)
        for policy in policies
        for rule in policy["spec"].get(direction.lower(), [])
    )


def _selecting(manifests: Manifests, direction: str, pod: Pod) -> Iterator[Json]:
    for policy in manifests.all("NetworkPolicy"):
        spec = policy["spec"]
        here = policy["metadata"]["namespace"] == pod.namespace
        if (
            here
            and direction in spec["policyTypes"]
            and selects(spec["podSelector"], dict(pod.labels))
        ):
            yield policy


def _ports(rules: Sequence[Json] | None, port: int, protocol: str, target: Pod) -> bool:
    return rules is None or any(
        rule["protocol"] == protocol and port in (rule["port"], target.ports.get(str(rule["port"])))
        for rule in rules
    )


def _peers(rules: Sequence[Json] | None, other: Pod, policy: Json) -> bool:
    return rules is None or any(_peer(rule, other, policy) for rule in rules)


def _peer(rule: Json, other: Pod, policy: Json) -> bool:
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
        in_place = selects(there, {NAMESPACE: other.namespace})
    return in_place and selects(rule.get("podSelector", {}), dict(other.labels))
