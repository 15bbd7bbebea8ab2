"""One file per probe; the folder is the registry. A probe asks once and never loops.

A probe file has `Settings`, a `Rhythm` with the probe's own settings; `CRITERIA`, what it checks
beside the verdicts of its alerts; `lines(settings)`, under which names and ways it sends; and
`probes(settings, means)`, one for each plan to keep. Other distributions add probes by the entry
point group `slo_probe.probes`, each naming such a module.
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
    """What the runner asks of a probe."""

    key: str
    """Its name among all plans; a label value."""
    rhythm: Rhythm

    async def ask(self, turn: Turn) -> Outcome:
        """Ask once, and come back when nothing can change the answer any more."""


class ProbeModule(Protocol):
    """What a file in this folder offers."""

    Settings: type[Rhythm]
    CRITERIA: frozenset[Criterion]

    def lines(self, settings: Rhythm) -> Sequence[tuple[str, Route]]:
        """The pairs of the labels `probe` and `path` that it uses."""

    def probes(self, settings: Rhythm, means: Means) -> Sequence[Probe]:
        """One probe for each plan."""


@cache
def probe_modules() -> Mapping[str, ProbeModule]:
    """All probes by name, ours and those of others; ours win."""
    ours = modules(sys.modules[__name__])
    found = {**of_others()[0], **ours}
    return {name: cast("ProbeModule", module) for name, module in found.items()}


def broken_modules() -> Mapping[str, str]:
    """Probes of others that are of no use, and why; they harm only who wants to use them."""
    ours = modules(sys.modules[__name__])
    return {name: why for name, why in of_others()[1].items() if name not in ours}


@cache
def of_others() -> tuple[dict[str, object], dict[str, str]]:
    """Probes of other distributions, and those of them that are of no use."""
    return installed(GROUP, flaw=_flaw)


def _flaw(module: object) -> str | None:
    """What keeps something from being a probe."""
    missing = [name for name in _MEMBERS if not hasattr(module, name)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    settings = module.Settings  # type: ignore[attr-defined]  # just looked
    if not (isinstance(settings, type) and issubclass(settings, Rhythm)):
        return "its Settings are no exporter.rhythm.Rhythm"
    return None


def key_of(name: str, route: Route) -> str:
    """The name of a plan: most go straight, so only another way is named."""
    return name if route is Route.DIRECT else f"{name}_{route}"
