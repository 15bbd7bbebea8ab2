"""SLOs that are proposed from the metrics of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath

import pytest

from generator.model import SpecFile
from generator.pipeline import BuildSettings, plan_build
from generator.scaffold.discovery import Job, propose_slos
from generator.scaffold.specs import ProposedSLO, render_spec


@dataclass
class Metrics:
    """Metrics with the values of their labels, and one measured value for all queries."""

    values: Mapping[str, Mapping[str, Sequence[str]]]
    measured: Decimal | None = Decimal("0.9987")
    queries: list[str] = field(default_factory=list)

    def list_labels(self, metric: str) -> Sequence[str]:
        return list(self.values[metric])

    def list_values(self, metric: str, label: str) -> Sequence[str]:
        return self.values[metric].get(label, [])

    def measure(self, query: str) -> Decimal | None:
        self.queries.append(query)
        return self.measured


def propose(
    values: Mapping[str, Mapping[str, Sequence[str]]],
    measured: Decimal | None = Decimal("0.9987"),
) -> list[ProposedSLO]:
    return propose_slos(Job("shop", "team/shop", list(values), Metrics(values, measured), "7d"))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"http_requests_total": {"code": ["200", "503"]}},
            'error_query: sum(rate(http_requests_total{job="team/shop",code=~"5.."}[{{.window}}]))',
        ),
        (
            {"web_hits_total": {"status": ["200"], "method": ["GET"]}},
            'error_query: sum(rate(web_hits_total{job="team/shop",status=~"5.."}[{{.window}}]))',
        ),
        (
            {"mail_total": {}, "mail_failures_total": {}},
            'error_query: sum(rate(mail_failures_total{job="team/shop"}[{{.window}}]))',
        ),
        (
            {"wait_seconds_bucket": {"le": ["0.5", "1", "+Inf"]}},
            "latency: {metric: wait_seconds, threshold: 0.5, selector: 'job=\"team/shop\"'}",
        ),
        (
            {"backup_last_success_timestamp_seconds": {}},
            'query: time() - max(backup_last_success_timestamp_seconds{job="team/shop"})',
        ),
        (
            {"probe_success": {}, "up": {}},
            "gauge: {metric: probe_success, selector: 'job=\"team/shop\"'}",
        ),
        ({"up": {}}, "gauge: {metric: up, selector: 'job=\"team/shop\"'}"),
    ],
)
def test_a_metric_of_a_known_form_is_proposed(
    values: Mapping[str, Mapping[str, Sequence[str]]], line: str
) -> None:
    (slo,) = propose(values)
    assert line in [each.strip() for each in slo.sli]
    spec = SpecFile("shop.yaml", PurePosixPath("shop.yaml"), render_spec("shop", [slo]).encode())
    assert not plan_build([spec], BuildSettings()).problems


@pytest.mark.parametrize(
    "values",
    [
        {"http_requests_total": {"code": ["ok", "failed"]}},
        {"mail_failures_total": {}},
        {"size_bytes_bucket": {"le": ["1", "+Inf"]}},
        {"temperature": {}},
    ],
)
def test_a_metric_of_another_form_is_left_out(
    values: Mapping[str, Mapping[str, Sequence[str]]],
) -> None:
    assert not propose(values)


@pytest.mark.parametrize(
    ("measured", "objective", "comment"),
    [
        (Decimal(1), "99.99", "Measured over the last 7d: 100 % good."),
        (Decimal("0.9987"), "99.5", "Measured over the last 7d: 99.87 % good."),
        (Decimal("0.9"), "90", "Measured over the last 7d: 90 % good."),
        (Decimal("0.5"), "99", "Measured over the last 7d: 50 % good. The objective was not met."),
        (None, "99", "No events in the last 7d; set the objective."),
    ],
)
def test_the_objective_is_the_highest_usual_one_that_was_met(
    measured: Decimal | None, objective: str, comment: str
) -> None:
    (slo,) = propose({"http_requests_total": {"code": ["200"]}}, measured)
    assert (str(slo.objective), slo.comments[-1]) == (objective, comment)


def test_a_threshold_is_the_lowest_bucket_with_nearly_all_observations() -> None:
    class Shares(Metrics):
        def measure(self, query: str) -> Decimal:
            return Decimal("0.4") if '"0.5|' in query else Decimal("0.995")

    metrics = Shares({"wait_seconds_bucket": {"le": ["1", "+Inf", "0.5", "2"]}})
    (slo,) = propose_slos(Job("shop", "shop", ["wait_seconds_bucket"], metrics, "7d"))
    assert "threshold: 1," in slo.sli[0]
    assert slo.objective == Decimal("99.5")
