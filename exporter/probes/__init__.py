"""API and registry of probes: one plug-in file each. A probe runs one slot and never loops.

A probe file has `Settings`, which extend `Schedule`; `CRITERIA`, which it checks in addition to the
verdicts of its alerts; `list_label_pairs(settings)`, the names and paths under which it sends; and
`build_probes(settings, context)`, one for each timetable. Other distributions add probes by the
entry point group `slo_probe.probes`, each naming such a module.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.courier import Turn
from exporter.means import Means, Outcome
from exporter.plugins import installed, modules
from exporter.rhythm import Rhythm
from slos.schema.contract import Criterion, Route

GROUP = "slo_probe.probes"
_MEMBERS = ("Settings", "CRITERIA", "lines", "probes")


class Probe(Protocol):
    """A probe, as the probe runner uses it."""

    key: str
    """Unique name of its timetable; a label value."""
    rhythm: Rhythm

    async def ask(self, turn: Turn) -> Outcome:
        """Run one slot; return when nothing can change the outcome any more."""


class ProbeModule(Protocol):
    """API of a file in this folder."""

    Settings: type[Rhythm]
    CRITERIA: frozenset[Criterion]

    def lines(self, settings: Rhythm) -> Sequence[tuple[str, Route]]:
        """List the pairs of the labels `probe` and `path` that it uses."""

    def probes(self, settings: Rhythm, means: Means) -> Sequence[Probe]:
        """Build one probe for each timetable."""


@cache
def probe_modules() -> Mapping[str, ProbeModule]:
    """Load all probes by name, with those of other distributions; this package wins."""
    ours = modules(sys.modules[__name__])
    found = {**of_others()[0], **ours}
    return {name: cast("ProbeModule", module) for name, module in found.items()}


def broken_modules() -> Mapping[str, str]:
    """List probes of other distributions that cannot be used, and why.

    One is an error only in a configuration that names it.
    """
    ours = modules(sys.modules[__name__])
    return {name: why for name, why in of_others()[1].items() if name not in ours}


@cache
def of_others() -> tuple[dict[str, object], dict[str, str]]:
    """Load the probes of other distributions; return the good ones, and why others are broken."""
    return installed(GROUP, flaw=_flaw)


def _flaw(module: object) -> str | None:
    """Find the defect that keeps an object from being a probe module."""
    missing = [name for name in _MEMBERS if not hasattr(module, name)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    settings = module.Settings  # type: ignore[attr-defined]  # checked above
    if not (isinstance(settings, type) and issubclass(settings, Rhythm)):
        return "its Settings are no exporter.rhythm.Rhythm"
    return None


def key_of(name: str, route: Route) -> str:
    """Build the key of a timetable; only a path other than direct is named in it."""
    return name if route is Route.DIRECT else f"{name}_{route}"
