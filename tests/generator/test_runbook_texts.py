"""Runbook pages of small specs: the text for each kind of alert, and escaping."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from generator import names
from generator.model import AlertingRule
from generator.pipeline import BuildSettings, render_folder
from generator.slo import burn_rate
from slos.schema import promql
from slos.schema.units import format_decimal
from tests.generator.markdown_page import parse_page
from tests.generator.spec_pipeline import build_plans, resolve_single_slo
from tests.generator.spec_strategies import specs
from tests.schema.specs import EVENTS, build_slo, build_spec, dump_quoted_yaml
from tests.schema.test_standalone_alerts import build_alert

HOSTILE = "| `x` ``` <!-- team notes: begin --> <b>&amp; {{ 7*7 }} {% endif %} [a](b) # $x$ *y* \\"


def render_pages(*documents: object, given: BuildSettings | None = None) -> dict[str, str]:
    plans = build_plans(*documents, settings=given)
    assert not plans.has_errors, plans.problems
    return {
        str(each.path): each.text
        for each in render_folder(plans.plans, "runbooks", given or BuildSettings())
    }


def test_the_numbers_are_those_of_the_arithmetic() -> None:
    one = resolve_single_slo(spec_changes={"period": "7d"}, objective=99.5)
    text = render_pages(build_spec(build_slo(objective=99.5), period="7d"))["too-many-errors.md"]
    (burn,) = [each for each in one.burn_alerts if each.severity == "page"]
    for condition in burn.conditions:
        above = format_decimal(100 * condition.factor * one.budget, 2)
        assert re.search(
            rf"more than {above} %[a-z ]* over {condition.long} and over {condition.short}[,;]",
            text,
        )
    delays = [
        burn_rate.compute_alert_delay(one, condition, burn_rate.ERROR_SHARES[0], None)
        for condition in burn.conditions
    ]
    assert f"A total failure fires it after {min(filter(None, delays))}." in text
    lasts = [
        burn_rate.compute_exhaustion_time(one, condition.factor) for condition in burn.conditions
    ]
    assert f"50m24s of total failure. At these rates it lasts {lasts[0]} or {lasts[1]}." in text


LATENCY = {"latency": {"metric": "request_duration_seconds", "threshold": "500ms"}}
THRESHOLD = {"threshold": {"query": "max by (zone) (usage)", "comparison": "<", "value": 0.8}}


@pytest.mark.parametrize(
    ("objective", "sli", "title", "query"),
    [
        (99, EVENTS, "Bad share over 5m in %", "100 \\* slo:sli_error:ratio_rate5m"),
        (99, THRESHOLD, "time is good while it is below 0.8", "max by \\(zone\\) \\(usage\\)"),
        (95, LATENCY, "P95 over 5m; the target is 0.5 s", 'slo:.*quantile="0.95"'),
        (
            99.9,
            LATENCY,
            "P99.9 over 5m; the target is 0.5 s",
            "histogram_quantile\\(0.999, .*\\[5m\\]",
        ),
    ],
)
def test_the_query_shows_what_the_objective_is_about(
    objective: float, sli: dict[str, Any], title: str, query: str
) -> None:
    document = build_spec(build_slo(objective=objective, sli=sli))
    text = render_pages(document)["too-many-errors.md"]
    assert title in text
    assert re.match(query, parse_page(text).queries[0])
    assert (", one series for each `zone` (" in text) is (sli is THRESHOLD)


def test_missing_recorded_data_is_looked_for_in_what_it_is_recorded_from() -> None:
    sli = {"threshold": {"query": 'max(used{of="cpu"})', "comparison": "<", "value": 0.8}}
    example = {"description": "d", "example": [{"series": "a", "is": 1}]}
    recordings = [
        {
            "record": "used",
            "labels": {"of": "cpu"},
            "query": "max(rate(busy[5m]))",
            **example,
        },
        {"record": "used", "labels": {"of": "memory"}, "query": "max(resident_bytes)", **example},
    ]
    document = build_spec(build_slo(sli=sli), recordings=recordings)
    page = parse_page(render_pages(document)["too-many-errors-no-data.md"])
    assert "count by (job, instance) (last_over_time(busy[1d]))" in page.queries
    assert not any("resident_bytes" in query for query in page.queries)
    # A value at a moment needs no second sample.
    assert not any("count_over_time" in query for query in page.queries)


def test_pages_of_another_service_hold_nothing_of_the_cluster_of_agent_sre() -> None:
    probes = [
        {"stage": "end_to_end", "below": "1m"},
        {"verdict": ["ok"]},
        {"criterion": "all"},
    ]
    slis = [EVENTS, LATENCY, THRESHOLD, *({"probe": probe} for probe in probes)]
    slos = [
        build_slo(name=f"slo{index}", sli=sli, alerting={"name": f"Alert{index}"})
        for index, sli in enumerate(slis)
    ]
    pages = render_pages(build_spec(*slos, alerts=[build_alert()]))
    assert len(pages) > len(slis) * 3
    for text in pages.values():
        assert not re.search("agent-sre|kubectl|Knative|Linkerd|Flux|namespace|homelab", text)


@pytest.mark.parametrize("name", ["README", "é", "x" * 400, "a/b", "..", "C:\\x", "a\nb"])
def test_a_page_has_a_name_that_any_file_system_takes(name: str) -> None:
    file = names.name_runbook_page(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,210}\.md", file)
    assert file != "readme.md"


def test_hostile_text_is_shown_and_means_nothing() -> None:
    document = build_spec(
        build_slo(
            description=HOSTILE,
            alerting={"name": HOSTILE, "runbook": {"impact": HOSTILE, "checks": [HOSTILE]}},
        ),
        alerts=[
            build_alert(summary=HOSTILE.replace("{", "("), description=HOSTILE.replace("{", "("))
        ],
        runbook={"access": [HOSTILE]},
    )
    for name, text in render_pages(document).items():
        found = parse_page(text)
        assert text.count("<!--") == (1 if name == "README.md" else 3)
        assert "49" not in text.replace("localhost", "")
        assert "<b>" not in "\n".join(found.lines)
        assert all("{{ 7" not in query for query in found.queries)
        assert not any(line.startswith("| `x`") for line in found.lines)
    rows = [
        line for line in render_pages(document)["README.md"].split("\n") if line.startswith("| [")
    ]
    assert len(rows) == 4
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows), rows


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specs())
def test_every_valid_spec_has_a_readable_page_for_each_alert(document: dict[str, Any]) -> None:
    plans = build_plans(dump_quoted_yaml(document))
    assert not plans.has_errors, plans.problems
    artifacts = list(render_folder(plans.plans, "runbooks", BuildSettings()))
    rules = [rule for plan in plans.plans for group in plan.groups for rule in group.rules]
    wanted = {
        names.name_runbook_page(rule.alert) for rule in rules if isinstance(rule, AlertingRule)
    }
    assert {str(each.path) for each in artifacts} == {*wanted, "README.md"}
    for each in artifacts:
        found = parse_page(each.text)
        for query in [*found.queries, *found.graph_queries]:
            assert promql.parse_query(query)
        assert each.text.count("<!--") == (3 if each.keeps_notes else 1)
