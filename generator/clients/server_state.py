"""State of a running Prometheus and Alertmanager, read through their APIs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from generator.clients.http_config import HTTPConfig
from generator.clients.json_api import APIError, expect_server, read_json
from generator.clients.prometheus import NO_SUCH_PATH, read_prometheus, read_retention
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
        alertmanagers: URLs of the Alertmanagers that it sends alerts to; None where it does not
            say, as VictoriaMetrics.
        firing: labels of the alerts that fire.
    """

    version: str
    retention: Duration | None
    external_labels: Labels
    groups: Mapping[str, Sequence[LiveRule]]
    targets: Sequence[LiveTarget]
    metrics: frozenset[str]
    alertmanagers: Sequence[str] | None
    firing: Sequence[Labels]


def read_prometheus_state(url: str, http_config: HTTPConfig | None = None) -> PrometheusState:
    """Read the state of a Prometheus.

    Args:
        url: base URL, with a path prefix if there is one.
        http_config: credentials, headers and TLS.

    Raises:
        APIError: a request fails.
    """

    def read(path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        return read_prometheus(url, path, http_config, **parameters)

    with expect_server(url, "a Prometheus"):
        config = _parse_yaml(url, read("status/config")["yaml"])
        groups: dict[str, list[LiveRule]] = {}
        for group in read("rules")["groups"]:
            groups.setdefault(group["name"], []).extend(map(_read_rule, group["rules"]))
        alerts = read("alerts")["alerts"]
        return PrometheusState(
            version=read("status/buildinfo").get("version", ""),
            retention=read_retention(url, http_config),
            external_labels=(config.get("global") or {}).get("external_labels") or {},
            groups=groups,
            targets=[
                LiveTarget(each["labels"], each["scrapeUrl"], each["health"], each["lastError"])
                for each in read("targets", state="active")["activeTargets"]
            ],
            metrics=frozenset(read("label/__name__/values")),
            alertmanagers=_read_alertmanagers(read),
            firing=[each["labels"] for each in alerts if each["state"] == "firing"],
        )


def _read_alertmanagers(read: Callable[[str], Any]) -> list[str] | None:
    try:
        return [each["url"] for each in read("alertmanagers")["activeAlertmanagers"]]
    except APIError as error:
        if error.status in NO_SUCH_PATH:
            return None
        raise


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


def read_alertmanager_state(url: str, http_config: HTTPConfig | None = None) -> AlertmanagerState:
    """Read the state of an Alertmanager.

    Args:
        url: base URL, with a path prefix if there is one.
        http_config: credentials, headers and TLS.

    Raises:
        APIError: a request fails, or it is not an Alertmanager.
    """

    def read(path: str) -> Any:  # noqa: ANN401 - JSON
        return read_json(url, f"api/v2/{path}", http_config)

    status = read("status")
    with expect_server(url, "an Alertmanager"):
        return AlertmanagerState(
            version=status["versionInfo"]["version"],
            config=_parse_yaml(url, status["config"]["original"]),
            alerts=[
                LiveAlert(
                    each["labels"], each["status"]["silencedBy"], each["status"]["inhibitedBy"]
                )
                for each in read("alerts")
            ],
            silences=[each for each in read("silences") if each["status"]["state"] == "active"],
        )


def _parse_yaml(url: str, text: str) -> Mapping[str, Any]:
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise APIError(f"cannot read the configuration of {url}: {error}") from error
    return document if isinstance(document, dict) else {}
