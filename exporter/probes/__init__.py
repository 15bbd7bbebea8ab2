"""API and registry of probes; runs one turn of one probe."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.tls import TlsFileError
from exporter.metrics.runs import Metrics
from exporter.plugins import installed, modules, told
from exporter.prober.context import Means, Outcome
from exporter.prober.runner import Courier, Errand, Turn
from exporter.schedule.scheduler import Slot
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import Criterion, Route

GROUP = "slo_probe.probes"
_MEMBERS = ("Settings", "CRITERIA", "lines", "probes")

_log = logging.getLogger(__name__)


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


class Single:
    """Probe that sends one alert per slot."""

    def __init__(self, key: str, rhythm: Rhythm, errand: Errand, courier: Courier) -> None:
        self.key = key
        self.rhythm = rhythm
        self._errand = errand
        self._courier = courier

    async def ask(self, turn: Turn) -> Outcome:
        """Run one alert; return when its verdict is certain or the deadline has passed."""
        return Outcome(results=(await self._courier.carry(self._errand, turn),))


class Runner:
    """Runs the probes of a generation."""

    def __init__(self, probes: Iterable[Probe], metrics: Metrics) -> None:
        self.probes = {probe.key: probe for probe in probes}
        self._metrics = metrics

    async def run(self, slot: Slot) -> Outcome:
        """Run one slot. An exception of the probe is logged and becomes a failed outcome."""
        probe = self.probes[slot.probe]
        try:
            outcome = await probe.ask(Turn(slot.intended, slot.intended_at))
            for criterion, passed in outcome.checks:
                self._metrics.check(criterion, passed=passed)
        except (CredentialsError, TlsFileError) as error:
            outcome = Outcome(notes=(f"nothing was asked: {error}",), failed=True)
        except Exception as error:  # noqa: BLE001 - logged in full; the next slot may succeed
            _log.exception("%s: the probe broke", slot.probe)
            return Outcome(notes=(f"{slot.probe} broke: {told(error)}",), failed=True)
        for note in outcome.notes:
            _log.warning("%s: %s", slot.probe, note)
        return outcome
