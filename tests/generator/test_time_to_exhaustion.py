"""The time to exhaustion in a page: the rest of the budget, at the errors of the moment."""

import json
import subprocess
from pathlib import Path

import pytest

from exporter.devstack.stack import find_binary
from generator.model import AlertingRule, Engine
from generator.settings import RunSettings
from tests.generator.spec_pipeline import find_alerting_rule, resolve_document
from tests.schema.specs import build_slo, build_spec

SPEC = build_spec(
    build_slo(
        name="a",
        objective=99,
        period="30d",
        sli={
            "events": {
                "error_query": 'sum by (path) (rate(hits{code="500"}[{{.window}}]))',
                "total_query": "sum by (path) (rate(hits[{{.window}}]))",
            }
        },
        alerting={"name": "Burning"},
    )
)
LABELS = 'sloth_id="shop-a",sloth_service="shop",sloth_slo="a",path="/\\"x\\""'
BUDGET = "slo:period_error_budget_remaining:ratio"
AT_MOST = "at most 2d2h or 5d"


@pytest.mark.parametrize(
    ("ratio", "remaining", "text"),
    [
        (0.2, "0.5", "18h 0m 0s at the present rate"),
        (0.5, "0.001", "51.84s at the present rate"),
        (0.2, "-3", "0s at the present rate"),
        (0.0, "0.5", AT_MOST),
        (0.0, "-3", AT_MOST),
        (0.2, "_", AT_MOST),
    ],
)
def test_a_page_names_the_time_in_which_the_rest_is_spent(
    tmp_path: Path, ratio: float, remaining: str, text: str
) -> None:
    page = find_alerting_rule(SPEC, "Burning")
    ratios = dict.fromkeys(("30m", "1h", "6h"), 0.2) | {"5m": ratio}
    series = {
        f'slo:sli_error:ratio_rate{window}{{{LABELS},sloth_window="{window}"}}': str(value)
        for window, value in ratios.items()
    }
    series |= {f"{BUDGET}{{{LABELS}}}": remaining, f'{BUDGET}{{{LABELS[:-1]}a"}}': "0.9"}
    expect_text(tmp_path, page, series, text)


def expect_text(folder: Path, page: AlertingRule, series: dict[str, str], text: str) -> None:
    annotation = "time_to_exhaustion"
    template = page.annotations[annotation]
    rule = {"alert": page.alert, "expr": page.expr, "annotations": {annotation: template}}
    (folder / "rules.yaml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    labels = {
        "sloth_id": "shop-a",
        "sloth_service": "shop",
        "sloth_slo": "a",
        "path": '/"x"',
    }
    check = {
        "eval_time": "0s",
        "alertname": page.alert,
        "exp_alerts": [{"exp_labels": labels, "exp_annotations": {annotation: text}}],
    }
    inputs = [{"series": name, "values": value} for name, value in series.items()]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": [check]}
    (folder / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))
    program = find_binary("promtool")
    assert program
    done = subprocess.run(
        [program, "test", "rules", "test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "settings",
    [RunSettings(annotation_queries=False), RunSettings(engine=Engine.VICTORIA_METRICS)],
)
def test_without_queries_it_names_the_time_at_the_burn_rates_of_the_alert(
    settings: RunSettings,
) -> None:
    (slo,), _ = resolve_document(SPEC, settings)
    page, *_ = slo.burn_alerts
    assert page.meta.annotations["time_to_exhaustion"] == AT_MOST


def test_labels_of_the_run_select_the_budget() -> None:
    (slo,), _ = resolve_document(SPEC, RunSettings(extra_labels={"cluster": "%s"}))
    text = slo.burn_alerts[0].meta.annotations["time_to_exhaustion"]
    assert "{sloth_id=%q, cluster=%q, path=%q}" in text
    assert "($labels.sloth_id) ($labels.cluster) ($labels.path) $value" in text
