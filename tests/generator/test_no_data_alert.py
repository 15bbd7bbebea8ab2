"""One alert on missing data for all SLOs of a spec."""

from pathlib import Path
from typing import Any

import pytest

from generator.alerting.route_matching import match_routes
from generator.model import AlertingRule
from generator.outputs.runbooks.markdown import render_alert_text
from tests.generator.promtool import PromtoolEvaluation
from tests.generator.routing import build_counter_sli, render_files
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

ALERT = {"name": "NothingCounted", "for": "10m"}
SPLIT = build_slo(name="split", sli=build_counter_sli("a_total", "zone"), alerting={"name": "A"})
WHOLE = build_slo(name="whole", sli=build_counter_sli("b_total"), alerting={"name": "B"})
LEFT_OUT = build_slo(
    name="left-out",
    sli=build_counter_sli("c_total"),
    alerting={"name": "C", "absent_alert": {"disable": True}},
)
RECORDED = build_slo(
    name="recorded",
    sli=build_counter_sli("d_total"),
    alerting={"page_alert": {"disable": True}, "ticket_alert": {"disable": True}},
)
MISSING = 'count by (sloth_id{}) (ALERTS{{alertname="NothingCounted", alertstate="firing"}})'


def build_document(*slos: dict[str, Any], **changes: object) -> dict[str, Any]:
    return build_spec(*slos, no_data_alert={**ALERT, **changes})


def test_it_is_the_only_alert_on_missing_data() -> None:
    planned = build_plans(build_document(SPLIT, WHOLE, LEFT_OUT, RECORDED))
    assert not planned.has_errors, planned.problems
    alerts = [
        rule
        for plan in planned.plans
        for group in plan.groups
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    ]
    (missing,) = [rule for rule in alerts if "absent(" in rule.expr]
    assert missing.alert == "NothingCounted"
    listed = [slo for slo in ("split", "whole", "left-out", "recorded") if slo in missing.expr]
    assert listed == ["split", "whole", "recorded"]


def test_its_series_name_each_slo_and_each_group_that_is_not_counted(tmp_path: Path) -> None:
    counted = "0+10x120"
    evaluation = PromtoolEvaluation(
        build_document(SPLIT, WHOLE),
        {
            'a_total{zone="a"}': counted,
            'a_total{zone="b"}': "0+10x40",
            "b_total": "_x24 " + counted,
        },
    )
    service = build_spec()["service"]
    whole, split = f"{service}-whole", f"{service}-split"
    evaluation.checks += [
        {
            "expr": MISSING.format(", zone"),
            "eval_time": at,
            "exp_samples": [{"labels": labels, "value": 1} for labels in expected],
        }
        for at, expected in (
            ("9m", []),
            ("11m", [f'{{sloth_id="{whole}"}}']),
            ("25m", []),
            ("45m", [f'{{sloth_id="{split}", zone="b"}}']),
        )
    ]
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("office_hours", [True, False])
def test_it_is_grouped_by_name_and_held_until_office_hours_unless_it_says_otherwise(
    *, office_hours: bool
) -> None:
    document = build_document(WHOLE, office_hours=office_hours)
    config = render_files(document)["alertmanager.yml"]
    labels = {
        "alertname": "NothingCounted", "severity": "warning", "sloth_id": "x-whole",
        "sloth_service": document["service"],
    }  # fmt: skip
    (route,) = match_routes(config, labels)
    assert route.receiver == "slo-ticket"
    assert bool(route.active_in) is office_hours
    groups = [
        child["group_by"]
        for parent in config["route"]["routes"][0]["routes"]
        for child in parent.get("routes", ())
        if child["matchers"] == ['alertname="NothingCounted"']
    ]
    assert groups
    assert all("alertname" in each and "sloth_id" not in each for each in groups)


def test_the_index_of_runbooks_shows_no_template_of_it() -> None:
    text = render_alert_text("{{ $labels.sloth_id }}{{ if $labels.zone }}, zone{{ end }}: no data")
    assert text == "*sloth_id*, zone: no data"


def test_an_alert_of_the_same_name_is_an_error() -> None:
    document = build_document(WHOLE, name="Down")
    planned = build_plans({**document, "alerts": [build_alert()]})
    assert any("duplicate alert name 'Down'" in each.message for each in planned.problems)


def test_options_of_an_absent_alert_that_is_not_built_are_reported() -> None:
    slo = build_slo(alerting={"name": "B", "absent_alert": {"for": "1h"}})
    planned = build_plans(build_document(slo))
    (problem,) = [each for each in planned.problems if each.check == "no-effect"]
    assert "no_data_alert" in problem.message


def test_too_few_bad_events_fire_nothing(tmp_path: Path) -> None:
    """Six events an hour, as of a path that is probed every ten minutes."""
    alerting = {"name": "B", "page_alert": {"min_errors": 3}}
    rare = "x19 ".join(f"{number}+0" for number in range(60)) + "x19"
    evaluation = PromtoolEvaluation(
        build_spec(build_slo(sli=build_counter_sli("b_total"), alerting=alerting)),
        {
            'b_total{code="200"}': rare,
            'b_total{code="500"}': "0x119 1x239 2x19 3x19 4x200",
        },
    )
    evaluation.expect_nothing("2h58m", 'ALERTS{alertname="B", alertstate="firing"}')
    evaluation.expect_value("3h25m", 'count(ALERTS{alertname="B", alertstate="firing"})', 1)
    evaluation.run_promtool(tmp_path)
