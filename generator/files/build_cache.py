"""Cache of the builds of a folder: what is known of each spec file, by a digest.

It is in the cache folder of the user, because the output folder is often in a repository. It is no
loss if it is missing or cannot be written.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import promql_parser
import pydantic
import yaml

import generator
import slos.schema

Entry = dict[str, Any]
_CACHE_VARIABLE = "XDG_CACHE_HOME"


def read_entries(folder: Path) -> dict[str, Entry]:
    """Read what the last build of a folder knew of its spec files, by digest."""
    try:
        entries = json.loads(_find_file(folder).read_bytes())
    except (OSError, ValueError, RuntimeError):  # the last one: there is no home
        return {}
    return entries if isinstance(entries, dict) else {}


def write_entries(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Replace what is known of the spec files of a folder."""
    with suppress(OSError, RuntimeError):
        file = _find_file(folder)
        new_file = file.with_name(f"{file.name}.{os.getpid()}")
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            new_file.write_text(json.dumps(entries, separators=(",", ":")), encoding="utf-8")
            new_file.replace(file)
        finally:
            new_file.unlink(missing_ok=True)


def compute_fingerprint() -> str:
    """Compute a digest of the generator, which changes with its code and its libraries."""
    digest = hashlib.sha256(f"{sys.version} {pydantic.VERSION} {yaml.__version__}".encode())
    for path in sorted(_list_code_files()):
        status = Path(path).stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _list_code_files() -> Iterator[str]:
    for package in (generator, slos.schema, promql_parser):
        for folder, folders, names in os.walk(next(iter(package.__path__))):
            folders[:] = [each for each in folders if each != "__pycache__"]
            yield from (f"{folder}/{name}" for name in names)


def find_cache_folder() -> Path:
    """Find the folder of all caches.

    Raises:
        RuntimeError: there is no home.
    """
    return Path(os.environ.get(_CACHE_VARIABLE) or Path("~/.cache").expanduser(), "slo-rules")


def _find_file(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    return find_cache_folder() / f"{name}.json"
