"""Limit of open files of this process. A thousand events at once need about three thousand."""

import resource


def settle_open_files() -> None:
    """Raise the soft limit of open files to the hard limit; the usual 1024 is too low."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
