"""Cache of what was read of the past, so that a run that was ended goes on where it was.

It is in the cache folder of the user. It is no loss if it is missing or cannot be written.
"""

import hashlib
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.files.build_cache import find_cache_folder

Labels = tuple[tuple[str, str], ...]
_LABELS = "labels"


@dataclass(frozen=True, slots=True)
class HistoryCache:
    """Cache in a folder; each chunk is a file.

    Attributes:
        folder: the folder.
    """

    folder: Path

    def read_chunk(self, key: str) -> dict[Labels, NDArray[np.float64]] | None:
        """Read the series of a chunk; None if it is not there or damaged."""
        try:
            with (
                self._find_file(key).open("rb") as opened,
                np.load(opened, allow_pickle=False) as file,
            ):
                names = json.loads(str(file[_LABELS]))
                return {
                    tuple((name, value) for name, value in labels): file[str(number)]
                    for number, labels in enumerate(names)
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write_chunk(self, key: str, samples: dict[Labels, NDArray[np.float64]]) -> None:
        """Keep the series of a chunk."""
        file = self._find_file(key)
        new_file = file.with_name(f"{file.stem}.{os.getpid()}.new")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with new_file.open("wb") as opened:
                    arrays = {str(number): rows for number, rows in enumerate(samples.values())}
                    labels = np.array(json.dumps(list(samples)))
                    np.savez_compressed(opened, allow_pickle=False, **{_LABELS: labels}, **arrays)
                new_file.replace(file)
            finally:
                new_file.unlink(missing_ok=True)

    def _find_file(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def find_history_cache() -> Path | None:
    """Find the folder of the cache; None where the user has no home."""
    with suppress(RuntimeError):
        return find_cache_folder() / "history"
    return None
