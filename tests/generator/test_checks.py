"""Checks of `slo-rules check` that ask a Prometheus, and the page that each check has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator import lint
from generator.lint import _run
from generator.model import SLO, Facts
from generator.pipeline import Settings
from generator.settings import Defaults
from slos.schema.problem import Problem
from tests.generator.resolved import one_slo, planned
from tests.schema.specs import slo, spec
from tests.schema.test_plain_alerts import RECORDING, alert

PAGES = Path(__file__).parents[2] / "docs" / "checks"
RUNBOOKS = {"runbook_url_prefix": "https://runbooks.example"}


@dataclass(frozen=True)
class SameFacts:
    """A Prometheus that says the same of everything."""

    facts: Facts

    def of_slo(self, _: SLO) -> Facts:
        return self.facts

    def of_query(self, _: str) -> Facts:
        return self.facts


class Exported:
    """A Prometheus with some metrics, each of one series."""

    def __init__(self, **types: str) -> None:
        self.types = types

    def of_slo(self, one: SLO) -> Facts:
        there = {each: 1 for each in one.signal.sources if each.partition("{")[0] in self.types}
        return Facts(self.types, there)

    def of_query(self, _: str) -> Facts:
        return Facts(self.types)


def find_problems(*documents: object, facts: SameFacts | Exported) -> list[Problem]:
    settings = Settings(defaults=Defaults(review=True, facts=facts))
    return list(planned(*documents, settings=settings).problems)


@pytest.mark.parametrize(
    ("facts", "check"),
    [
        (Facts(), "no-such-metric"),
        (Facts(metrics={"http_requests_total": 3}), "no-such-metric"),
        (Facts(types={"http_requests_total": "gauge"}), "not-a-counter"),
        (Facts(samples=2_000_000), "many-samples"),
        (Facts(series={"http_requests_total": 20_000}), "many-groups"),
        (Facts(events=500), "tight-objective"),
    ],
)
def test_a_prometheus_that_is_asked_shows_more(facts: Facts, check: str) -> None:
    found = find_problems(spec(**RUNBOOKS), facts=SameFacts(facts))
    assert check in {problem.check for problem in found}


def test_a_prometheus_with_all_in_order_shows_nothing() -> None:
    series = dict.fromkeys(one_slo().signal.sources, 3)
    types = {"http_requests_total": "counter"}
    facts = Facts(types, series, samples=100, events=10_000_000)
    assert find_problems(spec(**RUNBOOKS), facts=SameFacts(facts)) == []


def errors_of(metric: str) -> dict[str, Any]:
    error = f'sum(rate({metric}{{code="500"}}[{{{{.window}}}}]))'
    total = "sum(rate(hits_total[{{.window}}]))"
    return slo(sli={"events": {"error_query": error, "total_query": total}})


def test_a_typo_in_an_error_query_is_found_in_a_prometheus() -> None:
    live = Exported(hits_total="counter")
    assert find_problems(spec(errors_of("hits_total"), **RUNBOOKS), facts=live) == []
    (problem,) = find_problems(spec(errors_of("hist_total"), **RUNBOOKS), facts=live)
    assert problem.check == "no-such-metric"
    assert "no metric hist_total" in problem.message


@pytest.mark.parametrize(
    ("query", "checks"),
    [("up", []), ("upp", ["no-such-metric"]), ("rate(rooms_total[5m])", ["not-a-counter"])],
)
@pytest.mark.parametrize("key", ["alerts", "recordings"])
def test_queries_beside_slos_are_checked_in_a_prometheus(
    key: str, query: str, checks: list[str]
) -> None:
    live = Exported(http_requests_total="counter", up="gauge", rooms_total="gauge")
    entry = alert(query=query) if key == "alerts" else {**RECORDING, "query": query}
    found = find_problems(spec(**{key: [entry]}, **RUNBOOKS), facts=live)
    assert [problem.check for problem in found] == checks


def test_what_the_build_records_need_not_be_there_yet() -> None:
    live = Exported(http_requests_total="counter", cpu_used="gauge", cpu_limit="gauge")
    reads = spec(alerts=[alert(query="cpu:used:ratio")], service="other", slos=[], **RUNBOOKS)
    (missing,) = find_problems(reads, facts=live)
    assert missing.check == "no-such-metric"
    records = spec(recordings=[RECORDING], **RUNBOOKS)
    assert find_problems(reads, records, facts=live) == []
    budget = alert(query="max(slo:period_burn_rate:ratio)")
    assert find_problems(spec(alerts=[budget], **RUNBOOKS), facts=live) == []


def test_every_check_has_a_page_and_every_page_a_check() -> None:
    named = {*lint.checks(), _run.UNUSED}
    assert {page.stem for page in PAGES.glob("*.md")} == {*named, "README"}
    for name in named:
        assert (PAGES / f"{name}.md").read_text().startswith(f"# {name}\n")
        assert f"[{name}]({name}.md)" in (PAGES / "README.md").read_text()
