"""`slo-probe`: sends synthetic alerts through agent-sre, judges each run and exports metrics."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def read_version() -> str:
    """Read the version of the installed distribution."""
    try:
        return installed("slo-monitor")
    except PackageNotFoundError:
        return "unknown"
