"""Builds that leave out what has errors."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from generator import build
from generator.pipeline import BuildPlan, BuildSettings
from tests.schema.specs import EVENTS, build_slo, build_spec, dump_yaml
from tests.schema.test_standalone_alerts import build_alert

FAULTS: list[dict[str, Any]] = [
    {"objective": 100},
    {"objektive": 99},
    {"name": "a b"},
    {"name": "first"},
    {"sli": {}},
    {"sli": {"raw": {"error_ratio_query": "sum("}}},
    {"sli": {"events": {**EVENTS["events"], "error_query": "sum by (a) (rate(e[{{.window}}]))"}}},
    {"labels": {"sloth_id": "x", "pod": "y"}, "sli": {"gauge": {"metric": "up", "by": ["pod"]}}},
    {"silence": [{"check": "no-such-check", "reason": "x"}]},
    {"alerting": {}},
]
FIRST = build_slo(name="first", alerting={"name": "First"})


def build_numbered_slo(number: int, fault: dict[str, Any] | None) -> dict[str, Any]:
    return build_slo(
        **{"name": f"slo-{number}", "alerting": {"name": f"Slo{number}"}, **(fault or {})}
    )


def plan_document(folder: Path, document: dict[str, Any], *, keep_going: bool) -> BuildPlan:
    path = folder / "shop.yaml"
    path.write_bytes(dump_yaml(document))
    return build.plan_inputs([path], BuildSettings(), out="-", keep_going=keep_going)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([None, *FAULTS]), max_size=4))
def test_the_plan_is_that_of_a_spec_without_what_has_errors(
    tmp_path_factory: Any,  # noqa: ANN401 - pytest's
    faults: list[dict[str, Any] | None],
) -> None:
    folder = tmp_path_factory.mktemp("specs")
    slos = [build_numbered_slo(number, fault) for number, fault in enumerate(faults)]
    right = [slo for slo, fault in zip(slos, faults, strict=True) if not fault]
    kept = plan_document(folder, build_spec(FIRST, *slos), keep_going=True)
    expected = plan_document(folder, build_spec(FIRST, *right), keep_going=False)
    assert not kept.has_errors
    assert bool(kept.left_out_errors) == any(faults)
    assert kept.plans == expected.plans


def test_a_standalone_alert_with_an_error_is_left_out(tmp_path: Path) -> None:
    alerts = [build_alert(), build_alert(name="Other", query="sum(")]
    kept = plan_document(tmp_path, build_spec(FIRST, alerts=alerts), keep_going=True)
    expected = plan_document(tmp_path, build_spec(FIRST, alerts=alerts[:1]), keep_going=False)
    assert kept.plans == expected.plans
    assert len(kept.left_out_errors) == 1
