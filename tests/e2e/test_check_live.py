"""`slo-rules check --prometheus` with a real Prometheus and scraped metrics."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from tests.exporter.slo_probe import run_prometheus
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import EVENTS, build_slo, build_spec, dump_yaml
from tests.schema.test_standalone_alerts import build_alert


@pytest.fixture(scope="module")
def service() -> Iterator[int]:
    """Serve metrics with valid and unusual values; return the port."""
    registry = CollectorRegistry()
    requests_total = Counter("http_requests", "Requests.", ["code"], registry=registry)
    for code in ("200", "404", "500"):
        requests_total.labels(code).inc()
    Histogram("wait_seconds", "Waits.", buckets=(0.5, 1.0), registry=registry).observe(0.1)
    Gauge("queue_total", "A gauge, whatever its name says.", registry=registry).set(3)
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def prometheus(service: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, twice = (
        tmp_path_factory.mktemp("live"),
        "min(count_over_time(http_requests_total[1m])) >= 2",
    )
    with run_prometheus(folder, "shop", f"127.0.0.1:{service}", holds=twice) as url:
        yield url


def check_document(folder: Path, url: str, document: dict[str, Any]) -> str:
    path = folder / "shop.yaml"
    path.write_bytes(dump_yaml(document))
    return run_slo_rules("check", path, "-o", "-", "--prometheus", url).stderr


def build_latency_slo(threshold: str) -> dict[str, Any]:
    return build_slo(sli={"latency": {"metric": "wait_seconds", "threshold": threshold}})


def build_rate_slo(metric: str) -> dict[str, Any]:
    query = f"sum(rate({metric}[{{{{.window}}}}]))"
    errors = query.replace("[", '{code="500"}[')
    return build_slo(sli={"events": {"error_query": errors, "total_query": query}})


def build_error_slo(metric: str) -> dict[str, Any]:
    """The total is in order, and so are the errors but for their metric."""
    one = build_rate_slo("http_requests_total")
    query = one["sli"]["events"]["error_query"].replace("http_requests_total", metric)
    one["sli"]["events"]["error_query"] = query
    return one


GOOD = {"runbook_url_prefix": "https://runbooks.example", "period": "7d"}


@pytest.mark.parametrize(
    "one", [build_slo(sli=EVENTS), build_latency_slo("500ms"), build_latency_slo("1s")]
)
def test_good_specs_have_no_findings(tmp_path: Path, prometheus: str, one: dict[str, Any]) -> None:
    assert "1 SLO" in check_document(tmp_path, prometheus, build_spec(one, **GOOD))
    assert "warning" not in check_document(tmp_path, prometheus, build_spec(one, **GOOD))


@pytest.mark.parametrize(
    ("one", "checks"),
    [
        (build_rate_slo("nobody_exports_this_total"), {"no-such-metric"}),
        (build_latency_slo("700ms"), {"missing-bucket"}),
        (build_rate_slo("queue_total"), {"not-a-counter", "no-such-label"}),
        (build_error_slo("http_request_total"), {"no-such-metric"}),
    ],
)
def test_live_findings(
    tmp_path: Path, prometheus: str, one: dict[str, Any], checks: set[str]
) -> None:
    told = check_document(tmp_path, prometheus, build_spec(one, **GOOD))
    found = {line.rpartition("[")[2] for line in told.splitlines() if ": warning: " in line}
    assert found == {f"{check}]" for check in checks}


def test_a_label_that_no_series_has_is_named_with_those_that_exist(
    tmp_path: Path, prometheus: str
) -> None:
    one = build_rate_slo("http_requests_total")
    events = one["sli"]["events"]
    events["error_query"] = events["error_query"].replace("code=", "status=")
    told = check_document(tmp_path, prometheus, build_spec(one, **GOOD))
    assert "no series of http_requests_total has the label 'status' [no-such-label]" in told
    assert "hint: labels: code, instance, job" in told
    events["error_query"] = events["error_query"].replace('status="500"', 'code="5xx"')
    told = check_document(tmp_path, prometheus, build_spec(one, **GOOD))
    assert 'no series of http_requests_total has code="5xx" [no-such-label]' in told
    assert "hint: values of 'code': 200, 404, 500" in told


def test_a_classic_histogram_read_as_a_native_one_is_told(tmp_path: Path, prometheus: str) -> None:
    slo = build_latency_slo("500ms")
    slo["sli"]["latency"]["native"] = True
    told = check_document(tmp_path, prometheus, build_spec(slo, **GOOD))
    assert "Prometheus has no series wait_seconds [no-such-metric]" in told
    assert "remove 'native' if the histogram is classic" in told


def test_the_retention_is_read_from_prometheus(tmp_path: Path, prometheus: str) -> None:
    told = check_document(tmp_path, prometheus, build_spec(**{**GOOD, "period": "30d"}))
    assert "longer than the retention of Prometheus, 15d" in told


def test_what_each_slo_reads_is_told(tmp_path: Path, prometheus: str) -> None:
    told = check_document(tmp_path, prometheus, build_spec(**GOOD))
    (line,) = [line for line in told.splitlines() if line.startswith("shop-requests: ")]
    assert "http_requests_total is a counter" in line
    assert "4 series, " in line  # three of the total, one of the errors
    path = tmp_path / "shop.yaml"
    result = run_slo_rules("check", path, "-o", "-", "--prometheus", prometheus, "--json")
    (facts,) = json.loads(result.stdout)["facts"]
    assert facts["slo"] == "shop-requests"
    assert facts["types"] == {"http_requests_total": "counter"}
    assert facts["series"]["http_requests_total"] == 3
    assert facts["samples"] > 0


def test_alerts_beside_slos_are_asked_about(tmp_path: Path, prometheus: str) -> None:
    plain = build_alert(query="min(nobody_exports_this)")
    told = check_document(tmp_path, prometheus, build_spec(alerts=[plain], **GOOD))
    assert "Prometheus has no metric nobody_exports_this [no-such-metric]" in told
    fine = build_alert(query='min(up{job="shop"})')
    assert "warning" not in check_document(tmp_path, prometheus, build_spec(alerts=[fine], **GOOD))
