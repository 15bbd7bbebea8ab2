"""Routing of every alert in `rules/` with its real labels, by amtool."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.model.alert import Alert, CanaryIdentity, build_alertmanager_alert
from generator.alerting.route_matching import match_routes
from tests.generator.amtool import (
    BUILT,
    ROOT,
    build_owner_config,
    check_config,
    find_receivers,
    merge_configs,
    read_expected_alerts,
    read_fragment,
    run_amtool,
)
from tests.generator.prometheus_operator import merge_as_operator

ALERTS = read_expected_alerts()
ROLES = {"critical": "slo-page", "warning": "slo-ticket", "info": "slo-info"}
ACTS = "prometheus-events"
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write_config(tmp_path: Path) -> Write:
    def written(config: dict[str, Any]) -> Path:
        path = tmp_path / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        check_config(path)
        return path

    return written


def get_role(labels: dict[str, str]) -> str:
    heartbeat = labels["alertname"] == "AgentSREValidationWatchdog"
    return "slo-watchdog" if heartbeat else ROLES[labels["severity"]]


def test_labels_are_known_of_every_alert_there_is() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules/prometheus").glob("*.yaml"))
    assert set(ALERTS) == set(re.findall(r"- alert: (\S+)", rules))


def test_agent_sre_has_few_alerts() -> None:
    """A page is urgent and seen by users; a ticket is one thing to do."""
    severities = Counter(labels["severity"] for labels in ALERTS.values())
    assert severities["critical"] <= 6
    assert severities["warning"] <= 25
    assert severities["info"] <= 2


def test_each_alert_says_who_responds_within_which_time() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "rules/runbooks/README.md").read_text().splitlines()
        if line.startswith("| [")
    ]
    assert len(rows) == len(ALERTS)
    for alert, _, who, within, first_action, _ in rows:
        assert who, alert
        assert re.fullmatch(r"(\d+(w|d|h|m))+", within), alert
        assert first_action, alert


def test_tickets_at_any_hour_are_not_held_until_office_hours() -> None:
    held = {
        name
        for name, labels in ALERTS.items()
        if match_routes(read_fragment(), labels)[0].active_in
    }
    tickets = {name for name, labels in ALERTS.items() if labels["severity"] == "warning"}
    assert tickets - held == {
        "AgentSREDeadlock", "AgentSRENoData", "AgentSREValidationFailureRateHigh",
        "SLORulesFailing",
    }  # fmt: skip
    assert held <= tickets


def test_amtool_accepts_what_is_built_with_its_template() -> None:
    said = check_config(BUILT / "alertmanager.yml")
    assert "1 templates" in said
    assert "4 inhibit rules" in said


@pytest.mark.parametrize("labels", ALERTS.values(), ids=ALERTS.keys())
def test_every_alert_goes_to_the_one_role_that_its_severity_asks_for(
    labels: dict[str, str],
) -> None:
    assert find_receivers(BUILT / "alertmanager.yml", labels) == [get_role(labels)]


@pytest.mark.parametrize("root", ["null", ACTS])
def test_no_alert_of_ours_reaches_what_acts_on_alerts(write_config: Write, root: str) -> None:
    config = write_config(merge_configs(build_owner_config(root=root), read_fragment()))
    for labels in ALERTS.values():
        assert find_receivers(config, labels) == [get_role(labels)]


@pytest.mark.parametrize("root", ["null", ACTS])
def test_info_inhibitor_notifies_nobody_whatever_alert_it_is_for(
    write_config: Write, root: str
) -> None:
    config = write_config(merge_configs(build_owner_config(root=root), read_fragment()))
    for labels in ALERTS.values():
        if labels["severity"] == "info":
            inhibitor = {**labels, "alertname": "InfoInhibitor", "severity": "none"}
            assert find_receivers(config, inhibitor) == ["null"]


def test_informational_alerts_have_the_namespace_that_info_inhibitor_compares() -> None:
    informational = [labels for labels in ALERTS.values() if labels["severity"] == "info"]
    assert informational
    assert all(labels.get("namespace") for labels in informational)


def test_without_our_route_every_alert_of_ours_would_be_acted_on(write_config: Write) -> None:
    config = write_config(build_owner_config())
    assert ACTS in find_receivers(config, ALERTS["AgentSREUnavailable"])


def test_behind_the_owners_routes_ours_come_too_late(write_config: Write) -> None:
    config = merge_configs(build_owner_config(), read_fragment())
    config["route"]["routes"].reverse()
    assert ACTS in find_receivers(write_config(config), ALERTS["AgentSREUnavailable"])


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "KubePodCrashLooping", "namespace": "ai", "pod": "agent-sre-00001-x"},
        {
            "alertname": "KubeDeploymentReplicasMismatch",
            "namespace": "ai",
            "deployment": "agent-sre",
        },
        {"alertname": "TargetDown", "service": "agent-sre"},
        # The Service that Knative makes for the pods of a revision.
        {"alertname": "TargetDown", "service": "agent-sre-00007-private"},
    ],
    ids=lambda labels: labels["alertname"],
)
@pytest.mark.parametrize("severity", ROLES)
def test_nor_do_alerts_of_others_about_agent_sre(
    write_config: Write, labels: dict[str, str], severity: str
) -> None:
    config = write_config(merge_configs(build_owner_config(), read_fragment()))
    assert find_receivers(config, {**labels, "severity": severity}) == [ROLES[severity]]


@pytest.mark.parametrize("root", ["null", ACTS])
def test_all_other_alerts_still_do(write_config: Write, root: str) -> None:
    config = write_config(merge_configs(build_owner_config(root=root), read_fragment()))
    other = {"alertname": "KubePodCrashLooping", "namespace": "ai", "pod": "shop-1"}
    assert find_receivers(config, {**other, "severity": "warning"}) == [ACTS]


def test_and_so_does_the_synthetic_alert_whose_way_is_measured(write_config: Write) -> None:
    canary = CanaryIdentity("agent-sre-canary", "ai")
    alert = Alert("slo-probe-0123456789abcdef", "remediation", {}, canary, 1.0)
    config = write_config(merge_configs(build_owner_config(), read_fragment()))
    assert find_receivers(config, build_alertmanager_alert(alert, label="service")["labels"]) == [
        ACTS
    ]


def read_object() -> dict[str, Any]:
    read = yaml.safe_load((BUILT / "alertmanagerconfig.yaml").read_text())
    assert isinstance(read, dict)
    return read


def test_the_operator_lets_our_alerts_go_on_unless_the_owner_keeps_them_out(
    write_config: Write,
) -> None:
    owner = build_owner_config()
    config = write_config(merge_as_operator(owner, read_object(), strategy="None"))
    page = ALERTS["AgentSREUnavailable"]
    prefix = "prometheus/slo-routing"
    assert find_receivers(config, page) == [f"{prefix}/slo-page", "pagerduty", ACTS]

    said = re.search(r"^#   (\S+)$", (BUILT / "alertmanagerconfig.yaml").read_text(), re.MULTILINE)
    assert said
    for route in owner["route"]["routes"]:
        route["matchers"] = [*route.get("matchers", []), said.group(1)]
    config = write_config(merge_as_operator(owner, read_object(), strategy="None"))
    for labels in ALERTS.values():
        assert find_receivers(config, labels) == [f"{prefix}/{get_role(labels)}"]
    assert find_receivers(config, {"alertname": "Other"}) == [ACTS]


def test_a_root_receiver_hears_of_nothing_that_the_operators_route_took(
    write_config: Write,
) -> None:
    owner = build_owner_config(root=ACTS)
    owner["route"]["routes"] = []
    config = write_config(merge_as_operator(owner, read_object(), strategy="None"))
    assert find_receivers(config, ALERTS["AgentSREUnavailable"]) == [
        "prometheus/slo-routing/slo-page"
    ]
    assert find_receivers(config, {"alertname": "Other"}) == [ACTS]


def test_the_operators_usual_strategy_takes_alerts_of_the_namespace_alone(
    write_config: Write,
) -> None:
    config = write_config(
        merge_as_operator(build_owner_config(), read_object(), strategy="OnNamespace")
    )
    page = ALERTS["AgentSREUnavailable"]
    assert find_receivers(config, page) == ["pagerduty", ACTS]
    inside = {**page, "namespace": "prometheus"}
    assert find_receivers(config, inside) == ["prometheus/slo-routing/slo-page", "pagerduty", ACTS]


def test_the_kustomization_names_what_is_there() -> None:
    read = yaml.safe_load((BUILT / "kustomization.yaml").read_text())
    (generated,) = read["configMapGenerator"]
    for name in (*read["resources"], *generated["files"]):
        assert (BUILT / name).exists()


def test_amtool_renders_the_template() -> None:
    asked = '{{ template "slo.title" . }}|{{ template "slo.text" . }}'
    glob = f"--template.glob={BUILT / 'templates' / '*.tmpl'}"
    result = run_amtool("template", "render", glob, f"--template.text={asked}")
    assert result.returncode == 0, result.stderr
    assert "2 alerts" in result.stdout
