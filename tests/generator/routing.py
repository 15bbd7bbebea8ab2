"""Helpers that route alerts through a generated configuration."""

from typing import Any

import yaml

from generator.alerting.hours import OfficeHours
from generator.alerting.model import Matcher, Routing
from generator.alerting.tree import build_routing
from generator.outputs import OutputSettings, load_formats
from generator.pipeline import BuildSettings, render_folder
from generator.settings import RunSettings
from slos.schema.golang import Re2Pattern
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo
from tests.schema.test_standalone_alerts import build_alert

PROBE_METRIC = "probe_runs_total"
CAUSE_ALERT = build_alert(name="ProberDown", inhibits={"metrics": ["probe_"]})


def build_counter_sli(metric: str, group_by: str = "") -> dict[str, Any]:
    """An SLI over the events that a metric counts."""
    rate = f"sum{f' by ({group_by})' if group_by else ''} (rate({metric}{{}}[{{{{.window}}}}]))"
    errors = rate.replace("{}", '{code="500"}')
    return {"events": {"error_query": errors, "total_query": rate.replace("{}", "")}}


def build_probe_slo(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """An SLO that is counted from probes."""
    return build_slo(
        **{
            "name": "runs",
            "sli": build_counter_sli(PROBE_METRIC),
            "alerting": {"name": "Runs"},
            **changes,
        }
    )


def route_documents(*documents: object, **labels: str) -> Routing:
    """The routing of specs that are right, built with labels of the run."""
    settings = BuildSettings(run_settings=RunSettings(extra_labels=labels))
    plans = build_plans(*documents, settings=settings)
    assert not plans.has_errors, plans.problems
    found = build_routing(plans.plans, OfficeHours())
    assert found
    return found


def render_files(*documents: object, settings: BuildSettings | None = None) -> dict[str, Any]:
    """The built YAML files by name."""
    settings = settings or BuildSettings(output=OutputSettings())
    plans = build_plans(*documents, settings=settings)
    assert not plans.has_errors, plans.problems
    assert "alertmanager" in load_formats()
    return {
        str(artifact.path): yaml.safe_load(artifact.text)
        for artifact in render_folder(plans.plans, "alertmanager", settings)
        if artifact.path.suffix in (".yml", ".yaml")
    }


def is_matched(matcher: Matcher, value: str) -> bool:
    """Return whether a label with this value matches, by the engine that Alertmanager uses."""
    if matcher.op in ("=", "!="):
        return (matcher.value == value) is (matcher.op == "=")
    return Re2Pattern(f"^(?:{matcher.value})$").matches(value) is (matcher.op == "=~")


def list_symptoms(cause: str, *documents: object) -> set[str]:
    """The names that a cause inhibits."""
    for inhibition in route_documents(*documents).inhibitions:
        if str(inhibition.source[0]) == f'alertname="{cause}"':
            return set(inhibition.target[0].value.split("|"))
    return set()
