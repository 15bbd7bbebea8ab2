"""kubectl, whose kustomize builds the manifests: on PATH, or unpacked into `.tools/` by set-up."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

from exporter.live.binaries import find

_OLDEST = (5, 0)
"""Of its kustomize. What came with kubectl up to 1.26 knows no `labels` with templates, and what
came before 1.21 no components at all."""


@cache
def KUBECTL() -> Path:  # noqa: N802 - stands for a constant that is looked up once
    """The program; its absence fails the tests that need it, and says so."""
    found = find("kubectl")
    assert found, "there is no kubectl: .ci/tools fetches Debian's, or put one on PATH"
    told = subprocess.run(
        [found, "version", "--client", "--output=json"],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    version = str(json.loads(told.stdout).get("kustomizeVersion"))
    number = re.match(r"v(\d+)\.(\d+)\.", version)
    assert number, f"{found} does not say which kustomize it holds"
    have = (int(number[1]), int(number[2]))
    assert have >= _OLDEST, f"{found} holds kustomize {version}: please put a newer one on PATH"
    return found
