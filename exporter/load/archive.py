"""Results of earlier scenario runs, in a file beside the journal, so that a restart can show them.

The file is written whole and renamed over the old one, so a crash leaves one or the other. Results
that cannot be written are logged and kept in memory. A file that cannot be read is set aside, never
overwritten.
"""

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from exporter.load.result import Result, State, read
from slos.schema.contract import Scenario

_log = logging.getLogger(__name__)


class Archive:
    """Last results of each scenario, the newest first.

    Args:
        path: the file.
        keep: results of each scenario to keep; the newest of each number of replicas stays too.
    """

    def __init__(self, path: Path, *, keep: int) -> None:
        self._path = path
        self.keep = keep
        self._results: list[Result] = []
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Read the results of earlier processes; none when the file cannot be read."""
        self._results = await asyncio.to_thread(self._read)

    def of(self, scenario: Scenario) -> list[Result]:
        """List the runs of a scenario, the newest first."""
        return [result for result in self._results if result.scenario is scenario]

    def completed(self, scenario: Scenario) -> list[Result]:
        """List the runs of a scenario that completed, the newest first."""
        return [result for result in self.of(scenario) if result.state is State.COMPLETED]

    async def put(self, result: Result) -> None:
        """Write the state of a run."""
        others = [other for other in self._results if other.id != result.id]
        self._results = kept([result, *others], keep=self.keep)
        async with self._writing:
            text = json.dumps([each.as_json() for each in self._results])
            try:
                await asyncio.to_thread(self._write, text)
            except OSError as error:
                _log.error("results of scenarios: cannot write %s: %s", self._path, error.strerror)

    def _write(self, text: str) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def _read(self) -> list[Result]:
        try:
            told = json.loads(self._path.read_bytes())
            return [read(each) for each in told]
        except FileNotFoundError:
            return []
        except OSError as error:
            _log.error("results of scenarios: cannot read %s: %s", self._path, error.strerror)
        except (ValueError, TypeError):
            self._set_aside()
        return []

    def _set_aside(self) -> None:
        names = (self._path.with_name(f"{self._path.name}.damaged-{n}") for n in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        try:
            self._path.rename(aside)
        except OSError as error:
            _log.error("results of scenarios: cannot move %s away: %s", self._path, error.strerror)
        else:
            _log.error("results of scenarios: the file was damaged; set aside as %s", aside)


def kept(results: Sequence[Result], *, keep: int) -> list[Result]:
    """Select the results to keep: the last ones, and those that later ones are compared with."""
    counts: dict[Scenario, int] = {}
    seen: set[tuple[Scenario, int | None]] = set()
    found = []
    for result in results:
        counts[result.scenario] = counts.get(result.scenario, 0) + 1
        completed = result.state is State.COMPLETED
        newest = completed and (result.scenario, result.level) not in seen
        if completed:
            seen.add((result.scenario, result.level))
        if counts[result.scenario] <= keep or newest:
            found.append(result)
    return found
