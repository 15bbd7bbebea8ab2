"""Routing of documents, for tests."""

from typing import Any

import yaml

from generator.alerting.hours import Hours
from generator.alerting.model import Matcher, Routing
from generator.alerting.tree import routing
from generator.outputs import OutputSettings, formats
from generator.pipeline import Settings, render_folder
from generator.settings import Defaults
from slos.schema.golang import Pattern
from tests.generator.resolved import planned
from tests.schema.specs import slo
from tests.schema.test_plain_alerts import alert

PROBED = "probe_runs_total"
CAUSE = alert(name="ProberDown", inhibits={"metrics": ["probe_"]})


def counted(metric: str, by: str = "") -> dict[str, Any]:
    """An SLI over the events that a metric counts."""
    rate = f"sum{f' by ({by})' if by else ''} (rate({metric}{{}}[{{{{.window}}}}]))"
    errors = rate.replace("{}", '{code="500"}')
    return {"events": {"error_query": errors, "total_query": rate.replace("{}", "")}}


def probed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """An SLO that is counted from probes."""
    return slo(**{"name": "runs", "sli": counted(PROBED), "alerting": {"name": "Runs"}, **changes})


def routed(*documents: object, **labels: str) -> Routing:
    """The routing of specs that are right, built with labels of the run."""
    settings = Settings(defaults=Defaults(extra_labels=labels))
    plans = planned(*documents, settings=settings)
    assert not plans.broken, plans.problems
    found = routing(plans.plans, Hours())
    assert found
    return found


def files(*documents: object, settings: Settings | None = None) -> dict[str, Any]:
    """The built YAML files by name."""
    settings = settings or Settings(output=OutputSettings())
    plans = planned(*documents, settings=settings)
    assert not plans.broken, plans.problems
    assert "alertmanager" in formats()
    return {
        str(artifact.path): yaml.safe_load(artifact.text)
        for artifact in render_folder(plans.plans, "alertmanager", settings)
        if artifact.path.suffix in (".yml", ".yaml")
    }


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label with this value matches, by the engine that Alertmanager uses."""
    if matcher.op in ("=", "!="):
        return (matcher.value == value) is (matcher.op == "=")
    return Pattern(f"^(?:{matcher.value})$").is_in(value) is (matcher.op == "=~")


def symptoms_of(cause: str, *documents: object) -> set[str]:
    """The names that a cause inhibits."""
    for inhibition in routed(*documents).inhibitions:
        if str(inhibition.source[0]) == f'alertname="{cause}"':
            return set(inhibition.target[0].value.split("|"))
    return set()
