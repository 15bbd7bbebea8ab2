"""Cache of what was read of the past, so that a run that was ended goes on where it was.

It is in the cache folder of the user. It is no loss if it is missing or cannot be written.
"""

import hashlib
import json
import os
import zlib
from array import array
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from generator.files.build_cache import find_cache_folder

Labels = tuple[tuple[str, str], ...]
_FASTEST = 1


@dataclass(frozen=True, slots=True)
class SampleCache:
    """Cache in a folder; each chunk is a file.

    Attributes:
        folder: the folder.
        used: files that this run has read or written.
    """

    folder: Path
    used: set[Path] = field(default_factory=set)

    def read_chunk(self, key: str) -> dict[Labels, "array[float]"] | None:
        """Read the series of a chunk; None if it is not there or damaged."""
        file = self._find_file(key)
        try:
            head, _, rest = zlib.decompress(file.read_bytes()).partition(b"\n")
            values = array("d", rest)
            series: dict[Labels, array[float]] = {}
            for labels, first, last in json.loads(head):
                series[tuple((name, value) for name, value in labels)] = values[first:last]
        except (OSError, ValueError, TypeError, zlib.error):
            return None
        self.used.add(file)
        return series

    def write_chunk(self, key: str, samples: Mapping[Labels, "array[float]"]) -> None:
        """Keep the series of a chunk."""
        file = self._find_file(key)
        self.used.add(file)
        head, values = [], array("d")
        for labels, each in samples.items():
            head.append((labels, len(values), len(values) + len(each)))
            values.extend(each)
        data = zlib.compress(json.dumps(head).encode() + b"\n" + values.tobytes(), _FASTEST)
        new_file = file.with_name(f"{file.stem}.{os.getpid()}.new")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                new_file.write_bytes(data)
                new_file.replace(file)
            finally:
                new_file.unlink(missing_ok=True)

    def remove_used(self) -> None:
        """Remove the chunks that this run has read or written."""
        for file in self.used:
            file.unlink(missing_ok=True)

    def _find_file(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.samples"


def open_sample_cache(name: str) -> SampleCache | None:
    """Open a cache of the user; None where the user has no home."""
    with suppress(RuntimeError):
        return SampleCache(find_cache_folder() / name)
    return None
