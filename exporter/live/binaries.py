"""Paths of Prometheus and Alertmanager: on PATH, or in `.tools/`."""

import shutil
from pathlib import Path

_TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "usr" / "bin"
# Debian's package has another name for the program.
_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}


def find(program: str) -> Path | None:
    """Find the path of a program; None when it is not installed."""
    for name in _NAMES.get(program, (program,)):
        for place in (None, str(_TOOLS)):
            found = shutil.which(name, path=place)
            if found:
                return Path(found)
    return None
