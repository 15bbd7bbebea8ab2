"""`slo-rules check` as a reviewer: what each check finds, and what it does not."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator import lint, review
from generator.defaults import Defaults
from generator.model import SLO, Facts
from generator.pipeline import Settings
from slos.schema.problem import Problem, Severity
from slos.schema.units import Duration
from tests.generator.command_line import call
from tests.generator.resolved import one_slo, planned
from tests.schema.specs import as_yaml, slo, spec
from tests.schema.test_plain_alerts import alert

PAGES = Path(__file__).parents[2] / "docs" / "checks"
RUNBOOKS = {"runbook_url_prefix": "https://runbooks.example"}


def events(error: str, total: str) -> dict[str, Any]:
    return {"events": {"error_query": error, "total_query": total}}


def found(document: object, **told: Any) -> list[Problem]:  # noqa: ANN401 - of Defaults
    defaults = Defaults(review=True, **told)
    return list(planned(document, settings=Settings(defaults=defaults)).problems)


def ids(document: object, **told: Any) -> set[str]:  # noqa: ANN401 - of Defaults
    return {problem.check for problem in found(document, **told)}


RAW = {
    "raw": {
        "error_ratio_query": "sum(rate(a_total[{{.window}}])) / sum(rate(b_total[{{.window}}]))"
    }
}
GROUPED = events(
    "sum by (pod) (rate(e_total[{{.window}}]))", "sum by (pod) (rate(t_total[{{.window}}]))"
)
UNEVEN = {
    "quick": {"error_budget_percent": 2, "short_window": "2m20s", "long_window": "1h"},
    "slow": {"error_budget_percent": 5, "short_window": "30m", "long_window": "6h"},
}
CASES: dict[str, dict[str, Any]] = {
    "uneven-window": spec(
        slo(alerting={"name": "A", "windows": {"page": UNEVEN, "ticket": UNEVEN}}), **RUNBOOKS
    ),
    "unreachable-burn-rate": spec(slo(objective=90), **RUNBOOKS),
    "short-window": spec(scrape_interval="5m", **RUNBOOKS),
    "odd-windows": spec(slo(period="1d", alerting={"name": "A", "windows": {
        "page": {
            "quick": {"error_budget_percent": 2, "short_window": "5m", "long_window": "1h"},
            "slow": {"error_budget_percent": 5, "short_window": "30m", "long_window": "6h"},
        },
        "ticket": {
            "quick": {"error_budget_percent": 10, "short_window": "2h", "long_window": "1d"},
            "slow": {"error_budget_percent": 10, "short_window": "6h", "long_window": "3d"},
        },
    }}), **RUNBOOKS),
    "remediation-loop": spec(
        slo(alerting={"name": "A", "annotations": {"lambda_function": "f"}}),
        service="agent-sre", **RUNBOOKS,
    ),
    "clashing-labels": spec(slo(sli=GROUPED, labels={"pod": "a"}), **RUNBOOKS),
    "reserved-labels": spec(slo(labels={"sloth_id": "x"}), **RUNBOOKS),
    "not-summable": spec(
        slo(sli=events("max(rate(a_total[{{.window}}]))", "max(rate(b_total[{{.window}}]))")),
        **RUNBOOKS,
    ),
    "slo-plugins": spec(slo(plugins={"chain": [{"id": "a/b/v1"}]}), **RUNBOOKS),
    "metric-names": spec(
        slo(sli=events("sum(rate(bad[{{.window}}]))", "sum(rate(all[{{.window}}]))")), **RUNBOOKS
    ),
    "empty-ratio": spec(slo(sli=RAW), **RUNBOOKS),
    "no-runbook": spec(),
    "duplicate-alert": spec(slo(), alerts=[alert(name="TooManyErrors")], **RUNBOOKS),
    "tight-objective": spec(slo(expected_events=100), **RUNBOOKS),
    "many-groups": spec(slo(sli=GROUPED), **RUNBOOKS),
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A Prometheus that says the same of everything."""

    facts: Facts

    def of_slo(self, _: SLO) -> Facts:
        return self.facts

    def of_query(self, _: str) -> Facts:
        return self.facts


@pytest.mark.parametrize("check", CASES)
def test_a_check_finds_what_it_is_for(check: str) -> None:
    assert check in ids(CASES[check])


def test_a_good_spec_has_no_findings() -> None:
    assert (
        found(spec(slo(expected_events=1_000_000), **RUNBOOKS), retention=Duration.of(days=90))
        == []
    )


def test_a_period_beyond_the_retention_is_found_where_it_is_known() -> None:
    document = spec(period="30d", **RUNBOOKS)
    assert ids(document, retention=Duration.of(days=7)) == {"beyond-retention"}
    assert ids(document, retention=Duration.of(days=30)) == set()
    assert ids(document) == set()


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
def test_a_live_prometheus_tells_more(facts: Facts, check: str) -> None:
    assert check in ids(spec(**RUNBOOKS), facts=Said(facts))


def test_a_live_prometheus_with_all_in_order_tells_nothing() -> None:
    series = dict.fromkeys(one_slo().signal.sources, 3)
    types = {"http_requests_total": "counter"}
    facts = Facts(types, series, samples=100, events=10_000_000)
    assert found(spec(**RUNBOOKS), facts=Said(facts)) == []


def test_plain_alerts_are_reviewed_too() -> None:
    assert ids(spec(alerts=[alert()])) >= {"no-runbook"}
    looping = alert(annotations={"lambda_function": "f", "runbook_url": "https://r"})
    problems = found(spec(service="agent-sre", alerts=[looping], **RUNBOOKS))
    assert [(p.check, p.severity) for p in problems] == [("remediation-loop", Severity.ERROR)]


def test_a_build_looks_only_at_what_its_rules_depend_on() -> None:
    assert not planned(spec()).problems


@pytest.mark.parametrize("place", ["spec", "slo"])
def test_a_warning_is_silenced_with_a_reason(place: str) -> None:
    silence = [{"check": "no-runbook", "reason": "known by heart"}]
    document = spec(slo(silence=silence)) if place == "slo" else spec(silence=silence)
    assert found(document) == []


def test_a_silence_needs_a_reason_and_a_check_that_exists() -> None:
    (problem,) = found(spec(slo(silence=[{"check": "no-runbok", "reason": "x"}]), **RUNBOOKS))
    assert "no check 'no-runbok'" in problem.message
    assert problem.hint == "did you mean 'no-runbook'?"
    (problem,) = found(spec(silence=[{"check": "nonsense", "reason": "x"}], **RUNBOOKS))
    assert problem.severity is Severity.ERROR
    (problem,) = found(spec(slo(silence=[{"check": "no-runbook"}]), **RUNBOOKS))
    assert "reason" in problem.message


def test_a_silence_that_silences_nothing_is_a_warning() -> None:
    silence = [{"check": "no-runbook", "reason": "x"}]
    assert ids(spec(slo(silence=silence), **RUNBOOKS)) == {"unused-silence"}


def test_an_error_cannot_be_silenced() -> None:
    silence = [{"check": "short-window", "reason": "x"}]
    assert "short-window" in ids(spec(slo(silence=silence), scrape_interval="5m", **RUNBOOKS))


def test_every_check_has_a_page_and_every_page_a_check() -> None:
    ids_told = {*lint.checks(), review.UNUSED}
    assert {page.stem for page in PAGES.glob("*.md")} == {*ids_told, "README"}
    for name in ids_told:
        assert (PAGES / f"{name}.md").read_text().startswith(f"# {name}\n")
        assert f"[{name}]({name}.md)" in (PAGES / "README.md").read_text()


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.yaml").write_bytes(as_yaml(spec(slo(objective=90), **RUNBOOKS)))
    return tmp_path / "a,b.yaml"


def test_text_shows_the_line_and_names_the_check(bad: Path) -> None:
    result = call("check", bad.name, "-o", "-")
    assert "[unreachable-burn-rate]" in result.stderr
    excerpt = re.search(r"^ +\d+ \| (.*)\n( +)\^$", result.stderr, re.MULTILINE)
    assert excerpt
    assert "objective: 90" in excerpt.group(1)


def test_github_gets_annotations(bad: Path) -> None:
    result = call("check", bad.name, "-o", "-", "--output", "github")
    line = result.stdout.splitlines()[0]
    assert line.startswith("::warning file=a%2Cb.yaml,line=")
    assert ",title=unreachable-burn-rate::the page condition" in line
    assert "100 %25 errors" in line


def test_sarif_has_a_result_with_its_rule_and_place(bad: Path) -> None:
    result = call("check", bad.name, "-o", "-", "--output", "sarif")
    document = json.loads(result.stdout)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    first = run["results"][0]
    assert first["ruleId"] == "unreachable-burn-rate"
    assert first["level"] == "warning"
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%2Cb.yaml"
    assert place["region"]["startLine"] > 1
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["unreachable-burn-rate"]


def test_drift_is_told_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(as_yaml(spec(**RUNBOOKS)))
    for output in ("github", "sarif", "json"):
        result = call("check", tmp_path / "a.yaml", "-o", tmp_path / "rules", "--output", output)
        assert result.exit_code == 1
        assert "prometheus/a.yaml" in result.stdout


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [("localhost:9090", 2, "http://"), ("http://127.0.0.1:1", 1, "cannot ask http://127.0.0.1:1")],
)
def test_a_prometheus_that_is_not_there_is_a_clear_error(
    bad: Path, url: str, code: int, said: str
) -> None:
    result = call("check", bad.name, "-o", "-", "--prometheus", url)
    assert result.exit_code == code
    assert said in result.stderr
