"""API and registry of load scenarios: one plug-in file each.

A scenario file has its `SCENARIO`, the value of the label `scenario`; `Settings`, which extend
`LoadSettings`; `UNIT`, the unit of its load; `NEEDS_PROMETHEUS`, whether it queries Prometheus;
`run_scenario(settings, scenario_run)`, which sends the load and records its result; and
`list_samples(results)`, the values of the gauges after some runs. A scenario runs on demand only
(`exporter/app/load_controller.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.result import ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from slos.schema.plugin_loader import load_modules_by_id


class ScenarioModule(Protocol):
    """API of a file in this folder."""

    SCENARIO: str
    Settings: type[LoadSettings]
    NEEDS_PROMETHEUS: bool
    """True if the configuration must name a Prometheus."""
    UNIT: str
    """Unit of the load of a step, as shown in results."""

    async def run_scenario(self, settings: LoadSettings, scenario_run: ScenarioRun) -> None:
        """Send the load, and record the result in the run.

        Raises:
            StoppedError: it was stopped before its end.
        """

    list_samples: Callable[[Sequence[ScenarioResult]], Iterable[ScenarioSample]]
    """Lists the samples of the gauges after these completed runs, the newest first."""


@cache
def load_scenario_modules() -> dict[str, ScenarioModule]:
    """Load all scenarios, by the value of the label `scenario`."""
    return cast("dict[str, ScenarioModule]", load_modules_by_id(__name__, "SCENARIO"))
