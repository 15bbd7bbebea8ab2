"""Inventory of a prober: the metrics and label values that it can export with its configuration.

`slo-probe inventory` writes it, and `slo-rules --inventory` reads it: rules whose series a prober
never exports are left out.
"""

from collections.abc import Iterable, Mapping

import promql_parser as ast
import yaml
from pydantic import BaseModel, ConfigDict

from slos.schema import contract
from slos.schema.compatibility import read_metric_name
from slos.schema.promql import matches_value

CLOSED_LABELS = ("criterion", "path", "probe", "scenario", "source", "stage")
"""Labels of which an inventory lists every value."""

_HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")


class Inventory(BaseModel):
    """Metrics that a prober can export, and the values of the labels that are closed sets."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    metrics: frozenset[str]
    labels: Mapping[str, frozenset[str]]

    def has_series(self, selector: ast.VectorSelector) -> bool:
        """Tell whether a selector can match a series; those of other exporters always can."""
        metric = read_metric_name(selector)
        if not metric.startswith(contract.PREFIX):
            return True
        return self._has_metric(metric) and all(
            any(matches_value(matcher, value) for value in self.labels[matcher.name])
            for matcher in selector.matchers.matchers
            if matcher.name in self.labels
        )

    def _has_metric(self, metric: str) -> bool:
        names = (metric, *(metric.removesuffix(suffix) for suffix in _HISTOGRAM_SUFFIXES))
        return any(name in self.metrics for name in names)


def build_inventory(
    metrics: Iterable[str], labels: Mapping[str, Iterable[str]], sections: Iterable[str]
) -> Inventory:
    """Build the inventory of a configuration with these sections, such as `probes.leak`."""
    configured = set(sections)
    exporting = {
        metric: {section for section, names in contract.SECTION_METRICS.items() if metric in names}
        for metric in metrics
    }
    return Inventory(
        metrics=frozenset(m for m, found in exporting.items() if not found or found & configured),
        labels={name: frozenset(labels.get(name, ())) for name in CLOSED_LABELS},
    )


def render_inventory(inventory: Inventory) -> str:
    """Render an inventory as YAML, sorted."""
    labels = {name: sorted(values) for name, values in sorted(inventory.labels.items())}
    content = {"labels": labels, "metrics": sorted(inventory.metrics)}
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
