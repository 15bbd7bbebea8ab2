"""Alerts about agent-sre in a real Alertmanager with the configuration of the cluster's owner.

Its root and its catch-all route send to prometheus-events, which hands alerts to agent-sre. The
table in docs/alertmanager.md says which routing keeps ours away; each of its rows is run here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any, TypeAlias

import pytest
import requests
import yaml

from tests.e2e.alertmanager import AlertmanagerServer, run_alertmanager, run_webhook_receiver
from tests.generator.amtool import BUILT, ROOT, merge_configs, read_expected_alerts, read_fragment
from tests.generator.prometheus_operator import merge_as_operator

Json = dict[str, Any]
Received: TypeAlias = Queue[tuple[str, Json]]
ACTS = "prometheus-events"
# One of each kind: routes match nothing but these labels. tests/generator/test_alert_routes.py asks
# amtool about every alert.
KINDS = ("severity", "sloth_severity", "sloth_service", "namespace")
ALERTS = list(
    {
        ("sloth_id" in labels, *map(labels.get, KINDS)): labels
        for labels in read_expected_alerts().values()
    }.values()
)
# kube-prometheus-stack fires one beside each informational alert, with the labels of that alert.
INHIBITORS = [
    {**labels, "alertname": "InfoInhibitor", "severity": "none"}
    for labels in ALERTS
    if labels["severity"] == "info"
]
FOREIGN = {"alertname": "Foreign", "severity": "warning", "namespace": "ai"}
MATCHER = re.search(r"^#   (\S+)$", (BUILT / "alertmanagerconfig.yaml").read_text(), re.MULTILINE)


def build_owner_config(*, matcher: str | None = None) -> Json:
    """The routes of the owner's HelmRelease; `matcher` is added to each of them."""
    added = {"matchers": [matcher]} if matcher else {}
    routes: list[Json] = [
        {"match": {"severity": "critical"}, "receiver": "pagerduty", "continue": True},
        {"receiver": ACTS, "continue": True},
    ]
    return {
        "route": {
            "group_by": ["alertname", "cluster", "service"],
            "receiver": ACTS,
            "repeat_interval": "12h",
            "routes": [{**route, **added} for route in routes],
        },
        "receivers": [{"name": name} for name in ("default", "pagerduty", ACTS)],
    }


def read_object() -> Json:
    config: Json = yaml.safe_load((BUILT / "alertmanagerconfig.yaml").read_text())
    return config


def build_config(routing: str, strategy: str, matcher: str | None) -> Json:
    owner = build_owner_config(matcher=matcher)
    match routing:
        case "none":
            return owner
        case "parts":
            return merge_configs(owner, read_fragment())
    return merge_as_operator(owner, read_object(), strategy=strategy)


@contextmanager
def run_owner_alertmanager(
    folder: Path, config: Json
) -> Iterator[tuple[AlertmanagerServer, Received]]:
    """Run it without waits, inhibitions and office hours: they only hide who would be notified."""
    with run_webhook_receiver() as (address, received):
        for receiver in config["receivers"]:
            url = f"{address}/{receiver['name'].rpartition('/')[2]}"
            receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
        _remove_waits(config["route"])
        path = folder / "alertmanager.yml"
        kept = {key: value for key, value in config.items() if key in ("route", "receivers")}
        path.write_text(yaml.safe_dump(kept))
        with run_alertmanager(path, folder) as alertmanager:
            yield alertmanager, received


def _remove_waits(route: Json) -> None:
    for key in ("active_time_intervals", "mute_time_intervals"):
        route.pop(key, None)
    route |= {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    for each in route.get("routes", []):
        _remove_waits(each)


def wait_for_notifications(
    received: Received, *, status: str, somewhere: set[str], acting: set[str]
) -> set[str]:
    """Wait until all alerts were notified somewhere, and some to what acts; all it was sent."""
    seen: set[str] = set()
    acted: set[str] = set()
    while not (seen >= somewhere and acted >= acting):
        receiver, message = received.get(timeout=30)
        found = {e["labels"]["alertname"] for e in message["alerts"] if e["status"] == status}
        seen |= found
        acted |= found if receiver == ACTS else set()
    return acted


def list_receivers(alertmanager: AlertmanagerServer) -> dict[str, set[str]]:
    """The receivers of every alert, as Alertmanager itself routes it."""
    answer = requests.get(f"{alertmanager.url}/api/v2/alerts", timeout=10)
    receivers: dict[str, set[str]] = {}
    for alert in answer.json():
        names = {each["name"] for each in alert["receivers"]}
        receivers.setdefault(alert["labels"]["alertname"], set()).update(names)
    return receivers


REACHING: Mapping[str, Callable[[Mapping[str, str]], bool]] = {
    "none": lambda _: False,
    "all alerts": lambda _: True,
    'all without `namespace="prometheus"`': lambda labels: labels.get("namespace") != "prometheus",
}


def read_rows() -> list[tuple[str, str, bool, str]]:
    """The rows of the table: routing, first strategy, whether a matcher is added, what reaches."""
    page = (ROOT / "docs" / "alertmanager.md").read_text()
    table = page.partition("| routing | matcher strategy |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")]
    rows = []
    for routing, strategies, matcher, reached in cells[2:]:
        kind = "object" if "Config" in routing else "parts" if "parts" in routing else "none"
        (strategy, *_) = [*re.findall(r"`(\w+)`", strategies), "OnNamespace"]
        rows.append((kind, strategy, matcher == "yes", reached))
    return rows


ROWS = read_rows()


def test_the_table_has_a_row_for_each_routing() -> None:
    assert [row[:3] for row in ROWS] == [
        ("none", "OnNamespace", False),
        ("parts", "OnNamespace", False),
        ("object", "OnNamespace", False),
        ("object", "OnNamespace", True),
        ("object", "None", False),
        ("object", "None", True),
    ]
    assert {row[3] for row in ROWS} == set(REACHING)


@pytest.mark.parametrize(("routing", "strategy", "matcher", "reached"), ROWS)
def test_who_is_reached_is_what_the_table_says(
    tmp_path: Path, routing: str, strategy: str, *, matcher: bool, reached: str
) -> None:
    assert MATCHER
    config = build_config(routing, strategy, MATCHER.group(1) if matcher else None)
    ours = [*ALERTS, *INHIBITORS]
    names = {labels["alertname"] for labels in ours}
    acting = {each["alertname"] for each in ours if REACHING[reached](each)} | {"Foreign"}
    with run_owner_alertmanager(tmp_path, config) as (alertmanager, received):
        for status in ("firing", "resolved"):
            alertmanager.post_alerts(*ours, FOREIGN, is_resolved=status == "resolved")
            acted = wait_for_notifications(
                received, status=status, somewhere=names | acting, acting=acting
            )
            assert acted == acting
            if status == "firing":
                routed = list_receivers(alertmanager)
                assert {name for name, each in routed.items() if ACTS in each} == acting
