"""The pipeline without I/O: deterministic output, and unique ids over all files."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import promql_parser
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.model import RecordingRule
from generator.pipeline import BuildSettings, plan_build, render_folder
from slos.schema.promql import parse_query, walk_nodes
from tests.generator.spec_pipeline import (
    build_plans,
    build_rules,
    build_source,
    find_alerting_rule,
    find_recording_rule,
)
from tests.schema.specs import build_slo, build_spec, dump_yaml

ROOT = Path(__file__).parents[2]
IDENTITY = {"sloth_id": "shop-requests", "sloth_service": "shop", "sloth_slo": "requests"}
TIERS = ("slo:sli_total:sum", "slo:sli_errors:sum", "slo:sli_coverage:ratio")
COUNTS = tuple(f"{name}{step}" for name in TIERS[:2] for step in ("1m", "10m"))
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")


def list_literals(expr: str) -> set[Decimal]:
    """The number literals of an expression as written, exact."""
    return {Decimal(each) for each in NUMBER.findall(re.sub(r'"[^"]*"', "", expr))}


@pytest.mark.parametrize(
    ("objective", "ratio", "budget"),
    [
        (99.9, "0.999", "0.001"),
        (99.95, "0.9995", "0.0005"),
        (99.99, "0.9999", "0.0001"),
        (99, "0.99", "0.01"),
        (95, "0.95", "0.05"),
        (99.5, "0.995", "0.005"),
        (99.999, "0.99999", "0.00001"),
    ],
)
def test_objective_and_budget_are_exact_to_the_last_character(
    objective: float, ratio: str, budget: str
) -> None:
    document = build_spec(build_slo(objective=objective))
    assert find_recording_rule(document, "slo:objective:ratio").expr == f"vector({ratio})"
    assert find_recording_rule(document, "slo:error_budget:ratio").expr == f"vector({budget})"
    burn = find_recording_rule(document, "slo:current_burn_rate:ratio").expr
    assert burn == f'slo:sli_error:ratio_rate5m{{sloth_id="shop-requests"}} / {budget}'
    assert f"(14.4 * {budget})" in find_alerting_rule(document, "TooManyErrors").expr
    info = find_recording_rule(document, "sloth_slo_info").labels
    assert info["sloth_objective"] == f"{objective:g}"


PERIODS = {"7d": ("13.44", "3.5", "1.4", "0.98"), "30d": ("14.4", "6", "3", "1")}


@settings(deadline=None, max_examples=60)
@example(Decimal("99.9901"), "30d")
@given(
    st.decimals(min_value="94", max_value="99.9999", places=4),
    st.sampled_from(sorted(PERIODS)),
)
def test_no_number_in_any_rule_is_other_than_what_was_promised(
    objective: Decimal, period: str
) -> None:
    data = dump_yaml(build_spec(build_slo(objective=0, period=period))).replace(
        b"objective: 0", f"objective: {objective:f}".encode()
    )
    ratio = objective / 100
    known = {ratio, 1 - ratio, *map(Decimal, PERIODS[period]), Decimal(period.rstrip("d"))}
    known |= {Decimal(each) for each in ("0", "1", "60", "90", "100", "600", "5")}
    # Steps of the fine windows and of the period, and seconds back to the step before the last.
    known |= {Decimal(each) for each in ("30", "120", "360", "1410")}
    # Seconds in which a young process has started: the gap of an hour before these steps.
    known.add(Decimal(5040))
    known.add(Decimal(period.rstrip("d")) * 144)
    # Percentages are rounded to these, or multiplied and divided by them.
    known |= {Decimal(1).scaleb(digits) for digits in range(-7, 8)}
    for rule in build_rules(data):
        assert list_literals(rule.expr) <= known


@settings(deadline=None, max_examples=60)
@given(st.decimals(min_value="1.001", max_value="99.999", places=3))
def test_no_float_noise_at_any_objective(objective: Decimal) -> None:
    data = dump_yaml(build_spec(build_slo(objective=0))).replace(
        b"objective: 0", f"objective: {objective:f}".encode()
    )
    for rule in build_rules(data):
        for node in walk_nodes(parse_query(rule.expr)):
            if isinstance(node, promql_parser.NumberLiteral):
                assert round(node.val, 9) == node.val
        for number in list_literals(rule.expr):
            assert len(number.as_tuple().digits) <= 8


def test_tiers_carry_identity_labels_only_and_people_read_the_users() -> None:
    document = build_spec(build_slo(labels={"owner": "a"}), labels={"team": "b"})
    for rule in build_rules(document):
        if not isinstance(rule, RecordingRule):
            continue
        if rule.record.startswith(TIERS):
            assert rule.labels == IDENTITY
        else:
            assert rule.labels.items() >= {"owner": "a", "team": "b", **IDENTITY}.items()


def test_the_names_that_sloth_dashboards_read_are_there() -> None:
    names = {rule.record for rule in build_rules(build_spec()) if isinstance(rule, RecordingRule)}
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    assert names >= {f"slo:sli_error:ratio_rate{window}" for window in windows}
    assert names >= {
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
        "sloth_slo_info",
    }


def test_raw_series_are_read_in_the_two_tiers_only() -> None:
    for rule in build_rules(build_spec()):
        tier = isinstance(rule, RecordingRule) and rule.record in COUNTS
        assert ("http_requests_total" in rule.expr) == tier


def test_rules_stand_after_those_they_read_in_their_group() -> None:
    (found,) = build_plans(build_spec()).plans
    for group in found.groups:
        recorded_later = {r.record for r in group.rules if isinstance(r, RecordingRule)}
        for rule in group.rules:
            if isinstance(rule, RecordingRule):
                recorded_later -= {rule.record}
            for node in walk_nodes(parse_query(rule.expr)):
                if isinstance(node, promql_parser.VectorSelector):
                    assert node.name not in recorded_later


def test_the_same_specs_give_the_same_bytes_in_any_process() -> None:
    program = (
        "import hashlib,pathlib;from generator import build;from generator.pipeline import *;"
        "s=BuildSettings();p=build.plan_inputs([pathlib.Path('slos')],s,out='rules');"
        "a=list(build.render_folder_artifacts(p,None,s));"
        "print(hashlib.sha256(repr(a).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_each_file_of_a_folder_depends_on_its_own_spec_only() -> None:
    one, two = (
        build_source(build_spec(service="a"), "a.yaml"),
        build_source(build_spec(service="b"), "b.yaml"),
    )
    run = BuildSettings()
    alone = next(render_folder(plan_build([one], run).plans, "prometheus", run))
    for order in ([one, two], [two, one]):
        rendered = render_folder(plan_build(order, run).plans, "prometheus", run)
        assert {each.path: each.text for each in rendered}[alone.path] == alone.text
