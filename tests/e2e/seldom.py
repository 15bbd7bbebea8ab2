"""What a short run cannot show, on a page to be scraped: names and labels are not made up here.

The prober's own classes export what needs days or faults, the contract names what scenarios
find, and the specs say what is recorded: their examples have its labels and a value.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from exporter.gauges import Gauges
from exporter.metrics import Line, Metrics
from slos.schema import contract
from slos.schema.contract import Route, Source, Stage
from slos.schema.parse import parse_specs

_LEAKS = ("leak_slope", "leak_slope_low", "leak_slope_high", "leak_samples", "leak_epoch_age")
# By the labels of each, see the alerts about them in slos/.
_SCENARIOS = (
    (contract.THROUGHPUT, {"scenario": "throughput", "stage": "cloudevent_processing"}, 120),
    (contract.THROUGHPUT, {"scenario": "stress", "stage": "end_to_end"}, 90),
    (contract.CONCURRENCY_COMPLETED, {"scenario": "stress", "level": "150"}, 0.9),
    (contract.SCALING_EFFICIENCY, {"scenario": "scalability", "level": "5"}, 0.8),
    (contract.BREAKING_POINT, {"scenario": "stress"}, 80),
    (contract.BREAKING_POINT_LEVEL, {"scenario": "stress"}, 150),
    (contract.SCENARIO_COMPLETED, {"scenario": "stress"}, 1_700_000_000),
    (contract.SCENARIO_RUNNING, {"scenario": "stress"}, 1),
)


@contextmanager
def served(specs: Path) -> Iterator[str]:
    """The address of the page while the body runs."""
    registry = CollectorRegistry()
    _of_the_prober(registry)
    _gauges(registry, [*_SCENARIOS, *_recorded(specs)])
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def probe(folder: Path, agent: str, canary: int, spec: Path) -> Path:
    """The configuration of a prober in a hurry."""
    quick = {"interval": "1s", "timeout": "900ms", "late_after": "500ms", "settle": "100ms"}
    settings = {
        "target": {"url": f"{agent}/"},
        "canary": {"listen": f"127.0.0.1:{canary}"},
        "web": {"listen": "127.0.0.1:0"},
        "journal": {"path": str(folder / "journal.sqlite")},
        "specs": [str(spec)],
        "probes": {"remediation": quick, "availability": {"interval": "1s", "timeout": "900ms"}},
    }
    path = folder / "slo-probe.yaml"
    path.write_text(json.dumps(settings))
    return path


def prometheus(folder: Path, targets: Sequence[str], rules: str) -> Path:
    """The configuration of a Prometheus that scrapes them every second."""
    (folder / "rules.yaml").write_text(rules)
    path = folder / "prometheus.yml"
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "slo-probe", "static_configs": [{"targets": targets}]}],
    }
    path.write_text(json.dumps(settings))
    return path


def _of_the_prober(registry: CollectorRegistry) -> None:
    gauges = Gauges(registry, version="seldom")
    for name in (*_LEAKS, "leak_verdict"):
        getattr(gauges, name).labels("working_set", "agent-sre-a").set(1)
    gauges.clock_skew.labels(Source.LINEAR).set(0.1)
    gauges.span_errors.labels("cloudevent.handle").inc()
    gauges.tls_expiry.labels(contract.SERVICE).set(2_000_000_000)
    gauges.start_at_zero(kinds=contract.Leavings, sources=Source)
    seen = {Stage.LINEAR_ISSUE_CREATION: [Source.LINEAR, Source.TEMPO]}
    line = Line("remediation", Route.DIRECT, seen, [])
    Metrics(registry, lines=[line], targets={})


def _recorded(specs: Path) -> Iterator[tuple[str, dict[str, str], float]]:
    for path in sorted(specs.glob("*.yaml")):
        located, _ = parse_specs(path.read_bytes(), path.name)
        for each in (found for spec in located for found in spec.spec.recordings):
            yield each.record, {**each.example_labels, **each.labels}, float(each.expect)


def _gauges(
    registry: CollectorRegistry, every: Sequence[tuple[str, dict[str, str], float]]
) -> None:
    known: dict[str, Gauge] = {}
    for name, labels, value in every:
        if name not in known:
            known[name] = Gauge(name, "Seldom.", sorted(labels), registry=registry)
        (known[name].labels(**labels) if labels else known[name]).set(value)
