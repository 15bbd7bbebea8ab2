"""API and registry of probes, and the runner of their slots."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol, cast

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.tls import TlsFileError
from exporter.metrics.runs import RunMetrics
from exporter.model.run import Run
from exporter.plugins import describe_error, load_entry_points
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob, AlertRunner
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema.contract import Criterion, DeliveryPath
from slos.schema.extras import describe_missing, is_missing
from slos.schema.plugin_loader import list_module_names, load_modules

ENTRY_POINT_GROUP = "slo_probe.probes"
_REQUIRED_MEMBERS = ("Settings", "CRITERIA", "list_label_pairs", "build_probes")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """Outcome of one slot of a probe.

    Attributes:
        runs: runs of the alerts that it sent.
        checks: criteria that it checked in addition, and whether each was met; None says that
            nothing is configured to be checked, which is neither.
        notes: one line of text for each check that was not met.
        failed: whether nothing was measured, because the probe could not do its work.
        accepted: criteria whose failed checks count as accepted.
    """

    runs: tuple[Run, ...] = ()
    checks: tuple[tuple[Criterion, bool | None], ...] = ()
    notes: tuple[str, ...] = ()
    failed: bool = False
    accepted: frozenset[Criterion] = frozenset()


class Probe(Protocol):
    """A probe, as the probe runner uses it."""

    key: str
    """Unique name of its timetable; a label value."""
    schedule: Schedule

    async def run(self, slot: Slot) -> ProbeOutcome:
        """Run one slot; return when nothing can change the outcome any more."""


class ProbeModule(Protocol):
    """API of a file in this folder."""

    Settings: type[Schedule]
    CRITERIA: frozenset[Criterion]

    def list_label_pairs(self, settings: Schedule) -> Sequence[tuple[str, str]]:
        """List the pairs of the labels `probe` and `path` that it uses.

        A label `probe` that begins with `scenario_` belongs to a load.
        """

    def build_probes(self, settings: Schedule, context: ProbeContext) -> Sequence[Probe]:
        """Build one probe for each timetable."""


@cache
def load_probe_modules() -> Mapping[str, ProbeModule]:
    """Load all probes by name, with those of other distributions; this package wins."""
    found = {**load_installed_probes()[0], **load_modules(__name__, leave_out=is_missing)}
    return {name: cast("ProbeModule", module) for name, module in found.items()}


def list_broken_modules() -> Mapping[str, str]:
    """List probes that cannot be used, and why: broken ones, and ours without their extra.

    One is an error only in a configuration that names it.
    """
    ours = list_module_names(__name__)
    return {
        **{name: why for name, why in load_installed_probes()[1].items() if name not in ours},
        **{name: describe_missing("it", name) for name in ours if is_missing(name)},
    }


@cache
def load_installed_probes() -> tuple[dict[str, object], dict[str, str]]:
    """Load the probes of other distributions; return the good ones, and why others are broken."""
    return load_entry_points(ENTRY_POINT_GROUP, find_flaw=find_flaw)


def find_flaw(module: object) -> str | None:
    """Find the defect that keeps an object from being a probe module."""
    missing = [name for name in _REQUIRED_MEMBERS if not hasattr(module, name)]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    settings = module.Settings  # type: ignore[attr-defined]  # checked above
    if not (isinstance(settings, type) and issubclass(settings, Schedule)):
        return "its Settings is not a subclass of exporter.schedule.timetable.Schedule"
    return None


def build_key(name: str, path: str) -> str:
    """Build the key of a timetable; only a path other than direct is named in it."""
    return name if path == DeliveryPath.DIRECT else f"{name}_{path}"


class SingleAlertProbe:
    """Probe that sends one alert per slot."""

    def __init__(
        self, key: str, schedule: Schedule, job: AlertJob, alert_runner: AlertRunner
    ) -> None:
        self.key = key
        self.schedule = schedule
        self._job = job
        self._alert_runner = alert_runner

    async def run(self, slot: Slot) -> ProbeOutcome:
        """Run one alert; return when its verdict is certain or the deadline has passed."""
        return ProbeOutcome(runs=(await self._alert_runner.run(self._job, slot),))


class ProbeRunner:
    """Runs the probes of a plug-in set."""

    def __init__(self, probes: Iterable[Probe], metrics: RunMetrics) -> None:
        self.probes = {probe.key: probe for probe in probes}
        self._metrics = metrics

    async def run_slot(self, key: str, slot: Slot) -> ProbeOutcome:
        """Run one slot of a probe. Its exception is logged and becomes a failed outcome."""
        try:
            outcome = await self.probes[key].run(slot)
            checks = self._metrics.checks
            checks.count_outcome(key, outcome.checks)
            outcome = replace(outcome, accepted=checks.list_accepted())
        except (CredentialsError, TlsFileError) as error:
            outcome = ProbeOutcome(notes=(f"no request was sent: {error}",), failed=True)
        except Exception as error:  # noqa: BLE001 - logged in full; the next slot may succeed
            _log.exception("%s: the probe failed", key)
            return ProbeOutcome(notes=(f"{key} failed: {describe_error(error)}",), failed=True)
        for note in outcome.notes:
            _log.warning("%s: %s", key, note)
        return outcome
