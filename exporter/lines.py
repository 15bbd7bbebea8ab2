"""Label sets and criteria that a configuration can produce, so that all of them start at zero."""

from exporter.config import Loaded
from exporter.metrics.runs import Line
from exporter.observers import expected, visible
from exporter.probes import probe_modules
from slos.schema.contract import Criterion


def lines(loaded: Loaded) -> list[Line]:
    """List each pair of the labels `probe` and `path`, and the stages observed there."""
    return [
        Line(name, route, visible(route, loaded.observers), expected(route))
        for probe, settings in loaded.probes.items()
        for name, route in probe_modules()[probe].lines(settings)
    ]


def criteria(loaded: Loaded) -> set[Criterion]:
    """List the criteria that probes check in addition to the verdicts of their alerts."""
    return {each for probe in loaded.probes for each in probe_modules()[probe].CRITERIA}
