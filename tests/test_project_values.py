"""Each value of a cluster is set in slo-rules.yaml, and nowhere else."""

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from click import Command
from click.testing import CliRunner

from exporter.cli import main as slo_probe
from generator.cli import main as slo_rules
from tests.generator.amtool import check_config
from tests.generator.test_alertmanager_object import validate_object
from tests.k8s.manifests import COMPONENTS, OVERLAYS, build_objects

ROOT = Path(__file__).parents[1]
FILE = "slo-rules.yaml"
OVERLAY = "studio"
SETTERS = {
    "agent_namespace": "agents-zone",
    "broker_namespace": "broker-zone",
    "tempo_namespace": "traces-zone",
    "knative_namespace": "scaler-zone",
    "gateway_namespace": "gateway-zone",
    "prometheus_service": "metrics-of-all",
    "alertmanager_service": "bells-of-all",
    "broker_service": "ingress-of-all",
    "tempo_service": "traces-of-all",
    "image": "registry.example/prober",
    "image_digest": f"sha256:{'a1' * 32}",
}
VALUES: Mapping[str, Any] = {
    "runbook_url_prefix": "https://git.example/pages",
    "dashboard_url": "https://boards.example/d/slo-detail",
    "namespace": "watch-zone",
    "setters": SETTERS,
}
# Where a value is the same word as others, what is around it.
_WORD = r"(?<![\w-]){}(?![\w-])"
PATTERNS = {
    "namespace": r"namespace(?:=|: )\\?[\"']?{0}(?![\w-])|-n {0} |\.{0}\.svc|matchNames:\s+- {0}\b",
    "tempo_namespace": r"\.{0}:\d|-n {0} ",
    "tempo_service": r"//{0}\.",
    "image": r"image: {0}@",
    "dashboard_url": r"{0}",
}


def read_values(folder: Path) -> dict[str, str]:
    settings = yaml.safe_load((folder / FILE).read_text())
    values = {key: settings[key] for key in VALUES if key != "setters"} | settings["setters"]
    return {**values, "dashboard_url": values["dashboard_url"].split("/d/")[0]}


def run(program: Command, *arguments: str) -> str:
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def dump(objects: list[Any]) -> str:
    return yaml.safe_dump(objects, width=1_000_000)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with other values, built as `make rules` does."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "slos").mkdir()
    for path in (ROOT / "slos").glob("*.yaml"):
        shutil.copy(path, folder / "slos")
    generated = shutil.ignore_patterns("rules", "recordings", "inventory.yaml")
    shutil.copytree(ROOT / "k8s", folder / "k8s", ignore=generated)
    settings = yaml.safe_load((ROOT / FILE).read_text())
    (folder / FILE).write_text(yaml.safe_dump({**settings, **VALUES}))
    overlay = f"k8s/overlays/{OVERLAY}"
    operator = ("build", "--format", "operator")
    with contextlib.chdir(folder):
        run(slo_rules, "set", "slos", "k8s")
        run(slo_rules, "build")
        run(slo_rules, *operator, "--disable-alerts", "-o", "k8s/recordings")
        inventory = run(slo_probe, "inventory", "--config", f"{overlay}/slo-probe.yaml")
        Path(overlay, "inventory.yaml").write_text(inventory)
        inventory_option = ("--inventory", f"{overlay}/inventory.yaml")
        run(slo_rules, *operator, *inventory_option, "-o", f"{overlay}/rules")
    return folder


def read_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every generated file, and the objects of every overlay and component."""
    for root in ("rules", "k8s/recordings", f"k8s/overlays/{OVERLAY}/rules"):
        for path in sorted((folder / root).rglob("*")):
            if path.is_file():
                yield str(path.relative_to(folder)), unquote(path.read_text())
    for name in OVERLAYS:
        yield name, dump(build_objects(folder / "k8s" / "overlays" / name))
    for name in COMPONENTS:
        for path in (folder / "k8s" / "components" / name).glob("*.yaml"):
            yield f"{name}/{path.name}", dump(list(yaml.safe_load_all(path.read_text())))


def test_each_value_is_changed_everywhere_by_a_change_in_one_file(project: Path) -> None:
    before, after = dict(read_texts(ROOT)), dict(read_texts(project))
    assert set(before) == set(after)
    old_values, new_values = read_values(ROOT), read_values(project)
    for setting, old in old_values.items():
        pattern = PATTERNS.get(setting, _WORD)
        old_pattern, new_pattern = (
            re.compile(pattern.format(re.escape(each))) for each in (old, new_values[setting])
        )
        found = {name: len(old_pattern.findall(text)) for name, text in before.items()}
        assert any(found.values()), setting
        for name, text in after.items():
            assert old_pattern.findall(text) == [], (setting, name)
            assert len(new_pattern.findall(text)) == found[name], (setting, name)


def build_routing(folder: Path, receivers: Mapping[str, Any]) -> Path:
    settings = {"inputs": [str(ROOT / "slos" / "agent-sre-meta.yaml")], "receivers": receivers}
    (folder / FILE).write_text(yaml.safe_dump(settings))
    with contextlib.chdir(folder):
        run(slo_rules, "build", "--format", "alertmanager")
    return folder / "rules"


def read_addresses(receivers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found = {each.pop("name"): each for each in receivers}
    return {name: each for name, each in found.items() if each}


def test_the_receivers_of_the_project_are_those_of_the_configuration(tmp_path: Path) -> None:
    receivers = {
        "slo-page": {"pagerduty_configs": [{"routing_key": "planted", "send_resolved": False}]},
        "slo-info": {
            "email_configs": [
                {
                    "to": "a@b.example",
                    "from": "c@d.example",
                    "smarthost": "m.example:25",
                    "html": "",
                }
            ]
        },
        "slo-watchdog": {"webhook_configs": [{"url": "http://beat.example/", "max_alerts": 5}]},
    }
    path = build_routing(tmp_path, receivers) / "alertmanager.yml"
    check_config(path)
    assert read_addresses(yaml.safe_load(path.read_text())["receivers"]) == receivers


def test_the_receivers_of_the_project_are_those_of_the_object(tmp_path: Path) -> None:
    secret = {"name": "pagerduty", "key": "key"}
    receivers = {
        "slo-page": {"pagerdutyConfigs": [{"routingKey": secret, "sendResolved": False}]},
        "slo-watchdog": {"webhookConfigs": [{"url": "http://beat.example/", "maxAlerts": 5}]},
    }
    of_file = {"slo-ticket": {"webhook_configs": [{"url": "http://ticket.example/"}]}}
    folder = build_routing(tmp_path, {**receivers, **of_file})
    config = validate_object(yaml.safe_load((folder / "alertmanagerconfig.yaml").read_text()))
    assert read_addresses(config["spec"]["receivers"]) == receivers
    config = yaml.safe_load((folder / "alertmanager.yml").read_text())
    assert read_addresses(config["receivers"]) == of_file


def test_a_receiver_has_integrations_only(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"receivers": {"slo-page": {"pagerduty": [{}]}}}
    (tmp_path / FILE).write_text(yaml.safe_dump(settings))
    with contextlib.chdir(tmp_path):
        result = CliRunner().invoke(slo_rules, ["build"])
    assert result.exit_code == 1
    assert "'pagerduty' is not a list of integrations" in result.output
    assert "write it like pagerduty_configs, or pagerdutyConfigs" in result.output
