"""`/metrics` with every probe, way and late observer on: how long it takes, how many series."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.probes import probe_modules
from tests.benchmarks.probe.programs import ROOT, ahead, prober, quantile
from tests.benchmarks.report import table
from tests.benchmarks.targets import Result

SERIES_AT_MOST = 2_000
"""With every probe that comes with the program, on every way, and every observer."""
_SECONDS_AT_MOST = 0.020
_NOBODY = "http://127.0.0.1:9"
_NEEDED = {"remediation": "{paths: {direct: {}, broker: {}, alertmanager: {}}}"}


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Seconds of each, in order, and what the last gave."""

    seconds: Sequence[float]
    exposed: str


def everything(folder: Path) -> str:
    """A configuration with all there is; whoever it names need not be there."""
    (folder / "linear.key").write_text("nobody asks for it")
    probes = "".join(f"  {name}: {_NEEDED.get(name, '{}')}\n" for name in sorted(probe_modules()))
    return f"""\
target: {{url: "{_NOBODY}/"}}
canary: {{listen: "127.0.0.1:0"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite}}
specs: ["{ROOT / "slos" / "agent-sre.yaml"}"]
paths:
  broker: {{url: "{_NOBODY}/broker"}}
  alertmanager: {{url: "{_NOBODY}"}}
observers:
  linear: {{url: "{_NOBODY}/graphql", key_file: linear.key}}
  tempo: {{url: "{_NOBODY}"}}
prometheus: {{url: "{_NOBODY}"}}
probes:
{probes}"""


def scrapes(folder: Path, *, count: int) -> Scrapes:
    """Read the metrics of a real prober again and again, as Prometheus does."""
    text = everything(folder)
    with prober(folder, text, core=0) as running, requests.Session() as session, ahead():
        seconds = []
        for _ in range(count):
            begun = time.perf_counter()
            text = session.get(f"{running.web}/metrics", timeout=30).text
            seconds.append(time.perf_counter() - begun)
            time.sleep(0.02)
    return Scrapes(sorted(seconds), text)


def families(exposed: str) -> Counter[str]:
    """Series of each metric, buckets counted one by one."""
    return Counter(
        {family.name: len(family.samples) for family in text_string_to_metric_families(exposed)}
    )


def results(found: Scrapes) -> list[Result]:
    """Which targets were reached."""
    series = sum(families(found.exposed).values())
    at_p95 = quantile(found.seconds, 0.95)
    return [
        Result(
            f"/metrics, everything on: p95 under {_SECONDS_AT_MOST * 1000:.0f} ms",
            f"{at_p95 * 1000:.1f} ms",
            at_p95 < _SECONDS_AT_MOST,
        ),
        Result(
            f"/metrics, everything on: at most {SERIES_AT_MOST:,} series",
            f"{series:,}",
            series <= SERIES_AT_MOST,
        ),
    ]


def of_scrapes(found: Scrapes) -> str:
    """Times, and the metrics with the most series."""
    times = (
        f"{1000 * found.seconds[0]:.1f}",
        f"{1000 * quantile(found.seconds, 0.5):.1f}",
        f"{1000 * quantile(found.seconds, 0.95):.1f}",
        f"{len(found.exposed) / 1000:.0f}",
    )
    most = [(name, f"{count:,}") for name, count in families(found.exposed).most_common(8)]
    return (
        table(("best (ms)", "p50 (ms)", "p95 (ms)", "kB"), [times])
        + "\n"
        + table(("metric", "series"), most)
    )
