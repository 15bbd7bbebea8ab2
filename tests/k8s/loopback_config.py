"""Configuration of an overlay with hosts, ports and folders on loopback."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.config.model import Config
from exporter.devstack.stack import find_free_port
from tests.k8s.manifests import ROOT, Json, Manifests

IN_THE_IMAGE = "/usr/share/slo-probe/slos"
_HOST = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")
_CLOSED_PORT_URL = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class LoopbackConfig:
    """Addresses of the servers of a configuration.

    Attributes:
        file: the configuration.
        ports: where the program listens now, by the port it would have listened on.
    """

    file: Path
    ports: dict[int, int]


def list_ports(manifests: Manifests) -> dict[str, int]:
    """The ports of the configuration by what they are for, defaults of the program included."""
    settings: Any = Config.model_validate(manifests.config)
    security = settings.probes.security
    assert security.decoy_port is None, "the Service leads to the decoy at the decoy's own port"
    return {
        "canary": settings.canary.listen.port,
        "decoy": security.decoy.port,
        "web": settings.web.listen.port,
    }


def write_loopback_config(manifests: Manifests, folder: Path) -> LoopbackConfig:
    """Write the configuration, changed as little as it can be."""
    ports = {port: find_free_port() for port in list_ports(manifests).values()}
    addresses = {name: f"127.0.0.1:{ports[port]}" for name, port in list_ports(manifests).items()}
    config: Json = _replace_hosts(manifests.config)
    (folder / "key").write_text("planted")
    if "linear" in config.get("observers", {}):
        config["observers"]["linear"] |= {"key_file": "key", "url": _CLOSED_PORT_URL}
    config["canary"]["listen"], config["web"]["listen"] = addresses["canary"], addresses["web"]
    config["probes"]["security"] = {**config["probes"]["security"], "decoy": addresses["decoy"]}
    config["journal"]["path"] = "journal.sqlite"
    config["lease"]["kind"] = "file"
    config["specs"] = [spec.replace(IN_THE_IMAGE, str(ROOT / "slos")) for spec in config["specs"]]
    file = folder / "slo-probe.yaml"
    file.write_text(yaml.safe_dump(config))
    return LoopbackConfig(file, ports)


def _replace_hosts(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with every host replaced by one where nobody listens."""
    if isinstance(value, dict):
        return {key: _replace_hosts(each) for key, each in value.items()}
    return _HOST.sub(_CLOSED_PORT_URL, value) if isinstance(value, str) else value
