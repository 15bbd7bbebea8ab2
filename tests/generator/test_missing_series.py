"""Parts of specs are left out whose series a prober never exports."""

from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.files.sources import FileFilter, read_sources
from generator.missing_series import can_have_label, can_have_result, find_parts_without_series
from generator.model import SpecFile
from generator.pipeline import BuildSettings, parse_source, plan_build
from slos.schema.contract import PREFIX
from slos.schema.inventory import CLOSED_LABELS, Inventory, build_inventory
from slos.schema.promql import parse_query
from slos.schema.spec import LocatedSpec
from tests.schema.specs import build_slo, build_spec, dump_yaml
from tests.schema.test_standalone_alerts import build_alert

ROOT = Path(__file__).parents[2]
RUNS = f"{PREFIX}probe_runs_total"
INVENTORY = build_inventory(
    [RUNS, f"{PREFIX}stage_duration_seconds", f"{PREFIX}leak_verdict", f"{PREFIX}orphans"],
    {"probe": ["burst_10", "remediation"], "scenario": ["stress"]},
    ["probes.burst", "paths.alertmanager"],
)


@pytest.mark.parametrize(
    ("query", "has_result"),
    [
        ('sum(rate(RUNS{probe="burst_10"}[5m]))', True),
        ('sum(rate(RUNS{probe="burst_50"}[5m]))', False),
        ('RUNS{probe=~"burst_.*|sustained"}', True),
        ('RUNS{probe=~"burst_|sustained"}', False),
        ('RUNS{probe!="remediation"}', True),
        ('RUNS{probe!~"burst_.*|remediation"}', False),
        ('RUNS{verdict="lost"}', True),
        ('RUNS{path="direct"}', False),
        # A label that no series has matches the empty text; the prober sets all of these.
        ("PREFIXstage_duration_seconds_bucket", True),
        ("PREFIXleak_verdict", False),
        ("PREFIXorphans", True),
        ("PREFIXmisspelt", False),
        ('{__name__="PREFIXleak_verdict"}', False),
        ('up{job="other"}', True),
        ('up unless RUNS{probe="burst_50"}', True),
        ('RUNS{probe="burst_50"} unless up', False),
        ('up and on () RUNS{probe="burst_50"}', False),
        ('RUNS{probe="burst_50"} / RUNS{probe="burst_10"}', False),
        ('RUNS{probe="burst_50"} or RUNS{probe="burst_10"}', True),
        ('sum(RUNS{probe="burst_50"}) or vector(0)', False),
        ('sum(RUNS{probe="burst_50"}) or 0 * max(up)', False),
        ('absent(RUNS{probe="burst_50"})', False),
        ("vector(1)", True),
        ("time()", True),
    ],
)
def test_a_query_can_have_a_result_if_its_series_can_exist(query: str, has_result: bool) -> None:  # noqa: FBT001 - a case
    text = query.replace("RUNS", RUNS).replace("PREFIX", PREFIX)
    parse_query(text)
    assert can_have_result(text, INVENTORY.has_series) is has_result


@pytest.mark.parametrize(
    ("value", "has_result"),
    [("A.10", True), ("A", False), ("B", False), ("C", False), ("D", False)],
)
def test_a_side_that_sets_another_label_does_not_count(value: str, has_result: bool) -> None:  # noqa: FBT001 - a case
    query = f"""
      label_replace({RUNS}{{probe="burst_10"}}, "item", "A.$1", "probe", "(.*_10)")
      or label_replace({RUNS}{{probe="burst_50"}}, "item", "B", "", "")
      or label_replace(vector(0), "item", "C", "", "")
    """
    assert can_have_result(query, INVENTORY.has_series, labels={"item": value}) is has_result
    assert can_have_label(parse_query(query), "item", value) is (value not in {"A", "D"})


def build_recording(record: str, query: str) -> dict[str, Any]:
    example = [{"series": query, "times": 1}]
    return {"record": record, "query": query, "description": "Text.", "example": example}


def plan_alerts(document: object) -> set[str]:
    source = SpecFile("shop.yaml", PurePosixPath("shop.yaml"), dump_yaml(document))
    planned = plan_build([source], BuildSettings(inventory=INVENTORY))
    assert not planned.problems, planned.problems
    groups = [group for plan in planned.plans for group in plan.groups]
    return {rule.alert for group in groups for rule in group.rules if hasattr(rule, "alert")}


def test_an_alert_on_a_recording_that_is_left_out_is_left_out_as_well() -> None:
    document = build_spec(
        build_slo(),
        recordings=[
            build_recording("shop:a", f'{RUNS}{{probe="burst_50"}}'),
            build_recording("shop:b", "shop:a"),
            build_recording("shop:c", f'{RUNS}{{probe="burst_10"}}'),
        ],
        alerts=[
            build_alert(name="OfB", query="max(shop:b)"),
            build_alert(name="OfC", query="max(shop:c)"),
        ],
    )
    alerts = plan_alerts(document)
    assert "OfC" in alerts
    assert "OfB" not in alerts


@cache
def read_own_specs() -> tuple[LocatedSpec, ...]:
    sources, problems = read_sources([ROOT / "slos"], FileFilter())
    assert not problems
    return tuple(spec for source in sources for spec in parse_source(source, BuildSettings())[0])


def list_left_out(inventory: Inventory) -> set[tuple[str, int]]:
    found = find_parts_without_series(read_own_specs(), inventory)
    return {(each.file, each.line) for positions in found.values() for each in positions}


@cache
def read_studio_inventory() -> Inventory:
    text = (ROOT / "k8s/overlays/studio/inventory.yaml").read_text()
    return Inventory.model_validate(yaml.safe_load(text))


def draw_part(draw: st.DrawFn, whole: Inventory) -> Inventory:
    return Inventory(
        metrics=frozenset(m for m in sorted(whole.metrics) if draw(st.integers(0, 5))),
        labels={
            name: frozenset(v for v in sorted(whole.labels[name]) if draw(st.integers(0, 3)))
            for name in CLOSED_LABELS
        },
    )


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_a_prober_that_exports_less_has_no_part_that_one_with_more_lacks(
    data: st.DataObject,
) -> None:
    more = draw_part(data.draw, read_studio_inventory())  # type: ignore[arg-type]
    less = draw_part(data.draw, more)  # type: ignore[arg-type]
    assert list_left_out(less) >= list_left_out(more)
