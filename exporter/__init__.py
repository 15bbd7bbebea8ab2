"""Package doc: what the prober does and what does not belong here; the version."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def read_version() -> str:
    """Read the version of the installed distribution."""
    try:
        return installed("slo-monitor")
    except PackageNotFoundError:
        return "unknown"
