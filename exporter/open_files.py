"""How many files this process may open: a thousand events at once need three thousand."""

import resource


def settle_open_files() -> None:
    """Allow as many as the system does; the usual 1024 is a limit of programs from long ago."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
