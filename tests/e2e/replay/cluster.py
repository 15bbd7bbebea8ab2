"""Series of the cluster around agent-sre: its pods, its Deployment, and Prometheus."""

from collections.abc import Callable

from tests.e2e.replay.history import SCRAPE_INTERVAL, History

_POD = {"namespace": "ai"}
_CONTAINER = {**_POD, "container": "user-container"}
_DEPLOYMENT = {**_POD, "deployment": "agent-sre-00001-deployment"}
_RULE_GROUP = {"rule_group": "/etc/rules.yaml;slo-fine-agent-sre-availability"}
_MIB = 2**20

# Metric, labels, start and growth per second of a pod at rest.
_OF_A_POD = (
    ("container_cpu_usage_seconds_total", _CONTAINER, 0.0, 0.05),
    ("container_memory_working_set_bytes", _CONTAINER, 120.0 * _MIB, 0.0),
    ("container_network_receive_bytes_total", _POD, 0.0, 2000.0),
    ("container_network_transmit_bytes_total", _POD, 0.0, 2000.0),
    ("container_fs_reads_bytes_total", _CONTAINER, 0.0, 0.0),
    ("container_fs_writes_bytes_total", _CONTAINER, 0.0, 500.0),
    ("kube_pod_container_resource_limits", {**_CONTAINER, "resource": "cpu"}, 1.0, 0.0),
    (
        "kube_pod_container_resource_limits",
        {**_CONTAINER, "resource": "memory"},
        2048.0 * _MIB,
        0.0,
    ),
    ("kube_pod_container_info", _CONTAINER, 1.0, 0.0),
    ("kube_pod_info", {**_POD, "node": "a"}, 1.0, 0.0),
    ("kube_pod_container_status_restarts_total", _CONTAINER, 0.0, 0.0),
)


def add_cluster(history: History, scrapes: int, *, has_pod: Callable[[float], bool]) -> None:
    """Add the series of the cluster to a history.

    Args:
        history: the history.
        scrapes: its length.
        has_pod: whether agent-sre has its pod at a time in seconds; it is one, as the load of the
            probes never makes the autoscaler want another.
    """
    generation, started, was_there = 0, 0.0, False
    for number in range(scrapes):
        seconds = number * SCRAPE_INTERVAL
        is_there = has_pod(seconds)
        if is_there and not was_there:
            generation, started = generation + 1, seconds
        elif was_there and not is_there:
            history.end_series(number, ("pod", _name_pod(generation)))
        was_there = is_there
        if is_there:
            _add_pod(history, number, _name_pod(generation), started)
        for metric, replicas in (("spec_replicas", 1), ("status_replicas_ready", int(is_there))):
            history.set_value(number, f"kube_deployment_{metric}", _DEPLOYMENT, replicas)
        for what in ("evaluation_failures_total", "group_iterations_missed_total"):
            history.set_value(number, f"prometheus_rule_{what}", _RULE_GROUP, 0)


def _name_pod(generation: int) -> str:
    return f"agent-sre-{generation}-a"


def _add_pod(history: History, number: int, pod: str, started: float) -> None:
    age = number * SCRAPE_INTERVAL - started
    for metric, labels, start, growth in _OF_A_POD:
        history.set_value(number, metric, {**labels, "pod": pod}, start + growth * age)
    history.set_value(number, "kube_pod_start_time", {**_POD, "pod": pod}, started)
