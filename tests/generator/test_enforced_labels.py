"""Labels that `enforcedNamespaceLabel` adds to rules and selectors do not change results.

The operator of Prometheus does so with `enforcedNamespaceLabel`, for rules of tenants.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.pipeline import BuildSettings, render_folder
from slos.schema import promql
from tests.generator.promtool import check_rules_on_series
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec

ROOT = Path(__file__).parents[2]
HITS = {
    "hits_total": {"code": ["200", "500"], "cluster": ["a", "b"]},
    "m_bucket": {"le": ["1", "+Inf"], "cluster": ["a", "b"]},
    "m_count": {"cluster": ["a", "b"]},
    "up": {"cluster": ["a", "b"]},
}


def build_events_sli(grouping: str) -> dict[str, Any]:
    return {
        "events": {
            "error_query": f'sum {grouping} (rate(hits_total{{code="500"}}[{{{{.window}}}}]))',
            "total_query": f"sum {grouping} (rate(hits_total[{{{{.window}}}}]))",
        }
    }


SLIS: dict[str, dict[str, Any]] = {
    "all": build_events_sli(""),
    "by": build_events_sli("by (cluster)"),
    "without": build_events_sli("without (code)"),
    "latency": {"latency": {"metric": "m", "threshold": 1, "by": ["cluster"]}},
    "gauge": {"gauge": {"metric": "up", "by": ["cluster"]}},
    "max": {
        "events": {
            "error_query": 'max(rate(hits_total{code="500"}[{{.window}}]))',
            "total_query": "max(rate(hits_total[{{.window}}]))",
        }
    },
}


def enforce_label(expr: str) -> str:
    """The expression with the label in every selector."""
    names = {selector.partition("{")[0] for selector in promql.list_selectors(expr)}
    for name in names:
        plain = rf"(?<![\w:]){re.escape(name)}(?![\w:{{(])"
        expr = re.sub(rf"(?<![\w:]){re.escape(name)}\{{", f'{name}{{namespace="x", ', expr)
        expr = re.sub(plain, f'{name}{{namespace="x"}}', expr)
    promql.parse_query(expr)
    return expr


def build_tenant_rules(document: object) -> dict[str, Any]:
    (artifact, *_) = render_folder(build_plans(document).plans, "prometheus", BuildSettings())
    rules: dict[str, Any] = yaml.safe_load(artifact.text)
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = enforce_label(rule["expr"])
            rule["labels"] = {**rule.get("labels", {}), "namespace": "x"}
    return rules


def build_series() -> list[dict[str, str]]:
    """Counters in namespace x, in which nothing fails: no error series in one of the clusters."""
    found = []
    for metric, labels in HITS.items():
        (first, *more) = labels
        for one in labels[first]:
            for two in labels[more[0]] if more else [""]:
                if (one, two) == ("500", "b"):
                    continue
                own = {first: one, **({more[0]: two} if more else {}), "namespace": "x"}
                values = "1x240" if metric == "up" else "0+99x240"
                found.append({"series": metric + promql.format_label_set(own), "values": values})
    return found


@pytest.mark.parametrize("kind", SLIS)
def test_rules_of_a_tenant_are_evaluated_and_give_what_they_should(
    kind: str, tmp_path: Path
) -> None:
    labels = {"owner": "shop"}
    alerting = {"name": "A", "page_alert": {"min_events": 5}}
    document = build_spec(
        build_slo(name="one", sli=SLIS[kind], objective=90, alerting=alerting, labels=labels)
    )
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(build_tenant_rules(document)))
    groups = 1 if kind in ("all", "max") else 2
    recorded = ["slo:sli_errors:sum1m", "slo:sli_error:ratio_rate5m", "slo:sli_errors:sum10m"]
    checks = [
        {
            "expr": f'count(last_over_time({name}{{namespace="x"}}[10m]))',
            "eval_time": "61m",
            "exp_samples": [{"labels": "{}", "value": groups}],
        }
        for name in recorded
    ]
    check_rules_on_series(tmp_path, build_series(), checks)


def list_specs_without_data(namespace: str) -> set[str]:
    """The specs with a rule that selects another namespace, which enforcement replaces."""
    found = set()
    for path in (ROOT / "rules" / "prometheus").glob("*.yaml"):
        for group in yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["groups"]:
            for rule in group["rules"]:
                values = re.findall(r'\bnamespace=~?"([^"]+)"', str(rule["expr"]))
                if any(not re.fullmatch(value, namespace) for value in values):
                    found.add(path.stem)
    return found


def test_the_page_names_what_enforcement_leaves_without_data() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    told = page.partition("then have no data:")[2].partition("Their alerts on missing data")[0]
    assert set(re.findall(r"`([\w-]+)`", told)) == list_specs_without_data("prometheus")


def test_the_values_on_the_page_exclude_the_objects_of_an_overlay() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    (block,) = re.findall(r"```yaml\n(prometheus:\n.*?)```", page, re.DOTALL)
    excluded = yaml.safe_load(block)["prometheus"]["prometheusSpec"]["excludedFromEnforcement"]
    assert {each["resource"] for each in excluded} == {"prometheusrules", "servicemonitors"}
    metadata = yaml.safe_load((ROOT / "rules/operator/agent-sre.yaml").read_text())["metadata"]
    assert {each["namespace"] for each in excluded} == {metadata["namespace"]}
