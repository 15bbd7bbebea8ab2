"""Where Prometheus and Alertmanager are: on PATH, or unpacked into `.tools/` by set-up."""

import shutil
from pathlib import Path

_TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "usr" / "bin"
# Debian calls it by another name than its makers.
_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}


def find(program: str) -> Path | None:
    """The path of a program, or None when it is not there."""
    for name in _NAMES.get(program, (program,)):
        for place in (None, str(_TOOLS)):
            found = shutil.which(name, path=place)
            if found:
                return Path(found)
    return None
