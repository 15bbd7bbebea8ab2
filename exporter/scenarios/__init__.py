"""API and registry of load scenarios: one plug-in file each. A scenario sends more than probes do.

A scenario file has `Settings`, which extend `LoadSettings`; `UNIT`, the unit of its load;
`run_scenario(settings, scenario_run)`, which sends the load and records its result; and
`list_samples(results)`, the values of the gauges after some runs. A scenario runs on demand only
(`exporter/app/load_controller.py`).
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.result import ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from exporter.plugins import load_modules
from slos.schema.contract import Scenario


class ScenarioModule(Protocol):
    """API of a file in this folder."""

    Settings: type[LoadSettings]
    UNIT: str
    """Unit of the load of its steps, for a reader."""

    async def run_scenario(self, settings: LoadSettings, scenario_run: ScenarioRun) -> None:
        """Send the load, and record the result in the run.

        Raises:
            StoppedError: it was stopped before its end.
        """

    list_samples: Callable[[Sequence[ScenarioResult]], Iterable[ScenarioSample]]
    """Lists the samples of the gauges after these completed runs, the newest first."""


@cache
def load_scenario_modules() -> dict[Scenario, ScenarioModule]:
    """Load all scenarios, by the value of the label `scenario`."""
    found = load_modules(sys.modules[__name__])
    return {Scenario(name): cast("ScenarioModule", module) for name, module in found.items()}
