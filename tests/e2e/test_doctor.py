"""`slo-rules doctor` on a real Prometheus and Alertmanager, right and broken in many ways."""

import base64
import json
import re
import shutil
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result

from tests.e2e.alertmanager import AlertmanagerServer, run_alertmanager
from tests.e2e.engines import run_victoria
from tests.exporter.slo_probe import run_prometheus
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml
from tests.schema.test_standalone_alerts import build_alert
from tests.web.test_sources import serve_proxy

ROOT = Path(__file__).parents[2]
REQUESTS = 'sum(rate(prometheus_http_requests_total{code=~"CODE"}[{{.window}}]))'
SLO = build_slo(
    period="7d",
    sli={
        "events": {
            "error_query": REQUESTS.replace("CODE", "5.."),
            "total_query": REQUESTS.replace("CODE", ".+"),
        }
    },
)
DOWN = build_alert(name="ShopDown", query='up{job="shop"}', severity="critical")
HEARTBEAT = build_alert(
    name="ShopHeartbeat",
    query="vector(1)",
    severity="info",
    labels={"severity": "none"},
    above=0,
    below=None,
    quiet=None,
    firing=None,
    example=None,
    no_data="firing",
    heartbeat=True,
)
SPEC = build_spec(SLO, alerts=[DOWN, HEARTBEAT])

# As docs/alertmanager.md describes the cluster: the root receiver acts on alerts.
EVENTS = {"name": "prometheus-events", "webhook_configs": [{"url": "http://127.0.0.1:9/events"}]}
PAGER = {"name": "pager", "email_configs": [{"to": "a@b.example"}]}
BEAT = {"name": "beat", "webhook_configs": [{"url": "http://127.0.0.1:9/beat"}]}
BEATS = {"receiver": "beat", "matchers": ['alertname="ShopHeartbeat"'], "repeat_interval": "1m"}
OWN: dict[str, Any] = {"receiver": "pager", "matchers": ['sloth_service="shop"'], "routes": [BEATS]}
MAIL = {"smtp_smarthost": "127.0.0.1:9", "smtp_from": "c@d.example"}
RIGHT: dict[str, Any] = {
    "global": MAIL,
    "route": {"receiver": "prometheus-events", "routes": [OWN]},
    "receivers": [EVENTS, PAGER, BEAT],
    "inhibit_rules": [
        {
            "source_matchers": ["alertname=InfoInhibitor"],
            "target_matchers": ["severity=info"],
            "equal": ["namespace"],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Prometheus with built rules, and its Alertmanager."""

    prometheus: str
    alertmanager: AlertmanagerServer
    folder: Path

    def write_spec(self, spec: dict[str, Any]) -> Path:
        path = self.folder / "shop.yaml"
        path.write_bytes(dump_yaml(spec))
        return path

    def configure(self, config: dict[str, Any]) -> None:
        """Have Alertmanager read another configuration."""
        (self.folder / "alertmanager.yml").write_text(json.dumps(config))
        requests.post(f"{self.alertmanager.url}/-/reload", timeout=10).raise_for_status()

    def wait_for_heartbeat(self) -> None:
        self.alertmanager.child.wait_for(
            lambda: "ShopHeartbeat" in self.alertmanager.list_inhibited(alertname="ShopHeartbeat")
        )

    def examine(self, *args: str | Path, spec: dict[str, Any] = SPEC) -> Result:
        return run_slo_rules(
            "doctor", self.write_spec(spec), "--prometheus", self.prometheus,
            "--alertmanager", self.alertmanager.url, *args,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    spec, rules, config = folder / "shop.yaml", folder / "rules.yaml", folder / "alertmanager.yml"
    spec.write_bytes(dump_yaml(SPEC))
    built = run_slo_rules("build", spec, "-o", rules)
    assert built.exit_code == 0, built.output
    # The heartbeat fires at the first evaluation, which may come as late as the interval.
    rules.write_text(re.sub(r"interval: .*", "interval: 1s", rules.read_text()))
    config.write_text(json.dumps(RIGHT))
    with run_alertmanager(config, folder) as alertmanager:
        address = alertmanager.url.removeprefix("http://")
        sections = {
            "rule_files": [str(rules), str(ROOT / "rules" / "prometheus" / "*.yaml")],
            "global": {
                "scrape_interval": "1s",
                "evaluation_interval": "1s",
                "external_labels": {"cluster": "a"},
            },
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [address]}]}]},
        }
        with run_prometheus(folder, "shop", holds="ALERTS", sections=sections) as prometheus:
            yield Cluster(prometheus, alertmanager, folder)


@pytest.fixture(autouse=True)
def right_cluster(cluster: Cluster) -> None:
    """Every test begins with a cluster that is right."""
    cluster.configure(RIGHT)
    cluster.wait_for_heartbeat()


def list_results(result: Result) -> dict[str, str]:
    """Messages and hints of all checks that failed or warn."""
    return {
        each["check"]: f"{each['status']}: {each['message']}; {each['hint']}"
        for each in json.loads(result.stdout)["results"]
        if each["status"] != "ok"
    }


def test_a_cluster_where_all_is_right_passes(cluster: Cluster) -> None:
    result = cluster.examine("--remediation-receiver", "prometheus-events")
    assert result.exit_code == 0, result.output
    assert "0 failed, 0 warnings" in result.stderr
    assert "ShopHeartbeat reaches beat, repeated every 5m" in result.stdout


def test_routes_are_checked_before_any_rule_is_applied(cluster: Cluster) -> None:
    spec = cluster.write_spec(SPEC)
    command = (
        "doctor", spec, "--alertmanager", cluster.alertmanager.url,
        "--remediation-receiver", "prometheus-events",
    )  # fmt: skip
    result = run_slo_rules(*command)
    assert result.exit_code == 0, result.output
    assert "rules:" not in result.stdout
    cluster.configure(WITHOUT_OWN)
    result = run_slo_rules(*command)
    assert result.exit_code == 1
    assert "5 of 5 alerts reach prometheus-events" in result.stdout


def test_an_inhibitor_of_an_informational_alert_counts_as_one_of_ours(cluster: Cluster) -> None:
    inhibitor = {"matchers": ["alertname=InfoInhibitor"], "receiver": "prometheus-events"}
    config = {**RIGHT, "route": {**RIGHT["route"], "routes": [inhibitor, OWN]}}
    cluster.configure(config)
    note = build_alert(name="ShopNote", query="up", severity="info")
    spec = build_spec(SLO, alerts=[DOWN, HEARTBEAT, note])
    args = ("--remediation-receiver", "prometheus-events", "--json")
    results = list_results(cluster.examine(*args, spec=spec))
    assert "which acts on alerts: InfoInhibitor" in results["remediation-receivers"]


def test_a_doctor_without_a_server_is_an_error(tmp_path: Path) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_bytes(dump_yaml(SPEC))
    result = run_slo_rules("doctor", spec)
    assert result.exit_code == 2
    assert "add --prometheus URL, --alertmanager URL or both" in result.stderr


WITHOUT_OWN: dict[str, Any] = {**RIGHT, "route": {"receiver": "prometheus-events"}}
IN_NAMESPACE = {**OWN, "matchers": ['namespace="prometheus"', 'sloth_service="shop"']}
INHIBITED = [{"source_matchers": ["a=b"], "target_matchers": ['alertname="ShopHeartbeat"']}]
ANY_PAGE = [{"source_matchers": ["severity=critical"], "target_matchers": ["severity=warning"]}]
ANY_OTHER = [{"source_matchers": ["a=b"], "target_matchers": ["severity=critical"], "equal": []}]
WEEKDAYS = [{"name": "weekdays", "time_intervals": [{"weekdays": ["monday:friday"]}]}]
EVERY_DAY = [{"name": "all", "time_intervals": [{"weekdays": ["sunday:saturday"]}]}]


def route_own(**keys: object) -> dict[str, Any]:
    """The right configuration with other keys of the route of these alerts."""
    return {**RIGHT, "route": {**RIGHT["route"], "routes": [{**OWN, **keys}]}}


def route_beats(**keys: object) -> dict[str, Any]:
    """The right configuration with other keys of the route of the heartbeat."""
    return route_own(routes=[{**BEATS, **keys}])


def route_first(**keys: object) -> dict[str, Any]:
    """The right configuration with a route before those of these alerts."""
    first = {"receiver": "prometheus-events", **keys}
    return {**RIGHT, "route": {**RIGHT["route"], "routes": [first, OWN]}}


@pytest.mark.parametrize(
    ("config", "check", "seen"),
    [
        (WITHOUT_OWN, "remediation-receivers", "failed: 5 of 5 alerts reach prometheus-events"),
        (WITHOUT_OWN, "on-call-receivers", "failed: 4 of 4 alerts reach nobody"),
        (
            {**RIGHT, "route": {"receiver": "prometheus-events", "routes": [IN_NAMESPACE]}},
            "remediation-receivers",
            "by the route the root route",
        ),
        (
            {**RIGHT, "route": {**RIGHT["route"], "routes": [{**OWN, "continue": True}, {}]}},
            "remediation-receivers",
            "failed: 5 of 5 alerts",
        ),
        (
            {**RIGHT, "receivers": [EVENTS, {"name": "pager"}, BEAT]},
            "on-call-receivers",
            "the receiver pager notifies no one",
        ),
        (
            {**RIGHT, "receivers": [EVENTS, {**BEAT, "name": "pager"}, BEAT]},
            "on-call-receivers",
            "warning: 4 of 4 alerts reach only webhooks: pager; say with --on-call-receiver",
        ),
        (
            {
                **RIGHT,
                "time_intervals": WEEKDAYS,
                "route": {
                    "receiver": "prometheus-events",
                    "routes": [{**OWN, "active_time_intervals": ["weekdays"]}],
                },
            },
            "delivery-times",
            "failed: 2 pages not notified at all times",
        ),
        (
            {**RIGHT, "receivers": [EVENTS, PAGER, {"name": "beat"}]},
            "heartbeat",
            "ShopHeartbeat reaches the receiver beat, which sends nothing",
        ),
        (
            {**route_own(mute_time_intervals=["all"]), "time_intervals": EVERY_DAY},
            "delivery-times",
            "failed: 4 alerts not notified at any time in the next 31 days",
        ),
        (
            {**route_beats(active_time_intervals=["weekdays"]), "time_intervals": WEEKDAYS},
            "heartbeat",
            "failed: ShopHeartbeat is sent to beat at some times only; remove the time interval",
        ),
        (
            route_beats(repeat_interval="12h"),
            "heartbeat",
            "warning: ShopHeartbeat reaches beat every 12h only",
        ),
        (
            route_first(match={"sloth_service": "shop"}, match_re={"severity": "crit.*|none"}),
            "remediation-receivers",
            "failed: 3 of 5 alerts reach prometheus-events",
        ),
        (
            route_first(matchers=['severity=~"warn.+"'], **{"continue": True}),
            "remediation-receivers",
            "failed: 2 of 5 alerts reach prometheus-events",
        ),
        ({**RIGHT, "inhibit_rules": ANY_OTHER}, "inhibitions", "failed: 2 alerts muted"),
        ({**RIGHT, "inhibit_rules": INHIBITED}, "inhibitions", "failed: 1 alert muted"),
        ({**RIGHT, "inhibit_rules": ANY_PAGE}, "inhibitions", "warning: 2 alerts muted"),
        (
            {**RIGHT, "inhibit_rules": [{**ANY_PAGE[0], "equal": ["cluster"]}]},
            "inhibitions",
            "TooManyErrorsNoData is muted while an alert with severity=",
        ),
    ],
)
def test_a_broken_alertmanager_is_found(
    cluster: Cluster, config: dict[str, Any], check: str, seen: str
) -> None:
    cluster.configure(config)
    result = cluster.examine("--remediation-receiver", "prometheus-events", "--json")
    assert seen in list_results(result)[check], result.stdout
    assert result.exit_code == ("failed" in list_results(result)[check])


@pytest.mark.parametrize(
    ("spec", "check", "seen"),
    [
        (
            build_spec(SLO, alerts=[DOWN, HEARTBEAT, build_alert(name="New")]),
            "rules",
            "rule groups not loaded: slo-alert-New; apply them; a PrometheusRule is read only if",
        ),
        (
            build_spec({**SLO, "objective": 99}, alerts=[DOWN, HEARTBEAT]),
            "rules",
            "not of this build",
        ),
        (
            build_spec(SLO, alerts=[{**DOWN, "query": 'up{job="bank"}'}, HEARTBEAT]),
            "targets",
            "ShopDown reads; add its ServiceMonitor or scrape job; jobs of this Prometheus: shop",
        ),
        (
            build_spec(SLO, alerts=[{**DOWN, "query": "bank_up"}, HEARTBEAT]),
            "metrics",
            "rules read missing: bank_up (read by ShopDown)",
        ),
        (
            build_spec({**SLO, "period": "30d"}, alerts=[DOWN, HEARTBEAT]),
            "retention",
            "retention of 15d is shorter than the period of shop-requests (30d)",
        ),
        (
            build_spec(SLO, alerts=[DOWN, {**HEARTBEAT, "name": "NoBeat"}]),
            "heartbeat",
            "NoBeat does not fire",
        ),
    ],
)
def test_rules_that_the_cluster_does_not_have_are_found(
    cluster: Cluster, spec: dict[str, Any], check: str, seen: str
) -> None:
    result = cluster.examine("--remediation-receiver", "prometheus-events", "--json", spec=spec)
    assert result.exit_code == 1
    assert seen in list_results(result)[check], result.stdout


def test_the_rules_of_this_repository_are_those_that_prometheus_prints(cluster: Cluster) -> None:
    result = run_slo_rules("doctor", ROOT / "slos", "--prometheus", cluster.prometheus, "--json")
    results = list_results(result)
    assert "rules" not in results, results["rules"]
    assert "metrics that the rules read missing" in results["metrics"]


def test_without_a_named_acting_receiver_the_doctor_asks_for_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    settings = tmp_path / "slo-rules.yaml"
    settings.write_text("{}\n")
    result = cluster.examine("--config", settings)
    assert result.exit_code == 0, result.output
    assert "--remediation-receiver PATTERN" in result.stdout


def test_rules_and_targets_that_are_there_twice_are_found(cluster: Cluster, tmp_path: Path) -> None:
    copies = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for copy in copies:
        shutil.copy(cluster.folder / "rules.yaml", copy)
    targets = [{"targets": [cluster.prometheus.removeprefix("http://")]}]
    jobs = [{"job_name": job, "static_configs": targets} for job in ("shop", "shop-again")]
    sections = {"rule_files": [str(copy) for copy in copies], "scrape_configs": jobs}
    every = 'count(up) == 2 and on () ALERTS{alertname="ShopHeartbeat"}'
    with run_prometheus(tmp_path, "shop", holds=every, sections=sections) as prometheus:
        spec = cluster.write_spec(SPEC)
        results = list_results(run_slo_rules("doctor", spec, "--prometheus", prometheus, "--json"))
    assert "rule groups loaded more than once" in results["rules"], results
    assert "/metrics is scraped 2 times, by the jobs shop, shop-again" in results["targets"]


def test_the_retention_of_victoria_metrics_is_compared(cluster: Cluster, tmp_path: Path) -> None:
    spec = cluster.write_spec(SPEC)
    with run_victoria(tmp_path, retention="24h") as server:
        results = list_results(run_slo_rules("doctor", spec, "--prometheus", server.url, "--json"))
    assert (
        "retention of 1d is shorter than the period of shop-requests (1w)" in (results["retention"])
    )
    assert results["alertmanagers"].startswith("warning: the server does not say where")


def test_a_protected_alertmanager_is_read_with_its_credentials(
    cluster: Cluster, tmp_path: Path
) -> None:
    spec, config = cluster.write_spec(SPEC), tmp_path / "http.yaml"
    config.write_text("basic_auth: {username: reader, password: planted}\n")
    header = ("Authorization", f"Basic {base64.b64encode(b'reader:planted').decode()}")
    with serve_proxy(cluster.alertmanager.url, header=header) as url:
        command = ("doctor", spec, "--alertmanager", url)
        assert f"{url} returned 401" in run_slo_rules(*command).stderr
        result = run_slo_rules(*command, "--http-config", f"alertmanager={config}")
        assert "all of 4 alerts reach people" in result.stdout, result.output
        other = run_slo_rules(*command, "--http-config", f"prometheus={config}")
        assert f"{url} returned 401" in other.stderr
        assert "planted" not in result.output + other.output


def test_a_silenced_heartbeat_is_found(cluster: Cluster) -> None:
    silence = cluster.alertmanager.add_silence(alertname="ShopHeartbeat")
    cluster.alertmanager.child.wait_for(lambda: "is muted by a silence" in cluster.examine().stdout)
    results = list_results(cluster.examine("--json"))
    assert results["silences"].startswith("warning: 1 alert silenced: ShopHeartbeat")
    cluster.alertmanager.remove_silence(silence)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{"status":"success","data":null}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{"status":"success","data":{}}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_an_odd_answer_is_an_error(tmp_path: Path, answer: bytes) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_bytes(dump_yaml(SPEC))
    with serve_bytes(answer) as url:
        for command in (("doctor", spec), ("check", spec, "-o", "-")):
            result = run_slo_rules(*command, "--prometheus", url)
            assert (result.exit_code, result.stdout) == (1, "")
            assert f"error: {url} is not a Prometheus" in result.stderr or (
                f"error: cannot query {url}: " in result.stderr
            )


@contextmanager
def serve_bytes(answer: bytes) -> Iterator[str]:
    """Serve the same bytes to every connection; yield the URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_is_neither_is_an_error(cluster: Cluster) -> None:
    spec = cluster.write_spec(SPEC)
    result = run_slo_rules("doctor", spec, "--prometheus", cluster.alertmanager.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "returned 404" in result.stderr
