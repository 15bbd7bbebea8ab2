"""What checks find in the queries of alerts, recordings and odd SLIs, and between specs."""

from typing import Any

import pytest

from generator.defaults import Defaults
from generator.model import SLO, Facts
from generator.pipeline import Settings
from slos.schema.problem import Problem, Severity
from tests.generator.resolved import planned
from tests.schema.specs import slo, spec
from tests.schema.test_plain_alerts import RECORDING, alert

RUNBOOKS = {"runbook_url_prefix": "https://runbooks.example"}


class Exported:
    """A Prometheus with some metrics, each of one series."""

    def __init__(self, **types: str) -> None:
        self.types = types

    def of_slo(self, one: SLO) -> Facts:
        there = {each: 1 for each in one.signal.sources if each.partition("{")[0] in self.types}
        return Facts(self.types, there)

    def of_query(self, _: str) -> Facts:
        return Facts(self.types)


def found(*documents: object, **told: Any) -> list[Problem]:  # noqa: ANN401 - of Defaults
    settings = Settings(defaults=Defaults(review=True, **told))
    return list(planned(*documents, settings=settings).problems)


def ids(*documents: object, **told: Any) -> list[str]:  # noqa: ANN401 - of Defaults
    return [problem.check for problem in found(*documents, **told)]


def watched(query: str) -> dict[str, Any]:
    return spec(alerts=[alert(query=query)], **RUNBOOKS)


def recorded(query: str) -> dict[str, Any]:
    return spec(recordings=[{**RECORDING, "query": query}], **RUNBOOKS)


@pytest.mark.parametrize("document", [watched, recorded])
@pytest.mark.parametrize(
    ("query", "check"),
    [
        ("sum(rate(a_total[5s]))", "short-window"),
        ("max(deriv(a[59s]))", "short-window"),
        ("rate(plain_name[5m])", "metric-names"),
        ('up{__address__="a"}', "metric-names"),
        ("sum by (pod, user_id) (up)", "many-groups"),
    ],
)
def test_queries_beside_slos_are_looked_at(document: Any, query: str, check: str) -> None:  # noqa: ANN401 - a function
    assert ids(document(query)) == [check]


@pytest.mark.parametrize("query", ["sum(rate(a_total[1m]))", "sum by (pod) (up)", "up"])
def test_good_queries_beside_slos_have_no_findings(query: str) -> None:
    assert ids(watched(query)) == []
    assert ids(recorded(query)) == []


def test_a_range_of_a_threshold_sli_has_two_scrapes() -> None:
    sli = {"threshold": {"query": "max(rate(a_total[30s]))", "comparison": "<", "value": 1}}
    (problem,) = found(spec(slo(sli=sli), **RUNBOOKS))
    assert (problem.check, problem.severity) == ("short-window", Severity.ERROR)


A, B = "sum(rate(a_total[{{.window}}]))", "sum(rate(b_total[{{.window}}]))"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"{A} / {B}", ["empty-ratio"]),
        (f"1 - ({A} / {B})", ["empty-ratio"]),
        (f"clamp_max({A} / {B}, 1)", ["empty-ratio"]),
        (f"{A} / ({B} > 0)", []),
        (f"{A} / 60", []),
    ],
)
def test_a_ratio_is_found_wherever_in_a_query_it_is(query: str, expected: list[str]) -> None:
    assert ids(spec(slo(sli={"raw": {"error_ratio_query": query}}), **RUNBOOKS)) == expected


def test_a_ratio_under_a_threshold_is_found() -> None:
    sli = {"threshold": {"query": "a / b", "comparison": "<", "value": 1}}
    assert ids(spec(slo(sli=sli), **RUNBOOKS)) == ["empty-ratio"]


def named(name: str) -> dict[str, Any]:
    quiet = {"page_alert": {"disable": True}, "absent_alert": {"disable": True}}
    return slo(alerting={"name": name, **quiet})


def test_two_files_with_one_alert_name_are_found_in_the_second() -> None:
    first = spec(named("Ok"), service="a", **RUNBOOKS)
    second = spec(named("Ok"), service="b", **RUNBOOKS)
    (problem,) = found(first, second)
    assert problem.check == "duplicate-alert"
    assert problem.at.file == "1.yaml"
    assert "the SLO 'a-requests', at 0.yaml:" in problem.message
    silence = [{"check": "duplicate-alert", "reason": "one runbook for both"}]
    assert found(first, {**second, "silence": silence}) == []


@pytest.mark.parametrize("service", ["agent-sre", "slo-probe", "shop"])
def test_no_alert_of_any_service_starts_a_remediation(service: str) -> None:
    calls = {"annotations": {"lambda_function": "f"}}
    for document in (
        spec(slo(alerting={"name": "A", **calls}), service=service, **RUNBOOKS),
        spec(slo(alerting={"name": "A", "page_alert": calls}), service=service, **RUNBOOKS),
        spec(alerts=[alert(**calls)], service=service, **RUNBOOKS),
    ):
        (problem,) = found(document)
        assert (problem.check, problem.severity) == ("remediation-loop", Severity.ERROR)


def errors_of(metric: str) -> dict[str, Any]:
    error = f'sum(rate({metric}{{code="500"}}[{{{{.window}}}}]))'
    total = "sum(rate(hits_total[{{.window}}]))"
    return slo(sli={"events": {"error_query": error, "total_query": total}})


def test_a_typo_in_an_error_query_is_found_live() -> None:
    live = Exported(hits_total="counter")
    assert found(spec(errors_of("hits_total"), **RUNBOOKS), facts=live) == []
    (problem,) = found(spec(errors_of("hist_total"), **RUNBOOKS), facts=live)
    assert problem.check == "no-such-metric"
    assert "no metric hist_total" in problem.message


@pytest.mark.parametrize("document", [watched, recorded])
def test_queries_beside_slos_are_checked_live(document: Any) -> None:  # noqa: ANN401 - a function
    live = Exported(http_requests_total="counter", up="gauge", rooms_total="gauge")
    assert ids(document("up"), facts=live) == []
    assert ids(document("upp"), facts=live) == ["no-such-metric"]
    assert ids(document("rate(rooms_total[5m])"), facts=live) == ["not-a-counter"]


def test_what_the_build_records_need_not_be_there_yet() -> None:
    live = Exported(http_requests_total="counter", cpu_used="gauge", cpu_limit="gauge")
    reads = spec(alerts=[alert(query="cpu:used:ratio")], service="other", slos=[], **RUNBOOKS)
    (missing,) = found(reads, facts=live)
    assert missing.check == "no-such-metric"
    records = spec(recordings=[RECORDING], **RUNBOOKS)
    assert found(reads, records, facts=live) == []
    budget = alert(query="max(slo:period_burn_rate:ratio)")
    assert found(spec(alerts=[budget], **RUNBOOKS), facts=live) == []


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_blank_reason_silences_nothing(reason: str) -> None:
    (problem,) = found(spec(slo(silence=[{"check": "no-runbook", "reason": reason}]), **RUNBOOKS))
    assert problem.severity is Severity.ERROR
    assert "reason" in problem.message + problem.hint
