"""Settings that are fixed at the start of the prober; a change needs a restart. Pure."""

from collections.abc import Iterator
from functools import reduce

from exporter.web.config_file import WebConfig

_KEYS = ("canary", "web.listen", "journal", "lease")
Change = tuple[tuple[str, ...], str, str]
"""Place in the configuration, message and hint."""


def changes(now: object, before: object) -> Iterator[Change]:
    """Find settings that may not differ between two configurations."""
    for key in _KEYS:
        place = tuple(key.split("."))
        if reduce(getattr, place, now) != reduce(getattr, place, before):
            hint = "restart the prober, or take the change back"
            yield place, f"{key} changed while it is in use", hint


def switched(now: WebConfig, before: WebConfig) -> Iterator[Change]:
    """Find a change between TLS and plain HTTP.

    Unnoticed, clients would send passwords in the clear.
    """
    if (now.tls is None) != (before.tls is None):
        text = f"TLS was switched {'off' if now.tls is None else 'on'} while the pages are served"
        yield ("web", "config_file"), text, "restart the prober, or take the change back"
