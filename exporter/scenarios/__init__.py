"""One file per load scenario; the folder is the registry. A scenario sends more than is normal.

A scenario file has `Settings`, a `Load` with the scenario's own settings; `run(settings, trial)`,
which sends the load and tells what it found; and `readings(results)`, what the gauges show after
some runs. It never decides when it runs: somebody asks for it (`exporter/load/desk.py`).
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.load.readings import Reading
from exporter.load.result import Result
from exporter.load.settings import Load
from exporter.load.trial import Trial
from exporter.plugins import modules
from slos.schema.contract import Scenario


class ScenarioModule(Protocol):
    """What a file in this folder offers."""

    Settings: type[Load]
    UNIT: str
    """Of the load of its steps, for a reader."""

    async def run(self, settings: Load, trial: Trial) -> None:
        """Send the load, and tell the trial what was found.

        Raises:
            StoppedError: it did not come to its end.
        """

    readings: Callable[[Sequence[Result]], Iterable[Reading]]
    """What the gauges show after these runs, which came to their end, the newest first."""


@cache
def scenario_modules() -> dict[Scenario, ScenarioModule]:
    """All scenarios by the value of the label `scenario`."""
    found = modules(sys.modules[__name__])
    return {Scenario(name): cast("ScenarioModule", module) for name, module in found.items()}
