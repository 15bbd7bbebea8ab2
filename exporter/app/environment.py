"""Environment of a scenario run, for its result file: programs, machine, target."""

import os
import platform
from pathlib import Path
from typing import Any

from exporter import read_version

_CPU_MODEL = "model name"


def describe_environment(*, target: str, linear: str, compress: float) -> dict[str, Any]:
    """Describe where and with what a scenario runs.

    Args:
        target: URL of agent-sre.
        linear: kind of Linear in which its issues are opened.
        compress: factor by which the plan of the load is shortened.
    """
    return {
        "slo_probe": read_version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu_model": _read_cpu_model(),
        "cpus": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "target": target,
        "linear": linear,
        "compress": compress,
    }


def _read_cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(_CPU_MODEL))
    return next(names, platform.machine())
