"""Counts of native histograms on a real Prometheus 2, and on a 3 that PROMETHEUS_3 names.

The rules count the same events as were written, with a reset and an instance without traffic.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from generator.model import RecordingRule
from generator.pipeline import BuildSettings
from slos.schema.units import Duration
from tests.benchmarks.tsdb import find_tool
from tests.e2e.remote_write import NativeHistogram, run_receiver, write_series
from tests.generator.spec_pipeline import build_plans, build_rules
from tests.schema.specs import build_slo, build_spec

SCRAPE, SCRAPES = 30_000, 160
METRIC = "http_server_duration_seconds"
# Observations of each scrape below and above the threshold, and the resolution, by instance.
FAST, SLOW = 0.1, 0.7
INSTANCES = {"busy": (90, 10, 3), "coarse": (30, 3, 0), "idle": (0, 0, 3)}
UTF8_LABELS = {"__name__": "http.server.duration", "http.route": "/cart"}
RESTART = 140  # scrape before which the busy instance restarts

RATE = f"rate({METRIC}[{{{{.window}}}}])"
COUNT, WITHIN = f"histogram_count({RATE})", f"histogram_fraction(0, 0.5, {RATE})"
SLIS: dict[str, dict[str, Any]] = {
    "latency": {"latency": {"metric": METRIC, "threshold": "500ms", "native": True}},
    "errors": {
        "events": {
            "error_query": f"sum({COUNT}) - sum({WITHIN} * {COUNT})",
            "total_query": f"sum({COUNT})",
        }
    },
    "share of errors": {
        "events": {
            "error_query": f"sum((1 - {WITHIN}) * {COUNT})",
            "total_query": f"sum({COUNT})",
        }
    },
    "good events": {
        "good_events": {
            "good_query": f"sum({COUNT} * {WITHIN})",
            "total_query": f"sum({COUNT})",
        }
    },
}


def list_binaries() -> list[Path]:
    return [find_tool("prometheus"), *map(Path, filter(None, [os.environ.get("PROMETHEUS_3")]))]


@pytest.fixture(scope="module")
def end() -> int:
    """Return the time of the last scrape, on a border of coarse steps."""
    return int(time.time()) // 3600 * 3_600_000


@pytest.fixture(scope="module", params=list_binaries())
def prometheus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, end: int
) -> Iterator[str]:
    """Run a Prometheus of each version with the same histograms; yields its address."""
    with run_receiver(request.param, tmp_path_factory.mktemp("native")) as url:
        series = [build_series(name, end, {"__name__": METRIC}) for name in INSTANCES]
        utf8 = [build_series(name, end, UTF8_LABELS) for name in INSTANCES]
        write_series(url, [*series, *utf8])
        yield url


def build_series(
    instance: str, end: int, names: dict[str, str]
) -> tuple[dict[str, str], list[NativeHistogram]]:
    fast, slow, schema = INSTANCES[instance]
    labels = {**names, "job": "shop", "instance": instance}
    restart = RESTART if instance == "busy" else 0
    histograms = []
    for number in range(SCRAPES):
        scrapes = number - (restart if number >= restart else 0) + 1
        # An idle instance served requests once, long ago.
        counts = {FAST: fast * scrapes or 50, SLOW: slow * scrapes or 50}
        at = end - (SCRAPES - 1 - number) * SCRAPE
        histograms.append(NativeHistogram(at, schema, counts))
    return labels, histograms


def query(url: str, expr: str, at: int) -> dict[str, float]:
    """Evaluate an expression; the values by instance."""
    response = requests.post(
        f"{url}/api/v1/query", data={"query": expr, "time": at / 1000}, timeout=30
    )
    document = response.json()
    assert document["status"] == "success", document
    return {
        each["metric"].get("instance", ""): float(each["value"][1])
        for each in document["data"]["result"]
    }


def list_counts(sli: dict[str, Any], version: int = 2) -> list[tuple[str, str, float]]:
    """Total and errors of both tiers: series, expression, scrapes in a step."""
    document = build_spec(build_slo(sli=sli))
    (plan,) = build_plans(document, settings=BuildSettings(prometheus_version=version)).plans
    rules = [rule for group in plan.groups for rule in group.rules]
    return [
        (rule.record, rule.expr, Duration.parse(found[1]).ms / SCRAPE)
        for rule in rules
        if isinstance(rule, RecordingRule)
        and (found := re.fullmatch("slo:sli_(?:total|errors):sum(1m|10m)", rule.record))
    ]


@pytest.mark.parametrize("sli", SLIS.values(), ids=SLIS)
def test_both_tiers_count_the_observations_of_all_instances(
    prometheus: str, end: int, sli: dict[str, Any]
) -> None:
    totals = sum(fast + slow for fast, slow, _ in INSTANCES.values())
    errors = sum(slow for _, slow, _ in INSTANCES.values())
    counts = list_counts(sli)
    assert len(counts) == 4
    for record, expr, scrapes in counts:
        expected = (errors if "errors" in record else totals) * scrapes
        assert query(prometheus, expr, end) == {"": pytest.approx(expected)}, record


def test_a_group_without_traffic_is_no_missing_group(prometheus: str, end: int) -> None:
    sli = {"latency": {**SLIS["latency"]["latency"], "by": ["instance"]}}
    (_, total, scrapes), (_, errors, _), *_ = list_counts(sli)
    assert query(prometheus, total, end) == {
        name: pytest.approx((fast + slow) * scrapes) for name, (fast, slow, _) in INSTANCES.items()
    }
    # The errors of the others are zero by the recorded total, which is not here.
    assert query(prometheus, errors, end) == {
        name: pytest.approx(slow * scrapes) for name, (_, slow, _) in INSTANCES.items() if slow
    }


@pytest.mark.parametrize("sli", SLIS.values(), ids=SLIS)
def test_every_rule_can_be_evaluated(prometheus: str, end: int, sli: dict[str, Any]) -> None:
    for rule in build_rules(build_spec(build_slo(sli=sli))):
        query(prometheus, rule.expr, end)


def test_quantiles_are_those_of_all_observations(prometheus: str, end: int) -> None:
    quantiles = {
        rule.labels["quantile"]: rule.expr
        for rule in build_rules(build_spec(build_slo(sli=SLIS["latency"])))
        if isinstance(rule, RecordingRule) and "quantile" in rule.record
    }
    (median,) = query(prometheus, quantiles["0.5"], end).values()
    (highest,) = query(prometheus, quantiles["0.99"], end).values()
    assert FAST / 2 < median < FAST * 2
    assert 0.5 < highest <= 1


def test_names_that_need_quotes_are_counted_as_well(prometheus: str, end: int) -> None:
    """Prometheus 2 has the metric by a matcher of its name, Prometheus 3 has all names."""
    build_info = requests.get(f"{prometheus}/api/v1/status/buildinfo", timeout=30).json()
    version = int(build_info["data"]["version"].partition(".")[0])
    keys = {"selector": '"http.route"=~"/c.*"', "by": ["http.route"], "native": True}
    sli = {"latency": {"metric": "http.server.duration", "threshold": "500ms", **keys}}
    if version == 2:
        rate = 'rate({__name__="http.server.duration"}[{{.window}}])'
        count = f"histogram_count({rate})"
        share = f"histogram_fraction(0.5, +Inf, {rate})"
        sli = {
            "events": {
                "error_query": f"sum({share} * {count})",
                "total_query": f"sum({count})",
            }
        }
    total = sum(fast + slow for fast, slow, _ in INSTANCES.values())
    errors = sum(slow for _, slow, _ in INSTANCES.values())
    for record, expr, scrapes in list_counts(sli, version):
        expected = (errors if "errors" in record else total) * scrapes
        assert query(prometheus, expr, end) == {"": pytest.approx(expected)}
