"""Prober of agent-sre: sends synthetic alerts and exports how they were handled."""


def read_version() -> str:
    """Read the version of the installed distribution."""
    from importlib import metadata  # noqa: PLC0415 - its import takes as long as that of click

    try:
        return metadata.version("slo-monitor")
    except metadata.PackageNotFoundError:
        return "unknown"
