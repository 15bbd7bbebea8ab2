"""Checkpoint of a scenario run: its steps so far, so that a restart does not lose them.

The file is next to the journal, one JSON document a line: the run, then each step that was judged.
A step names its events by their ids; what happened to them is in the journal. A run that is resumed
goes through its scenario again, and gets those steps instead of sending them.
"""

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exporter.model.run import Run

_FORMAT, _VERSION = "slo-probe/scenario-checkpoint", 1


_log = logging.getLogger(__name__)


class CheckpointError(Exception):
    """No checkpoint that can be resumed; the text holds the reason."""


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """Run that a checkpoint belongs to.

    Attributes:
        id: id of the run.
        started_at: wall clock seconds of its start.
        settings: settings of the scenario, as JSON.
        compress: factor by which the plan of the load is shortened.
    """

    id: str
    started_at: float
    settings: Mapping[str, Any]
    compress: float


@dataclass(frozen=True, slots=True)
class StoredStep:
    """Step of a checkpoint, with the ids and the send lags of its events."""

    load: float
    phase: str
    duration: float
    offset: float
    ended: float
    in_flight: int
    prober_cpu: float | None
    offsets: Sequence[float]
    ids: Sequence[str]
    lags: Sequence[float | None]
    replicas: int | None = None

    def restore_runs(self, found: Mapping[str, Run]) -> list[Run] | None:
        """Restore the events from the journal; None if it does not have all of them."""
        if not all(run_id in found for run_id in self.ids):
            return None
        return [
            dataclasses.replace(found[run_id], send_lag=lag)
            for run_id, lag in zip(self.ids, self.lags, strict=True)
        ]


class Checkpoint:
    """Checkpoint file of one scenario.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept_path = path.with_name(f"{path.name}.kept")

    def start(self, header: CheckpointHeader) -> int:
        """Start the file of a run; return the number of steps of an interrupted run that is kept.

        An interrupted run stays resumable until another one is interrupted.
        """
        kept_steps = self._keep_interrupted(header.id)
        document = {"format": _FORMAT, "version": _VERSION, **asdict(header)}
        self._write(document, "w")
        return kept_steps

    def _keep_interrupted(self, run_id: str) -> int:
        """Rename the file of another run that has steps; return their number."""
        try:
            path, header, steps = self._find_interrupted()
            if header.id == run_id:  # it goes on in the new file
                if path == self._kept_path:
                    path.unlink()
                return 0
            if steps and path == self._path:
                path.replace(self._kept_path)
        except CheckpointError:
            return 0
        except OSError as error:
            _log.error("checkpoint: cannot rename %s: %s", self._path, error.strerror)
            return 0
        return len(steps)

    def add_step(self, step: StoredStep) -> None:
        """Add a step."""
        self._write(asdict(step), "a")

    def _write(self, document: Mapping[str, Any], mode: str) -> None:
        """Write a line. A load goes on without its checkpoint."""
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(json.dumps(document) + "\n")
        except OSError as error:
            _log.error("checkpoint: cannot write %s: %s", self._path, error.strerror)

    def remove(self) -> None:
        """Remove the file: the run is complete."""
        self._path.unlink(missing_ok=True)

    def read(self) -> tuple[CheckpointHeader, list[StoredStep]]:
        """Read the run that was interrupted last, and its steps.

        Raises:
            CheckpointError: there is none, or it is of another version.
        """
        return self._find_interrupted()[1:]

    def _find_interrupted(self) -> tuple[Path, CheckpointHeader, list[StoredStep]]:
        paths = (self._path, self._kept_path)
        found = [(path, *_read_file(path)) for path in paths if path.exists()]
        if not found:
            raise CheckpointError("there is no interrupted run to resume")
        return next((each for each in found if each[2]), found[0])


def _read_file(path: Path) -> tuple[CheckpointHeader, list[StoredStep]]:
    """Read a file; a last line that was cut off is left out.

    Raises:
        CheckpointError: it cannot be read, or is of another version.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    try:
        head = json.loads(lines[0])
        if (head.pop("format"), head.pop("version")) != (_FORMAT, _VERSION):
            raise CheckpointError(f"{path} is of another version of slo-probe")
        return CheckpointHeader(**head), list(map(_parse_step, lines[1:-1])) + _parse_last(
            lines[1:][-1:]
        )
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}") from error


def _parse_step(line: str) -> StoredStep:
    return StoredStep(**json.loads(line))


def _parse_last(lines: Sequence[str]) -> list[StoredStep]:
    """Parse the last line, which a sudden end of the process may have cut off."""
    try:
        return [_parse_step(line) for line in lines]
    except ValueError:
        return []
