"""The series of cAdvisor that rules and the leak probe read reach Prometheus."""

import re
from pathlib import Path
from typing import Any

from exporter.config.model import Config
from exporter.probes.leak import _CONTAINER_SELECTOR, _SIGNAL_METRICS
from tests.k8s.manifests import ROOT, Manifests

# Metrics that kube-prometheus-stack drops: cAdvisorMetricRelabelings in the values of the chart.
DROPPED = (
    r"container_cpu_(cfs_throttled_seconds|load_average_10s|system_seconds|user_seconds)(_total)?",
    r"container_fs_(io|reads_merged|sector_reads|sector_writes|writes_merged)_\w+",
    r"container_memory_(mapped_file|swap)",
    r"container_(file_descriptors|tasks_state|threads_max)",
    r"container_spec.*",
)
PODS = re.findall(r'(\w+)=~?"([^"]*)"', _CONTAINER_SELECTOR)


def is_dropped(metric: str) -> bool:
    return any(re.fullmatch(pattern, metric) for pattern in DROPPED)


def is_kept(overlay: Manifests, **labels: str) -> bool:
    """Return whether our own scrape keeps a series; patterns are anchored."""
    monitor = overlay.get_object("ServiceMonitor", "slo-probe-open-files")["spec"]
    (endpoint,) = monitor["endpoints"]
    (rule,) = endpoint["metricRelabelings"]
    assert rule["action"] == "keep"
    joined = ";".join(labels.get(name, "") for name in rule["sourceLabels"])
    return re.fullmatch(rule["regex"], joined) is not None


def test_the_stack_drops_no_series_that_a_rule_reads() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules" / "prometheus").glob("*.yaml"))
    metrics = set(re.findall(r"\bcontainer_\w+", rules)) - {"container_name"}
    assert any(metric.startswith("container_memory_") for metric in metrics)
    assert {metric for metric in metrics if is_dropped(metric)} == set()


def test_every_signal_of_the_leak_probe_has_a_series(overlay: Manifests) -> None:
    settings: Any = Config.model_validate(overlay.config)
    assert settings.probes.leak is not None
    for signal, metrics in _SIGNAL_METRICS.items():
        cadvisor = [each for each in metrics if each.startswith("container_")]
        arriving = [
            each
            for each in cadvisor
            if not is_dropped(each)
            or is_kept(overlay, __name__=each, namespace="ai", pod="agent-sre-00007-deployment-x")
        ]
        assert arriving, signal


def test_our_own_scrape_keeps_nothing_else(overlay: Manifests) -> None:
    agent = {"namespace": "ai", "pod": "agent-sre-00007-deployment-x"}
    metric = "container_file_descriptors"
    assert not is_kept(overlay, __name__="container_memory_rss", **agent)
    assert not is_kept(overlay, __name__=metric, namespace="ai", pod="shop-1")
    assert not is_kept(overlay, __name__=metric, namespace="prod", pod=agent["pod"])
    assert not is_kept(overlay, __name__=metric)
    assert dict(PODS)["namespace"] == "$namespace"
    assert overlay.config["prometheus"]["namespace"] == agent["namespace"]
    assert re.fullmatch(dict(PODS)["pod"], agent["pod"])


def test_our_own_scrape_is_not_one_of_the_prober_and_not_one_of_the_stack(
    overlay: Manifests,
) -> None:
    monitor = overlay.get_object("ServiceMonitor", "slo-probe-open-files")["spec"]
    (endpoint,) = monitor["endpoints"]
    (job,) = [
        each["replacement"] for each in endpoint["relabelings"] if each["targetLabel"] == "job"
    ]
    specs = "".join(path.read_text() for path in Path(ROOT / "slos").glob("*.yaml"))
    patterns = re.findall(r'\bup\{job=~?"([^"]+)"', specs)
    assert patterns
    assert not any(re.fullmatch(each, job) for each in patterns)
    assert job != "kubelet"
