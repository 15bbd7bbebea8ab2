"""`slo-rules status` with a real Prometheus that evaluates rules of both profiles."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry, Counter, Metric, start_http_server
from prometheus_client.registry import Collector

from generator.clients.http_config import Source
from tests.benchmarks.probe.processes import wait_until
from tests.docs_pages import list_blocks
from tests.e2e.test_doctor import serve_bytes
from tests.exporter.slo_probe import run_prometheus
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml
from tests.web.conftest import open_pages

# Of 100 requests at each scrape.
_FAILURES = {"a": 50, "b": 1}
_RATE = "(rate(shop_{}_total[{{{{.window}}}}]))"


def _build_window(short: str, long: str) -> dict[str, Any]:
    return {"error_budget_percent": 100, "short_window": short, "long_window": long}


# So short a period that its budget is known after a few seconds.
SPLIT = build_slo(
    objective=95,
    labels={"team": "web"},
    sli={
        "events": {
            "error_query": f"sum by (code) {_RATE.format('failures')}",
            "total_query": f"sum by (code) {_RATE.format('requests')}",
        }
    },
    alerting={
        "name": "ShopErrors",
        "windows": {
            "page": {"quick": _build_window("5s", "10s"), "slow": _build_window("10s", "20s")},
            "ticket": {"quick": _build_window("10s", "30s"), "slow": _build_window("20s", "40s")},
        },
    },
)
EXACT = build_spec(SPLIT, scrape_interval="1s", period="1m")
SLOTH = build_spec(
    build_slo(
        name="transfers",
        objective=99,
        labels={"team": "pay"},
        sli={
            "events": {
                "error_query": f"sum {_RATE.format('failures')}",
                "total_query": f"sum {_RATE.format('requests')}",
            }
        },
        alerting={"name": "BankErrors"},
    ),
    service="bank",
)
_READY = (
    '(count(slo:period_error_budget_remaining:ratio) == 3) and on () '
    '(count(slo:current_burn_rate:ratio) == 3) and on () '
    '(count(ALERTS{alertstate="firing", sloth_severity="page"}) == 2)'
)  # fmt: skip


class _Requests(Collector):
    """Counts the requests and failures of each code at each scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter("shop_requests", "Requests.", ["code"], registry=registry)
        self._failures = Counter("shop_failures", "Failures.", ["code"], registry=registry)
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        for code, failures in _FAILURES.items():
            self._requests.labels(code).inc(100)
            self._failures.labels(code).inc(failures)
        return ()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("status")
    rules = []
    for spec, profile in ((EXACT, "exact"), (SLOTH, "sloth")):
        path, out = folder / f"{profile}.yaml", folder / f"{profile}.rules.yaml"
        path.write_bytes(dump_yaml(spec))
        built = run_slo_rules("build", path, "-o", out, "--profile", profile)
        assert built.exit_code == 0, built.output
        rules.append(str(out))
    registry = CollectorRegistry()
    _Requests(registry)
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)
    target = f"127.0.0.1:{server.server_port}"
    try:
        with run_prometheus(
            folder, "shop", target, holds=_READY, sections={"rule_files": rules}
        ) as url:
            yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_slos(url: str, *args: str) -> list[dict[str, Any]]:
    result = run_slo_rules("status", "--prometheus", url, "--json", *args)
    assert result.exit_code == 0, result.output
    slos: list[dict[str, Any]] = json.loads(result.stdout)["slos"]
    return slos


def test_slos_of_both_profiles_have_budget_burn_rate_forecast_and_alerts(prometheus: str) -> None:
    found = {(each["id"], *each["group"].values()): each for each in read_slos(prometheus)}
    assert list(found)[2:] == [("shop-requests", "b")]
    bank, bad, good = (
        found["bank-transfers",], found["shop-requests", "a"], found["shop-requests", "b"],
    )  # fmt: skip
    # A quarter of the requests fails, of 1 %; half of group a, of 5 %; 1 % of group b.
    assert [each["burn"] for each in (bank, bad, good)] == pytest.approx([25.5, 10, 0.2], rel=0.01)
    assert bank["budget"] == pytest.approx(1 - 25.5, rel=0.01)
    assert bank["exhaustion"]["burn"] == pytest.approx({"1h": 25.5, "6h": 25.5}, rel=0.01)
    assert (bank["exhaustion"]["earliest"], bank["coverage"]) == (0, None)
    # The budget of a period of which only a part is recorded is spent in that part only.
    assert bad["budget"] == pytest.approx(1 - 10 * bad["coverage"], abs=0.01)
    assert good["budget"] == pytest.approx(1 - 0.2 * good["coverage"], abs=0.01)
    assert (good["exhaustion"]["earliest"], good["state"]) == ("+Inf", "ok")
    assert [bank["state"], bad["state"]] == ["page", "page"]
    assert {"name": "ShopErrors", "severity": "page"} in bad["alerts"]
    assert {"name": "BankErrors", "severity": "page"} in bank["alerts"]
    assert [each["labels"] for each in (bank, good)] == [{"team": "pay"}, {"team": "web"}]


@pytest.mark.parametrize(
    "args", [["bank-transfers"], ["--selector", 'team="pay"'], ["--selector", '{team!~"w.+"}']]
)
def test_selected_slos_have_the_same_values(prometheus: str, args: list[str]) -> None:
    (slo,) = read_slos(prometheus, *args)
    assert (slo["id"], slo["state"]) == ("bank-transfers", "page")
    assert set(slo["exhaustion"]["burn"]) == {"1h", "6h"}


def test_a_gate_stops_on_the_slo_that_burns_only(prometheus: str) -> None:
    gate = ("status", "--prometheus", prometheus, "--fail-if", "alerts > 0")
    result = run_slo_rules(*gate, "shop-requests")
    assert result.exit_code == 1
    assert 'alerts > 0 holds for shop-requests{code="a"}\n' in result.stderr


def test_the_gate_of_the_documented_workflow_stops_the_deployment(prometheus: str) -> None:
    (block,) = [each for each in list_blocks("yaml") if each.page.name == "status.md"]
    steps = yaml.safe_load(block.text)["jobs"]["deploy"]["steps"]
    (gate,) = [step["run"] for step in steps if "slo-rules status" in step["run"]]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", gate.replace("http://prometheus.example:9090", prometheus)],
        env={**os.environ, "PATH": path}, capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert 'alerts > 0 holds for shop-requests{code="a"}' in done.stderr


def read_charts(pages: str, slo: str) -> Any:  # noqa: ANN401 - JSON
    """Read the page of an SLO when its charts have a step in which its page fires.

    The ticket may fire one step before it.
    """

    def read() -> Any:  # noqa: ANN401 - JSON
        return requests.get(f"{pages}/api/v1/slo?id={slo}&range=1h", timeout=30).json()

    def list_severities() -> set[str]:
        return {each["severity"] for each in read()["episodes"]}

    assert wait_until(lambda: "page" in list_severities(), seconds=60, pause=1)
    return read()


def test_the_pages_show_the_same_slos_of_both_profiles(prometheus: str) -> None:
    with open_pages(Source("prometheus", prometheus)) as pages:
        document = requests.get(f"{pages}/api/v1/slos", timeout=30).json()
        bank, shop = (read_charts(pages, each) for each in ("bank-transfers", "shop-requests"))
    worst = {each["id"]: each for each in read_slos(prometheus)[::-1]}
    assert document["summary"]["problems"] == []
    assert [each["id"] for each in document["slos"]] == list(worst)[::-1]
    for slo in document["slos"]:
        for key in ("group", "state", "objective", "labels", "alerts"):
            assert slo[key] == worst[slo["id"]][key]
        assert slo["burn"] == pytest.approx(worst[slo["id"]]["burn"], rel=0.05)
    assert document["sources"][0]["monitoring"]["targets"] == 1
    # A quarter of the requests fails, of 1 %; half of group a, of 5 %.
    for page, burn in ((bank, 25.5), (shop, 10)):
        newest = [each["values"][-1] for each in page["charts"]["burn"]]
        assert max(value for value in newest if value is not None) == pytest.approx(burn, rel=0.05)
        assert {each["severity"] for each in page["episodes"]} >= {"page"}
        assert all(each["end"] is None for each in page["episodes"])
        assert page["problems"] == []
    good, bad = (each["values"] for each in shop["charts"]["events"])
    assert sum(filter(None, bad)) == pytest.approx(sum(filter(None, good)), rel=0.1)
    assert bank["charts"]["events"] == []


@pytest.mark.parametrize(
    "body",
    [
        "SSH-2.0-OpenSSH_9.6",
        '{"status":"success","data":{}}',
        '{"status":"success","data":{"result":[{"metric":{},"value":[0,"1"]}]}}',
        '{"status":"success","data":{"result":[{"metric":{"__name__":"up"},"value":0}]}}',
    ],
)
def test_an_odd_answer_is_an_error(body: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with serve_bytes(answer.encode()) as url:
        result = run_slo_rules("status", "--prometheus", url)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"error: {url} is not a Prometheus" in result.stderr or (
        f"error: cannot query {url}: " in result.stderr
    )
