"""Proposal of SLOs from the metrics that a job exposes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from generator.scaffold.specs import (
    FAILED_GRPC_CODES,
    ProposedSLO,
    name_alert,
    write_events,
    write_latency,
)
from slos.schema.promql import quote_string
from slos.schema.units import format_decimal

_CODE_LABELS = ("code", "status", "status_code", "http_status", "response_code")
_FAILED_CODES = "5.."
_GRPC_LABEL = "grpc_code"
_FAILURE_WORDS = ("errors", "failures", "failed")
_OBJECTIVES = tuple(map(Decimal, ("99.99", "99.95", "99.9", "99.5", "99", "95", "90")))
_USUAL_OBJECTIVE = Decimal(99)
_FAST_SHARE = Decimal("0.99")


class JobMetrics(Protocol):
    """Metrics of a job in a Prometheus."""

    def list_labels(self, metric: str, /) -> Sequence[str]:
        """Labels of a metric."""
        ...

    def list_values(self, metric: str, label: str, /) -> Sequence[str]:
        """Values of a label of a metric."""
        ...

    def measure(self, query: str, /) -> Decimal | None:
        """Value of a query; None where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """Job whose metrics are looked at.

    Attributes:
        service: name of the service of the new spec.
        name: value of the label `job`.
        metrics: names of its metrics.
        source: labels and measurements.
        window: range of the measurements, such as `7d`.
    """

    service: str
    name: str
    metrics: Sequence[str]
    source: JobMetrics
    window: str

    @property
    def selector(self) -> str:
        """Matcher of the job."""
        return f"job={quote_string(self.name)}"


def propose_slos(job: Job) -> list[ProposedSLO]:
    """Propose SLOs, with the measured share of good events in their comments."""
    found = [*_propose_counters(job), *_propose_histograms(job), *_propose_gauges(job)]
    unique = {each.name: each for each in reversed(found)}
    return [*reversed(unique.values())]


def _propose_counters(job: Job) -> Iterator[ProposedSLO]:
    totals = [each for each in job.metrics if each.endswith("_total")]
    for metric in totals:
        labels = job.source.list_labels(metric)
        code = next((label for label in _CODE_LABELS if label in labels), None)
        codes = job.source.list_values(metric, code) if code else ()
        if code and any(each.isdecimal() and len(each) == len(_FAILED_CODES) for each in codes):
            yield _propose_events(job, metric, f'{code}=~"{_FAILED_CODES}"')
        elif _GRPC_LABEL in labels and "started" not in metric:
            yield _propose_events(job, metric, f'{_GRPC_LABEL}=~"{FAILED_GRPC_CODES}"')
        elif pair := _find_total(metric, totals):
            yield _propose_pair(job, metric, pair)


def _find_total(metric: str, totals: Sequence[str]) -> str | None:
    """Counter of all events that a counter of failures belongs to."""
    for word in _FAILURE_WORDS:
        stem, found, _ = metric.partition(f"_{word}_total")
        if found:
            names = (f"{stem}_total", f"{stem}s_total", f"{stem}_requests_total")
            return next((name for name in names if name in totals), None)
    return None


def _propose_events(job: Job, metric: str, failed: str) -> ProposedSLO:
    errors, total = f"{metric}{{{job.selector},{failed}}}", f"{metric}{{{job.selector}}}"
    return _build_event_slo(job, metric.removesuffix("_total"), errors, total)


def _propose_pair(job: Job, errors: str, total: str) -> ProposedSLO:
    name = total.removesuffix("_total")
    return _build_event_slo(job, name, f"{errors}{{{job.selector}}}", f"{total}{{{job.selector}}}")


def _build_event_slo(job: Job, name: str, errors: str, total: str) -> ProposedSLO:
    slo = ProposedSLO(
        _name_slo(name),
        f"Events of {name} do not fail.",
        _USUAL_OBJECTIVE,
        write_events(errors, total),
        name_alert(f"{job.service} {_name_slo(name)}", "Failing"),
    )
    window = job.window
    query = (
        f"1 - (sum(increase({errors}[{window}])) or vector(0)) / sum(increase({total}[{window}]))"
    )
    return _add_measured(slo, job.source.measure(query), window)


def _propose_histograms(job: Job) -> Iterator[ProposedSLO]:
    for buckets in job.metrics:
        metric = buckets.removesuffix("_bucket")
        if metric == buckets or not metric.endswith(("_seconds", "_milliseconds", "_ms")):
            continue
        bounds = job.source.list_values(buckets, "le")
        finite = sorted(Decimal(each) for each in bounds if each != "+Inf")
        measured = [(bound, _measure_share(job, metric, bound)) for bound in finite]
        threshold, share = next(
            ((bound, share) for bound, share in measured if share and share >= _FAST_SHARE),
            measured[-1] if measured else (None, None),
        )
        if threshold is None:
            continue
        unit = "s" if metric.endswith("_seconds") else "ms"
        text = f"{format_decimal(threshold)}{unit}"
        slo = ProposedSLO(
            _name_slo(metric.removesuffix("_seconds")),
            f"Observations of {metric} are at most {text}.",
            _USUAL_OBJECTIVE,
            write_latency(metric, format_decimal(threshold), job.selector),
            name_alert(f"{job.service} {_name_slo(metric.removesuffix('_seconds'))}", "Slow"),
            (f"The threshold is the lowest bucket that has 99 % of the observations: {text}.",),
        )
        yield _add_measured(slo, share, job.window)


def _measure_share(job: Job, metric: str, bound: Decimal) -> Decimal | None:
    """Share of the observations of a histogram that a bucket has."""
    text = format_decimal(bound)
    le = f'{job.selector},le=~"{text}|{text}\\\\.0"'
    window = job.window
    return job.source.measure(
        f"sum(increase({metric}_bucket{{{le}}}[{window}])) / "
        f"sum(increase({metric}_count{{{job.selector}}}[{window}]))"
    )


def _propose_gauges(job: Job) -> Iterator[ProposedSLO]:
    for metric in job.metrics:
        if metric.endswith("_last_success_timestamp_seconds"):
            name = metric.removesuffix("_last_success_timestamp_seconds")
            yield ProposedSLO(
                _name_slo(f"{name}-freshness"),
                f"The last success of {name} is at most a day old.",
                _USUAL_OBJECTIVE,
                (
                    "threshold:",
                    f"  query: time() - max({metric}{{{job.selector}}})",
                    '  comparison: "<"',
                    "  value: 86400",
                ),
                name_alert(f"{job.service} {name.replace('_', '-')}", "Overdue"),
                ("Set the age in seconds that is still good.",),
            )
    gauge = "probe_success" if "probe_success" in job.metrics else "up"
    if gauge in job.metrics:
        selector = f"{gauge}{{{job.selector}}}"
        slo = ProposedSLO(
            "reachability",
            f"{gauge} is 1.",
            _USUAL_OBJECTIVE,
            (f"gauge: {{metric: {gauge}, selector: '{job.selector}'}}",),
            name_alert(job.service, "Unreachable"),
        )
        measured = job.source.measure(f"avg(avg_over_time({selector}[{job.window}]))")
        yield _add_measured(slo, measured, job.window)


def _name_slo(metric: str) -> str:
    return metric.replace("_", "-").replace(":", "-").strip("-")


def _add_measured(slo: ProposedSLO, share: Decimal | None, window: str) -> ProposedSLO:
    """SLO with the measured share, and with an objective that it would have met."""
    if share is None:
        comment = f"No events in the last {window}; set the objective."
        return replace(slo, comments=(*slo.comments, comment))
    percent = (100 * share).quantize(Decimal("0.001"), ROUND_DOWN)
    kept = next((each for each in _OBJECTIVES if each <= percent), None)
    measured = f"Measured over the last {window}: {format_decimal(percent)} % good."
    if kept is None:
        comment = f"{measured} The objective was not met."
        return replace(slo, comments=(*slo.comments, comment))
    return replace(slo, objective=kept, comments=(*slo.comments, measured))
