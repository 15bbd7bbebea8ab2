"""Duration and number of series of `/metrics`, with all probes, paths and remote observers."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.probes import load_probe_modules
from tests.benchmarks.probe.processes import ROOT, compute_quantile, real_time_priority, run_prober
from tests.benchmarks.report import render_table
from tests.benchmarks.targets import TargetResult

SERIES_AT_MOST = 2_000
"""With every probe that comes with the program, on every way, and every observer."""
_SECONDS_AT_MOST = 0.020
_CLOSED_PORT_URL = "http://127.0.0.1:9"
_REQUIRED_SETTINGS = {
    "remediation": "{paths: {direct: {}, broker: {},"
    " alertmanager: {interval: 10m, settle: 5m5s, timeout: 6m5s}}}"
}


@dataclass(frozen=True, slots=True)
class ScrapeResult:
    """Seconds of each, in order, and what the last gave."""

    seconds: Sequence[float]
    exposition: str


def build_full_config(folder: Path) -> str:
    """A configuration with all there is; whoever it names need not be there."""
    (folder / "linear.key").write_text("nobody asks for it")
    probes = "".join(
        f"  {name}: {_REQUIRED_SETTINGS.get(name, '{}')}\n" for name in sorted(load_probe_modules())
    )
    return f"""\
target: {{url: "{_CLOSED_PORT_URL}/"}}
canary: {{listen: "127.0.0.1:0"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite}}
specs: ["{ROOT / "slos" / "agent-sre.yaml"}"]
paths:
  broker: {{url: "{_CLOSED_PORT_URL}/broker"}}
  alertmanager: {{url: "{_CLOSED_PORT_URL}"}}
observers:
  linear: {{url: "{_CLOSED_PORT_URL}/graphql", key_file: linear.key}}
  tempo: {{url: "{_CLOSED_PORT_URL}"}}
prometheus: {{url: "{_CLOSED_PORT_URL}"}}
probes:
{probes}"""


def measure_scrapes(folder: Path, *, count: int) -> ScrapeResult:
    """Read the metrics of a real prober again and again, as Prometheus does."""
    text = build_full_config(folder)
    with (
        run_prober(folder, text, core=0) as running,
        requests.Session() as session,
        real_time_priority(),
    ):
        seconds = []
        for _ in range(count):
            started = time.perf_counter()
            text = session.get(f"{running.web}/metrics", timeout=30).text
            seconds.append(time.perf_counter() - started)
            time.sleep(0.02)
    return ScrapeResult(sorted(seconds), text)


def count_series(exposition: str) -> Counter[str]:
    """Series of each metric, buckets counted one by one."""
    return Counter(
        {family.name: len(family.samples) for family in text_string_to_metric_families(exposition)}
    )


def check_targets(result: ScrapeResult) -> list[TargetResult]:
    """Check the targets."""
    series = sum(count_series(result.exposition).values())
    at_p95 = compute_quantile(result.seconds, 0.95)
    return [
        TargetResult(
            f"/metrics, everything on: p95 under {_SECONDS_AT_MOST * 1000:.0f} ms",
            f"{at_p95 * 1000:.1f} ms",
            at_p95 < _SECONDS_AT_MOST,
        ),
        TargetResult(
            f"/metrics, everything on: at most {SERIES_AT_MOST:,} series",
            f"{series:,}",
            series <= SERIES_AT_MOST,
        ),
    ]


def render_scrapes(result: ScrapeResult) -> str:
    """Times, and the metrics with the most series."""
    times = (
        f"{1000 * result.seconds[0]:.1f}",
        f"{1000 * compute_quantile(result.seconds, 0.5):.1f}",
        f"{1000 * compute_quantile(result.seconds, 0.95):.1f}",
        f"{len(result.exposition) / 1000:.0f}",
    )
    largest = [
        (name, f"{count:,}") for name, count in count_series(result.exposition).most_common(8)
    ]
    return (
        render_table(("best (ms)", "p50 (ms)", "p95 (ms)", "kB"), [times])
        + "\n"
        + render_table(("metric", "series"), largest)
    )
