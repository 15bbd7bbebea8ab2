"""Which labels and criteria a configuration can bring about, so that all of them start at zero."""

from exporter.config import Loaded
from exporter.metrics import Line
from exporter.observers import expected, visible
from exporter.probes import probe_modules
from slos.schema.contract import Criterion


def lines(loaded: Loaded) -> list[Line]:
    """Each pair of the labels `probe` and `path`, and what can be seen there."""
    return [
        Line(name, route, visible(route, loaded.observers), expected(route))
        for probe, settings in loaded.probes.items()
        for name, route in probe_modules()[probe].lines(settings)
    ]


def criteria(loaded: Loaded) -> set[Criterion]:
    """What the probes check beside the verdicts of their alerts."""
    return {each for probe in loaded.probes for each in probe_modules()[probe].CRITERIA}
