"""State of a running Prometheus and Alertmanager, read through their APIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from generator.clients.json_api import APIError, expect_server, read_json
from generator.clients.prometheus import read_prometheus, read_retention
from slos.schema.units import Duration

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LiveRule:
    """Rule that a Prometheus has loaded.

    Attributes:
        name: the alert or the recorded metric.
        query: expression as Prometheus prints it.
        labels: labels of the rule, `enforcedNamespaceLabel` included.
        for_seconds: `for` of an alert; 0 for a recording.
        error: last error of its evaluation; empty for none.
    """

    name: str
    query: str
    labels: Labels
    for_seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """Scrape target of a Prometheus."""

    labels: Labels
    url: str
    health: str
    error: str


@dataclass(frozen=True, slots=True)
class PrometheusState:
    """State of a Prometheus.

    Attributes:
        version: version of the program.
        retention: time for which samples are kept; None where only the size limits it.
        external_labels: labels that it adds to alerts.
        groups: loaded rules of each group, by the name of the group.
        targets: active scrape targets.
        metrics: names of all metrics that have samples.
        alertmanagers: URLs of the Alertmanagers that it sends alerts to.
        firing: labels of the alerts that fire.
    """

    version: str
    retention: Duration | None
    external_labels: Labels
    groups: Mapping[str, Sequence[LiveRule]]
    targets: Sequence[LiveTarget]
    metrics: frozenset[str]
    alertmanagers: Sequence[str]
    firing: Sequence[Labels]


def read_prometheus_state(url: str) -> PrometheusState:
    """Read the state of a Prometheus.

    Raises:
        APIError: a request fails.
    """
    with expect_server(url, "a Prometheus"):
        config = _parse_yaml(url, read_prometheus(url, "status/config")["yaml"])
        groups: dict[str, list[LiveRule]] = {}
        for group in read_prometheus(url, "rules")["groups"]:
            groups.setdefault(group["name"], []).extend(map(_read_rule, group["rules"]))
        alerts = read_prometheus(url, "alerts")["alerts"]
        return PrometheusState(
            version=read_prometheus(url, "status/buildinfo").get("version", ""),
            retention=read_retention(url),
            external_labels=(config.get("global") or {}).get("external_labels") or {},
            groups=groups,
            targets=[
                LiveTarget(each["labels"], each["scrapeUrl"], each["health"], each["lastError"])
                for each in read_prometheus(url, "targets", state="active")["activeTargets"]
            ],
            metrics=frozenset(read_prometheus(url, "label/__name__/values")),
            alertmanagers=[
                each["url"] for each in read_prometheus(url, "alertmanagers")["activeAlertmanagers"]
            ],
            firing=[each["labels"] for each in alerts if each["state"] == "firing"],
        )


def _read_rule(rule: Mapping[str, Any]) -> LiveRule:
    return LiveRule(
        name=rule["name"],
        query=rule["query"],
        labels=rule.get("labels") or {},
        for_seconds=float(rule.get("duration") or 0),
        error=rule.get("lastError") or "",
    )


@dataclass(frozen=True, slots=True)
class LiveAlert:
    """Alert that an Alertmanager holds.

    Attributes:
        silenced_by: ids of the silences that mute it.
        inhibited_by: fingerprints of the alerts that mute it.
    """

    labels: Labels
    silenced_by: Sequence[str]
    inhibited_by: Sequence[str]


@dataclass(frozen=True, slots=True)
class AlertmanagerState:
    """State of an Alertmanager.

    Attributes:
        version: version of the program.
        config: its configuration, with the defaults of Alertmanager.
        alerts: alerts that it holds.
        silences: active silences, each as matchers with `name`, `value`, `isRegex` and `isEqual`.
    """

    version: str
    config: Mapping[str, Any]
    alerts: Sequence[LiveAlert]
    silences: Sequence[Mapping[str, Any]]


def read_alertmanager_state(url: str) -> AlertmanagerState:
    """Read the state of an Alertmanager.

    Raises:
        APIError: a request fails, or it is not an Alertmanager.
    """
    status = read_json(url, "api/v2/status")
    with expect_server(url, "an Alertmanager"):
        return AlertmanagerState(
            version=status["versionInfo"]["version"],
            config=_parse_yaml(url, status["config"]["original"]),
            alerts=[
                LiveAlert(
                    each["labels"], each["status"]["silencedBy"], each["status"]["inhibitedBy"]
                )
                for each in read_json(url, "api/v2/alerts")
            ],
            silences=[
                each
                for each in read_json(url, "api/v2/silences")
                if each["status"]["state"] == "active"
            ],
        )


def _read_alert(alert: Mapping[str, Any]) -> LiveAlert:
    status = alert["status"]
    return LiveAlert(alert["labels"], status["silencedBy"], status["inhibitedBy"])


def _parse_yaml(url: str, text: str) -> Mapping[str, Any]:
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise APIError(f"cannot read the configuration of {url}: {error}") from error
    return document if isinstance(document, dict) else {}
