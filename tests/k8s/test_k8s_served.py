"""Ports and paths in the manifests are those that the program serves."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import Any

import aiohttp
import yaml

from exporter.config.loader import load_config
from exporter.config.model import Config
from slos.schema.contract import ACCEPTED_UNTIL, PREFIX
from slos.schema.inventory import CLOSED_LABELS, Inventory
from tests.exporter.slo_probe import run_prober, wait_until
from tests.k8s.loopback_config import IN_THE_IMAGE, list_ports, write_loopback_config
from tests.k8s.manifests import K8S, ROOT, Json, Manifests, matches_selector

Gets = Callable[[int, str], Awaitable[tuple[int, str]]]


def _get_target_port(manifests: Manifests, service: Json, port: str | int) -> int:
    """The port of the pod behind a port of a Service, by its name or number."""
    (found,) = [each for each in service["spec"]["ports"] if port in (each["name"], each["port"])]
    (behind,) = [
        each["containerPort"]
        for each in manifests.container["ports"]
        if found["targetPort"] in (each["name"], each["containerPort"])
    ]
    assert matches_selector(
        {"matchLabels": service["spec"]["selector"]}, manifests.prober["metadata"]["labels"]
    )
    assert isinstance(behind, int)
    return behind


def test_the_ports_of_the_pod_are_those_the_configuration_listens_on(overlay: Manifests) -> None:
    named = {port["name"]: port["containerPort"] for port in overlay.container["ports"]}
    assert named == list_ports(overlay)


def test_the_configuration_is_in_its_place(overlay: Manifests, tmp_path: Path) -> None:
    loaded, problems = load_config(write_loopback_config(overlay, tmp_path).file)
    assert problems == []
    assert loaded
    command, option, path = overlay.container["args"]
    assert (command, option) == ("run", "--config")
    place = PurePosixPath(path)
    assert place.name in overlay.get_object("ConfigMap", "slo-probe-config")["data"]
    mounts = {mount["name"]: mount for mount in overlay.container["volumeMounts"]}
    assert mounts["config"]["mountPath"] == str(place.parent)
    # A file mounted by subPath is never changed, and the prober reads changes itself.
    assert not any("subPath" in mount for mount in mounts.values())
    journal = PurePosixPath(overlay.config["journal"]["path"])
    assert str(journal.parent) == mounts["journal"]["mountPath"]
    assert all(spec.startswith(f"{IN_THE_IMAGE}/") for spec in overlay.config["specs"])


async def test_the_program_answers_them_all(overlay: Manifests, tmp_path: Path) -> None:
    place = write_loopback_config(overlay, tmp_path)
    async with run_prober(place.file), aiohttp.ClientSession() as session:

        async def get(port: int, path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{place.ports[port]}{path}") as response:
                return response.status, await response.text()

        await _check_probes(overlay, get)
        _check_inventory(overlay, await _scrape(overlay, get))
        service = overlay.get_object("Service")
        assert (await get(_get_target_port(overlay, service, 80), "/health"))[0] == 200
        # Scenarios are asked for at the pages of the prober.
        assert (await get(_get_target_port(overlay, service, 9108), "/runs"))[0] == 200


async def _check_probes(overlay: Manifests, get: Gets) -> None:
    ports = {port["name"]: port["containerPort"] for port in overlay.container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = overlay.container[probe]["httpGet"]

        async def fine(asked: dict[str, Any] = asked) -> bool:
            return (await get(ports[asked["port"]], asked["path"]))[0] == 200

        await wait_until(fine)
    # An answer to anything would say nothing.
    assert (await get(ports["web"], "/-/nothing"))[0] == 404


async def _scrape(overlay: Manifests, get: Gets) -> str:
    """Targets that the ServiceMonitor has Prometheus scrape."""
    monitor = overlay.get_object("ServiceMonitor")["spec"]
    (endpoint,) = monitor["endpoints"]
    (service,) = [
        each
        for each in overlay.list_objects("Service")
        if each["metadata"]["namespace"] in monitor["namespaceSelector"]["matchNames"]
        and matches_selector(monitor["selector"], each["metadata"]["labels"])
    ]
    assert service["spec"]["publishNotReadyAddresses"], "whoever stands by is scraped as well"
    status, text = await get(_get_target_port(overlay, service, endpoint["port"]), endpoint["path"])
    assert status == 200
    assert "agent_sre_validation_build_info" in text
    return text


def _check_inventory(overlay: Manifests, text: str) -> None:
    """The inventory, of which the rules are built, has the label values that are exported."""
    file = K8S / "overlays" / overlay.name / "inventory.yaml"
    inventory = Inventory.model_validate(yaml.safe_load(file.read_text()))
    exported: dict[str, set[str]] = {}
    for line in text.splitlines():
        # What specs accept is no part of the configuration.
        if line.startswith(PREFIX) and not line.startswith(ACCEPTED_UNTIL):
            for label, value in re.findall(r'(\w+)="([^"]*)"', line):
                exported.setdefault(label, set()).add(value)
    for label in CLOSED_LABELS:
        assert exported.get(label, set()) == inventory.labels[label], label
    assert inventory.metrics <= set(re.findall(rf"^# TYPE ({PREFIX}\w+) ", text, re.MULTILINE))


def test_agent_sre_reaches_the_canary_at_the_name_and_port_it_calls(overlay: Manifests) -> None:
    settings: Any = Config.model_validate(overlay.config)
    canary = overlay.get_object("Service", settings.canary.name, settings.canary.namespace)
    assert canary["spec"]["type"] == "ExternalName"
    assert "selector" not in canary["spec"]
    # agent-sre calls http://<name>.<namespace>.svc.cluster.local/; a CNAME changes no port.
    service = overlay.get_object("Service")
    meta = service["metadata"]
    assert canary["spec"]["externalName"] == (
        f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
    )
    assert _get_target_port(overlay, service, 80) == settings.canary.listen.port
    assert _get_target_port(overlay, service, settings.probes.security.decoy.port) == (
        settings.probes.security.decoy.port
    )
    assert not service["spec"].get("publishNotReadyAddresses"), "only the holder of the Lease"


def test_the_scrapes_are_those_the_rules_are_made_for(overlay: Manifests) -> None:
    monitor = overlay.get_object("ServiceMonitor")["spec"]
    (endpoint,) = monitor["endpoints"]
    assert endpoint["interval"] == "30s"
    specs = (ROOT / "slos").glob("agent-sre*.yaml")
    told = {line for each in specs for line in each.read_text().splitlines()}
    assert {line for line in told if line.startswith("scrape_interval")} == {"scrape_interval: 30s"}
    job = overlay.get_object("Service", "slo-probe-metrics")["metadata"]["labels"][
        monitor["jobLabel"]
    ]
    assert job == "slo-probe", "the rules ask for up of this job"
