"""Pages of small specs: what they say of each kind of alert, and that no text breaks them."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from generator import budget, names
from generator.model import AlertingRule
from generator.pipeline import Settings, render_folder
from slos.schema import promql
from tests.generator import promtool
from tests.generator.markdown_page import Page, read, silencing
from tests.generator.resolved import one_slo, planned
from tests.generator.strategies import specs
from tests.schema.specs import as_quoted_yaml, slo, spec
from tests.schema.test_plain_alerts import RECORDING, alert

GOLDEN = Path(__file__).parents[1] / "golden_runbooks"
HOSTILE = "| `x` ``` <!-- team notes: begin --> <b>&amp; {{ 7*7 }} {% endif %} [a](b) # $x$ *y* \\"


def pages(*documents: object, given: Settings | None = None) -> dict[str, str]:
    plans = planned(*documents, settings=given)
    assert not plans.broken, plans.problems
    return {
        str(each.path): each.text
        for each in render_folder(plans.plans, "runbooks", given or Settings())
    }


def page(document: object, file: str) -> Page:
    return read(pages(document)[file])


def with_alerting(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return slo(alerting={"name": "TooManyErrors", **changes})


def test_a_sloth_spec_without_any_extension_has_whole_pages() -> None:
    found = pages(spec())
    assert set(found) == {
        "README.md",
        "too-many-errors.md",
        "too-many-errors-ticket.md",
        "too-many-errors-no-data.md",
    }
    for name, text in found.items():
        if name != "README.md":
            assert len(read(text).headings) == 10
            assert "None" not in text


@pytest.mark.parametrize("name", ["too-many-errors", "down"])
def test_a_page_is_exactly_the_one_that_was_accepted(name: str) -> None:
    text = pages(spec(period="30d", alerts=[alert()]))[f"{name}.md"]
    expected = GOLDEN / f"{name}.md"
    if os.environ.get("UPDATE_GOLDENS"):
        expected.write_text(text, encoding="utf-8", newline="\n")
    assert text == expected.read_text(encoding="utf-8")


def test_the_numbers_are_those_of_the_arithmetic() -> None:
    one = one_slo(top={"period": "7d"}, objective=99.5, expected_events=20_000)
    text = pages(spec(slo(objective=99.5, expected_events=20_000), period="7d"))[
        "too-many-errors.md"
    ]
    rows = [line for line in text.split("\n") if re.match(r"\| [\d.]+x \|", line)]
    (burn,) = [each for each in one.burn_alerts if each.severity == "page"]
    assert len(rows) == len(burn.conditions) == 2
    for row, condition in zip(rows, burn.conditions, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2] == f"{condition.long} and {condition.short}"
        assert float(cells[3].split()[0]) == round(float(100 * budget.spent(one, condition)), 1)
        assert cells[4] == str(budget.gone_after(one, condition.factor))
        assert cells[5] == str(budget.after(one, condition, budget.SHARES[0], None))
    assert "**50m24s** in which everything fails" in text
    assert "**100 of the 20,000 events expected in a period**" in text


def test_the_hours_that_are_left_are_what_prometheus_makes_of_them(tmp_path: Path) -> None:
    """At a burn rate of 4, three quarters of a budget of 7 days last 31.5 hours."""
    found = page(spec(period="7d", labels={"owner": "web"}), "too-many-errors.md")
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
    assert "SUCCESS" in promtool.tested(tmp_path / "test.yaml")


def test_guards_and_holds_are_said() -> None:
    held = {"min_events": 12, "for": "3m", "keep_firing_for": "9m"}
    text = pages(spec(with_alerting(page_alert=held)))["too-many-errors.md"]
    assert "fewer than 12 events" in text
    assert "must hold for 3m" in text
    assert "keeps firing for 9m" in text
    high = {"name": "High", "above": "5%", "over": "2h"}
    text = pages(spec(with_alerting(threshold_alerts=[high])))["high.md"]
    assert "Over 2h, more than **5 %** of events are bad" in text


def test_missing_data_is_about_what_the_slo_is_counted_from() -> None:
    found = page(spec(), "too-many-errors-no-data.md")
    text = pages(spec())["too-many-errors-no-data.md"]
    assert "`http_requests_total`" in text
    assert any("last_over_time(http_requests_total[1d])" in query for query in found.queries)
    assert "the whole error budget is spent in 43m12s" in text


def test_a_plain_alert_shows_what_it_is_made_of() -> None:
    one = alert(query="max(cpu:used:ratio) + sum(rate(hits_total[5m]))", example=[])
    found = page(spec(alerts=[one], recordings=[RECORDING]), "down.md")
    assert "cpu:used:ratio" in found.queries
    assert "increase(hits_total[1h])" in found.queries
    text = pages(spec(alerts=[one], recordings=[RECORDING]))["down.md"]
    assert "CPU used of what it may use" in text


def test_a_dead_mans_switch_is_not_silenced_like_any_other() -> None:
    switch = alert(query="vector(1)", below=None, above=0, quiet=None, firing=None, example=[])
    beats = {**switch, "no_data": "firing", "heartbeat": True}
    text = pages(spec(alerts=[beats]))["down.md"]
    assert "treats a missing alert as the end of all alerting" in text
    assert "when the value is" not in text.partition("The mitigation works")[2]
    assert "treats a missing alert" not in pages(spec(alerts=[alert()]))["down.md"]


def test_a_silence_of_what_holds_others_back_says_that_it_still_does() -> None:
    causes = alert(inhibits={"alerts": ["TooManyErrors"]})
    found = pages(spec(alerts=[causes]))
    assert "**Still inhibits** the alerts that it causes" in found["down.md"]
    assert "**Still inhibits** the ticket" in found["too-many-errors.md"]
    assert "**Still inhibits**" not in found["too-many-errors-ticket.md"]
    assert "**Still inhibits**" not in pages(spec(alerts=[alert()]))["down.md"]


def test_what_a_spec_knows_stands_on_the_pages_of_its_alerts() -> None:
    known = {
        "meaning": "Baskets are lost.",
        "impact": "Nobody can buy.",
        "checks": [{"say": "Is it there?", "run": "kubectl get pods", "query": "up == 0"}],
        "causes": [{"when": "No pod.", "say": "It was evicted."}],
        "mitigation": ["Restart it."],
        "escalate": "To Kim.",
    }
    document = spec(
        with_alerting(runbook=known, page_alert={"runbook": {"impact": "Kim cannot buy."}}),
        runbook={"prometheus_url": "https://p.example", "access": ["make tunnel"]},
    )
    found = pages(document)
    ticket = found["too-many-errors-ticket.md"]
    for said in ("Baskets are lost.", "Nobody can buy.", "**No pod.** It was", "1. Restart it."):
        assert said in ticket
    assert "kubectl get pods" in read(ticket).code("sh")
    assert "make tunnel" in read(ticket).code("sh")
    assert "up == 0" in read(ticket).graphs
    assert "](https://p.example/graph?g0.expr=" in ticket
    assert "Kim cannot buy." in found["too-many-errors.md"]
    assert "Nobody can buy." not in found["too-many-errors.md"]
    no_data = found["too-many-errors-no-data.md"]
    assert "To Kim." in no_data
    assert "Restart it." not in no_data


def test_a_silence_names_the_slo_and_the_labels_of_the_run() -> None:
    document = spec(runbook={"alertmanager_url": "http://am:9093"})
    command = silencing(page(document, "too-many-errors.md"))
    assert "'alertname=\"TooManyErrors\"'" in command
    assert "'sloth_id=\"shop-requests\"'" in command
    assert "--alertmanager.url=http://am:9093" in command
    assert "--duration=2h" in command


def test_the_end_of_a_silence_is_that_of_this_alert_alone() -> None:
    text = pages(spec(), spec(service="bank"))["too-many-errors.md"]
    ends = [line for line in text.split("\n") if line.startswith("amtool silence expire")]
    for service, end in zip(("shop", "bank"), ends, strict=True):
        assert end.endswith(f"""'alertname="TooManyErrors"' 'sloth_id="{service}-requests"')""")


@pytest.mark.parametrize(
    "changes",
    [{"ticket_alert": {"disable": True}}, {"page_alert": {"labels": {"severity": "warning"}}}],
)
def test_where_no_ticket_is_held_back_none_is_said_to_be(changes: dict[str, Any]) -> None:
    assert "**Still inhibits**" not in pages(spec(with_alerting(**changes)))["too-many-errors.md"]


def test_missing_data_is_looked_for_under_the_labels_that_the_spec_asks_for() -> None:
    query = 'sum(rate(hits_total{zone="a",code=~"%s"}[{{.window}}]))'
    events = {"error_query": query % "5..", "total_query": query % ".*"}
    found = page(spec(slo(sli={"events": events})), "too-many-errors-no-data.md")
    assert "count by (zone, code) (hits_total)" in found.queries


def test_who_reads_links_that_need_a_tunnel_is_told_so_before_the_first() -> None:
    text = pages(spec(runbook={"access": ["make tunnel"]}))["too-many-errors.md"]
    assert text.index("first step of *Triage*") < text.index("](http://localhost:9090/graph")
    assert "first step of *Triage*" not in pages(spec())["too-many-errors.md"]


def test_alerts_of_one_name_share_a_page() -> None:
    text = pages(spec(), spec(service="bank"))["too-many-errors.md"]
    assert text.count("\n# TooManyErrors\n") == 2
    assert text.count("## Team notes") == 1
    assert 'sloth_id="bank-requests"' in text
    assert 'sloth_id="shop-requests"' in text
    assert text.startswith("<!-- Generated by slo-rules from 0.yaml, 1.yaml.")


def test_alerts_that_were_switched_off_have_no_page() -> None:
    assert set(pages(spec(), given=Settings(alerts=False))) == {"README.md"}
    assert "too-many-errors-ticket.md" not in pages(
        spec(with_alerting(ticket_alert={"disable": True}))
    )


@pytest.mark.parametrize("name", ["README", "é", "x" * 400, "a/b", "..", "C:\\x", "a\nb"])
def test_a_page_has_a_name_that_any_file_system_takes(name: str) -> None:
    file = names.page_file(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,210}\.md", file)
    assert file != "readme.md"


def test_hostile_text_is_shown_and_means_nothing() -> None:
    document = spec(
        slo(
            description=HOSTILE,
            alerting={"name": HOSTILE, "runbook": {"impact": HOSTILE, "checks": [HOSTILE]}},
        ),
        alerts=[alert(summary=HOSTILE.replace("{", "("), description=HOSTILE.replace("{", "("))],
        runbook={"access": [HOSTILE]},
    )
    for name, text in pages(document).items():
        found = read(text)
        assert text.count("<!--") == (1 if name == "README.md" else 3)
        assert "49" not in text.replace("localhost", "")
        assert "<b>" not in "\n".join(found.lines)
        assert all("{{ 7" not in query for query in found.queries)
        assert not any(line.startswith("| `x`") for line in found.lines)
    rows = [line for line in pages(document)["README.md"].split("\n") if line.startswith("| [")]
    assert len(rows) == 4
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows), rows


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specs())
def test_every_valid_spec_has_a_readable_page_for_each_alert(document: dict[str, Any]) -> None:
    plans = planned(as_quoted_yaml(document))
    assert not plans.broken, plans.problems
    artifacts = list(render_folder(plans.plans, "runbooks", Settings()))
    rules = [rule for plan in plans.plans for group in plan.groups for rule in group.rules]
    wanted = {names.page_file(rule.alert) for rule in rules if isinstance(rule, AlertingRule)}
    assert {str(each.path) for each in artifacts} == {*wanted, "README.md"}
    for each in artifacts:
        found = read(each.text)
        for query in [*found.queries, *found.graphs]:
            assert promql.parse(query)
        assert each.text.count("<!--") == (3 if each.keeps_notes else 1)
