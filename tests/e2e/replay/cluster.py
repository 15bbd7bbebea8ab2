"""Series of the cluster around agent-sre: its pod, its Deployment, and Prometheus."""

from collections.abc import Callable

from tests.e2e.replay.history import SCRAPE_INTERVAL, History

_CONTAINER = 'namespace="ai",pod="{pod}",container="user-container"'
_DEPLOYMENT = 'namespace="ai",deployment="agent-sre-00001-deployment"'
_MIB = 2**20

# Metric, labels, start and growth per second of a pod at rest.
_OF_A_POD = (
    ("container_cpu_usage_seconds_total", _CONTAINER, 0.0, 0.05),
    ("container_memory_working_set_bytes", _CONTAINER, 120.0 * _MIB, 0.0),
    ("container_network_receive_bytes_total", 'namespace="ai",pod="{pod}"', 0.0, 2000.0),
    ("container_network_transmit_bytes_total", 'namespace="ai",pod="{pod}"', 0.0, 2000.0),
    ("container_fs_reads_bytes_total", _CONTAINER, 0.0, 0.0),
    ("container_fs_writes_bytes_total", _CONTAINER, 0.0, 500.0),
    ("kube_pod_container_resource_limits", _CONTAINER + ',resource="cpu"', 1.0, 0.0),
    ("kube_pod_container_resource_limits", _CONTAINER + ',resource="memory"', 2048.0 * _MIB, 0.0),
    ("kube_pod_container_info", _CONTAINER, 1.0, 0.0),
    ("kube_pod_info", 'namespace="ai",pod="{pod}",node="a"', 1.0, 0.0),
    ("kube_pod_container_status_restarts_total", _CONTAINER, 0.0, 0.0),
)
_RULE_GROUP = 'rule_group="/etc/rules.yaml;slo-fine-agent-sre-availability"'


def add_cluster(
    history: History, scrapes: int, *, has_pod: Callable[[float], bool], first: int = 0
) -> None:
    """Add the series of the cluster to a history.

    Args:
        history: the history.
        scrapes: its length.
        has_pod: whether a pod of agent-sre is there at a time in seconds.
        first: the first scrape.
    """
    pod, started, was_there = 0, 0.0, False
    for number in range(first, scrapes):
        seconds = number * SCRAPE_INTERVAL
        is_there = has_pod(seconds)
        if is_there and not was_there:
            pod, started = pod + 1, seconds
        elif was_there and not is_there:
            history.end_series(number, f'pod="agent-sre-{pod}"')
        was_there = is_there
        if is_there:
            _add_pod(history, number, f"agent-sre-{pod}", started, seconds - started)
        for metric, value in (
            ("kube_deployment_spec_replicas", 1),
            ("kube_deployment_status_replicas_ready", int(is_there)),
        ):
            history.set_value(number, f"{metric}{{{_DEPLOYMENT}}}", str(value))
        for what in ("evaluation_failures_total", "group_iterations_missed_total"):
            history.set_value(number, f"prometheus_rule_{what}{{{_RULE_GROUP}}}", "0")


def _add_pod(history: History, number: int, pod: str, started: float, age: float) -> None:
    for metric, labels, start, growth in _OF_A_POD:
        series = f"{metric}{{{labels.format(pod=pod)}}}"
        history.set_value(number, series, f"{start + growth * age:.10g}")
    series = f'kube_pod_start_time{{namespace="ai",pod="{pod}"}}'
    history.set_value(number, series, f"{started:.10g}")
