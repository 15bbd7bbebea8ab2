"""Inventory of a configuration: the series that a prober with it can export."""

from prometheus_client.metrics_core import Metric

from exporter.app.plugin_set import build_status
from exporter.config.loader import LoadedConfig
from exporter.config.scenarios import list_configured
from exporter.schedule.clock import SystemClock
from slos.schema.inventory import CLOSED_LABELS, Inventory, build_inventory


def list_inventory(loaded: LoadedConfig) -> Inventory:
    """List the metrics, and the label values that its counters begin with."""
    scenarios = list_configured(loaded.config.scenarios)
    status = build_status(loaded, SystemClock())
    status.gauges.start_at_zero(kinds=(), sources=loaded.observers)
    status.scenario_metrics.configure(scenarios)
    families = list(status.registry.collect())
    labels: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        for name, value in sample.labels.items():
            if name in CLOSED_LABELS:
                labels.setdefault(name, set()).add(value)
    sections = (
        *(f"probes.{name}" for name in loaded.probes),
        *(f"paths.{name}" for name in loaded.paths),
        *(f"observers.{name}" for name in loaded.observers),
        *(f"scenarios.{name}" for name in scenarios),
    )
    return build_inventory(map(_get_name, families), labels, sections)


def _get_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name
