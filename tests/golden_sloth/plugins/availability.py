"""Sloth's getting-started SLI plugin, in Python."""

import re
from collections.abc import Mapping

SLI_PLUGIN_ID = "getting_started_availability"

_FILTER = re.compile(r'([^=]+="[^=,"]+",)+')


def sli_plugin(_: Mapping[str, str], labels: Mapping[str, str], options: Mapping[str, str]) -> str:
    """The share of answers with a status of 5xx or 429."""
    if "job" not in options:
        raise ValueError("job is required")
    for label in ("owner", "tier"):
        if not labels.get(label):
            raise ValueError(f"the label {label} is required")
    found = options.get("filter", "").strip("{},")
    found = f"{found}," if found else ""
    if found and not _FILTER.fullmatch(found):
        raise ValueError(f"invalid filter {found}")
    job = options["job"]
    total = f'http_request_duration_seconds_count{{ {found}job="{job}"'
    return (
        f'\nsum(rate({total},code=~"(5..|429)" }}[{{{{.window}}}}]))'
        f"\n/\nsum(rate({total} }}[{{{{.window}}}}]))"
    )
