"""Spec texts of `slo-rules init`: one commented spec for each kind of service."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.text.yaml_writer import format_scalar
from slos.schema.units import format_decimal

FAILED_GRPC_CODES = "Unknown|Internal|Unavailable|DataLoss|DeadlineExceeded|Unimplemented"
"""Codes of gRPC that the server is responsible for."""


@dataclass(frozen=True, slots=True)
class ProposedSLO:
    """SLO of a new spec.

    Attributes:
        name: name of the SLO.
        description: the promise, as a sentence.
        objective: in percent.
        sli: lines of the SLI, without indentation.
        alert: name of the page.
        comments: lines above the SLO.
    """

    name: str
    description: str
    objective: Decimal
    sli: tuple[str, ...]
    alert: str
    comments: tuple[str, ...] = ()


def render_spec(service: str, slos: Sequence[ProposedSLO]) -> str:
    """Spec with comments that say what to set."""
    lines = [
        "# Service level objectives. docs/specs.md of slo-rules describes every key.",
        "version: prometheus/v1",
        f"service: {service}",
        "# Labels of recorded series and alerts, for example for the routing of Alertmanager.",
        "labels: {owner: my-team}",
        "# The error budget holds for this period. It must not exceed the retention of Prometheus.",
        "period: 7d",
        "scrape_interval: 30s",
        "slos:",
    ]
    for slo in slos:
        lines += (f"  # {comment}" for comment in slo.comments)
        lines += [
            f"  - name: {slo.name}",
            f"    description: {format_scalar(slo.description)}",
            f"    objective: {format_decimal(slo.objective)}",
            "    sli:",
            *(f"      {line}" for line in slo.sli),
            f"    alerting: {{name: {slo.alert}}}",
        ]
    return "\n".join(lines) + "\n"


def name_alert(service: str, suffix: str) -> str:
    """Name of an alert in the usual spelling, such as `ShopRequestsFailing`."""
    words = "".join(each if each.isalnum() else " " for each in service).split()
    return "".join(word[:1].upper() + word[1:] for word in words) + suffix


def write_events(errors: str, total: str) -> tuple[str, ...]:
    """SLI that counts bad events."""
    return (
        "events:",
        f"  error_query: sum(rate({errors}[{{{{.window}}}}]))",
        f"  total_query: sum(rate({total}[{{{{.window}}}}]))",
    )


def write_latency(metric: str, threshold: str, selector: str) -> tuple[str, ...]:
    """SLI that counts observations of a histogram above a threshold."""
    return (f"latency: {{metric: {metric}, threshold: {threshold}, selector: '{selector}'}}",)


def _propose_availability(service: str) -> ProposedSLO:
    selector = f'job="{service}"'
    return ProposedSLO(
        "availability",
        "Requests do not fail.",
        Decimal("99.9"),
        write_events(
            f'http_requests_total{{{selector},code=~"5.."}}', f"http_requests_total{{{selector}}}"
        ),
        name_alert(service, "RequestsFailing"),
        (
            "Share of requests that may fail: 0.1 % of a period. Set the metric, the job and the",
            "label of the status code of your service.",
        ),
    )


def _propose_latency(service: str) -> ProposedSLO:
    return ProposedSLO(
        "latency",
        "99 % of the requests are answered within 500 milliseconds.",
        Decimal(99),
        write_latency("http_request_duration_seconds", "500ms", f'job="{service}"'),
        name_alert(service, "RequestsSlow"),
        ("The histogram needs a bucket at the threshold.",),
    )


def _propose_http(service: str) -> list[ProposedSLO]:
    return [_propose_availability(service), _propose_latency(service)]


def _propose_grpc(service: str) -> list[ProposedSLO]:
    selector = f'job="{service}"'
    failed = f'grpc_code=~"{FAILED_GRPC_CODES}"'
    return [
        ProposedSLO(
            "availability",
            "Calls do not fail because of the server.",
            Decimal("99.9"),
            write_events(
                f"grpc_server_handled_total{{{selector},{failed}}}",
                f"grpc_server_handled_total{{{selector}}}",
            ),
            name_alert(service, "CallsFailing"),
            ("Codes that the server is responsible for; the others are errors of the client.",),
        )
    ]


def _propose_batch(service: str) -> list[ProposedSLO]:
    metric = f"{re.sub('[^A-Za-z0-9_]', '_', service)}_last_success_timestamp_seconds"
    return [
        ProposedSLO(
            "freshness",
            "The last success of the job is at most a day old.",
            Decimal(99),
            (
                "threshold:",
                f"  query: time() - max({metric})",
                '  comparison: "<"',
                "  value: 86400",
            ),
            name_alert(service, "Overdue"),
            ("Minutes in which the comparison is false are bad. The value is in seconds.",),
        )
    ]


def _propose_probe(service: str) -> list[ProposedSLO]:
    return [
        ProposedSLO(
            "reachability",
            "The service answers the prober.",
            Decimal("99.5"),
            (f"gauge: {{metric: probe_success, selector: 'job=\"{service}\"'}}",),
            name_alert(service, "Unreachable"),
            ("Samples at 0 are bad, as of the blackbox exporter.",),
        )
    ]


def _propose_saturation(service: str) -> list[ProposedSLO]:
    selector = f'container="{service}"'
    usage = f"container_memory_working_set_bytes{{{selector}}}"
    limit = f'kube_pod_container_resource_limits{{{selector},resource="memory"}}'
    return [
        ProposedSLO(
            "memory",
            "The working set is below 90 % of the limit.",
            Decimal(99),
            (
                "threshold:",
                f"  query: max({usage} / on (namespace, pod, container) {limit})",
                '  comparison: "<"',
                "  value: 0.9",
            ),
            name_alert(service, "MemoryHigh"),
            ("Minutes in which the comparison is false are bad.",),
        )
    ]


KINDS: Mapping[str, Callable[[str], list[ProposedSLO]]] = {
    "http": _propose_http,
    "latency": lambda service: [_propose_latency(service)],
    "grpc": _propose_grpc,
    "batch": _propose_batch,
    "probe": _propose_probe,
    "saturation": _propose_saturation,
}
"""SLOs of a new spec by the kind of the service."""
