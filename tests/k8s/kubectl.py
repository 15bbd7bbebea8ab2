"""kubectl, whose kustomize builds the manifests, where there is one that is new enough."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from exporter.live.binaries import find
from tests.k8s.documents import documents

_OLDEST = (5, 0)
"""Of the kustomize in it. Debian 12's kubectl holds 2.0, which knows neither components nor labels
of templates."""


@cache
def kubectl() -> Path | None:
    """The program, when it is there and can build what is asked of it."""
    found = find("kubectl")
    if found is None:
        return None
    told = subprocess.run(
        [found, "version", "--client", "--output=json"],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    version = str(json.loads(told.stdout).get("kustomizeVersion"))
    number = re.match(r"v(\d+)\.(\d+)\.", version)
    return found if number and (int(number[1]), int(number[2])) >= _OLDEST else None


def kustomized(program: Path, folder: Path) -> list[dict[str, Any]]:
    """What `kubectl kustomize` makes of a folder; a warning counts as a fault."""
    done = subprocess.run(
        [program, "kustomize", folder], capture_output=True, check=False, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return documents(done.stdout)
