"""Runbook pages of small specs: the text for each kind of alert, and escaping."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from generator import names
from generator.model import AlertingRule
from generator.pipeline import BuildSettings, render_folder
from generator.slo import burn_rate
from slos.schema import promql
from tests.generator import promtool
from tests.generator.markdown_page import MarkdownPage, parse_page
from tests.generator.spec_pipeline import build_plans, resolve_single_slo
from tests.generator.spec_strategies import specs
from tests.schema.specs import build_slo, build_spec, dump_quoted_yaml
from tests.schema.test_standalone_alerts import build_alert

HOSTILE = "| `x` ``` <!-- team notes: begin --> <b>&amp; {{ 7*7 }} {% endif %} [a](b) # $x$ *y* \\"


def render_pages(*documents: object, given: BuildSettings | None = None) -> dict[str, str]:
    plans = build_plans(*documents, settings=given)
    assert not plans.has_errors, plans.problems
    return {
        str(each.path): each.text
        for each in render_folder(plans.plans, "runbooks", given or BuildSettings())
    }


def render_page(document: object, file: str) -> MarkdownPage:
    return parse_page(render_pages(document)[file])


def test_the_numbers_are_those_of_the_arithmetic() -> None:
    one = resolve_single_slo(spec_changes={"period": "7d"}, objective=99.5, expected_events=20_000)
    text = render_pages(build_spec(build_slo(objective=99.5, expected_events=20_000), period="7d"))[
        "too-many-errors.md"
    ]
    rows = [line for line in text.split("\n") if re.match(r"\| [\d.]+x \|", line)]
    (burn,) = [each for each in one.burn_alerts if each.severity == "page"]
    assert len(rows) == len(burn.conditions) == 2
    for row, condition in zip(rows, burn.conditions, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2] == f"{condition.long} and {condition.short}"
        assert float(cells[3].split()[0]) == round(
            float(100 * burn_rate.compute_budget_spent(one, condition)), 1
        )
        assert cells[4] == str(burn_rate.compute_exhaustion_time(one, condition.factor))
        assert cells[5] == str(
            burn_rate.compute_alert_delay(one, condition, burn_rate.ERROR_SHARES[0], None)
        )
    assert "**50m24s** in which everything fails" in text
    assert "**100 of the 20,000 events expected in a period**" in text


def test_the_hours_that_are_left_are_what_prometheus_makes_of_them(tmp_path: Path) -> None:
    """At a burn rate of 4, three quarters of a budget of 7 days last 31.5 hours."""
    found = render_page(build_spec(period="7d", labels={"owner": "web"}), "too-many-errors.md")
    (hours,) = [query for query in found.queries if query.startswith("168 * ")]
    labels = 'owner="web", sloth_id="shop-requests"'
    case = {
        "interval": "1m",
        "input_series": [
            {
                "series": f'{names.BUDGET_REMAINING}{{{labels}, sloth_window="1w"}}',
                "values": "0.75",
            },
            {"series": f'{names.CURRENT_BURN_RATE}{{{labels}, sloth_window="5m"}}', "values": "4"},
        ],
        "promql_expr_test": [
            {"expr": hours, "exp_samples": [{"labels": f"{{{labels}}}", "value": 31.5}]}
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    assert "SUCCESS" in promtool.run_rule_tests(tmp_path / "test.yaml")


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
