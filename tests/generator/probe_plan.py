"""Results of runs that the prober counts on its own schedule, with the settings of an overlay."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from unittest.mock import MagicMock

from prometheus_client import CollectorRegistry

from exporter.app.plugin_set import build_check_settings, list_probe_paths
from exporter.config.loader import LoadedConfig
from exporter.config.model import Config
from exporter.config.web import WebConfig
from exporter.metrics.checks import CheckMetrics
from exporter.probes import build_key, load_probe_modules
from exporter.probes.security.payloads import EventDefect, NameAttack
from exporter.schedule.timetable import Timetable
from slos.schema import contract
from slos.schema.contract import Criterion
from slos.schema.loader import parse_probe_targets
from slos.schema.yaml.document import read_documents
from slos.schema.yaml.validation import validate_document

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "pro", "studio")
SCRAPE = 30.0
START = 1_796_083_200.0  # 2026-12-01T00:00:00Z
SpoilRun = Callable[[float], bool]
"""Gets the seconds since the start; tells whether the run fails."""

_SECURITY_CHECKS: list[tuple[Criterion, bool | None]] = [
    # As agent-sre 0.5.15 answers: every attempt ends as it must not.
    *((Criterion.INPUT_VALIDATION, False) for _ in EventDefect),
    *((Criterion.CONTAINMENT, False) for _ in NameAttack),
]
_OWN_CHECKS: Mapping[str, list[tuple[Criterion, bool | None]]] = {
    "security": _SECURITY_CHECKS,
    "availability": [(Criterion.HEALTH, True)],
    "leak": [(Criterion.LEAKS, True)],
}
_BURST_CHECKS: list[tuple[Criterion, bool | None]] = [
    (Criterion.NO_RACE, True),
    (Criterion.NO_DEADLOCK, True),
]


def load_overlay(name: str) -> LoadedConfig:
    """Load the configuration of an overlay, with the specs of this repository."""
    path = ROOT / "k8s" / "overlays" / name / "slo-probe.yaml"
    documents, problems = read_documents(path.read_bytes(), path.name)
    config, found = validate_document(documents[0], Config)
    assert config is not None, problems + found
    files = [ROOT / "slos" / Path(spec).name for spec in config.specs]
    targets, found = parse_probe_targets(
        [(file.read_bytes(), file.name) for file in files], now=START
    )
    assert found == []
    return LoadedConfig(path, config, targets.stages, targets.accepted, WebConfig())


@dataclass
class PlannedProber:
    """Metrics of a prober, and the timetables of its probes.

    Attributes:
        loaded: its configuration.
        spoil: tells whether a run fails.
    """

    loaded: LoadedConfig
    spoil: SpoilRun

    def __post_init__(self) -> None:
        self._registry = CollectorRegistry()
        probe_paths = list_probe_paths(self.loaded)
        self._probe_paths = {build_key(each.probe, each.path): each for each in probe_paths}
        self._checks = CheckMetrics(self._registry, wall=lambda: START)
        self._checks.configure(build_check_settings(self.loaded), [Criterion.AVAILABILITY])
        for probe_path in probe_paths:
            self._checks.start_results(probe_path.probe, probe_path.path)

    def count_results(self, seconds: float) -> dict[str, list[float]]:
        """Count the results of all runs of a time: a sample of each series for every scrape."""
        columns: dict[str, list[float]] = {}
        slots = heapq.merge(*(self._list_slots(each, seconds) for each in self._build_timetables()))
        following = next(slots, None)
        values = self._read_values()
        for scrape in range(int(seconds / SCRAPE) + 1):
            if following is not None and following[0] < scrape * SCRAPE:
                while following is not None and following[0] < scrape * SCRAPE:
                    self._run_slot(*following)
                    following = next(slots, None)
                values = self._read_values()
            for series, value in values.items():
                columns.setdefault(series, []).append(value)
        return columns

    def _read_values(self) -> dict[str, float]:
        results = self._registry.restricted_registry([contract.RESULTS])
        return {
            format_series(sample.labels): sample.value
            for family in results.collect()
            for sample in family.samples
        }

    def _build_timetables(self) -> Iterator[Timetable]:
        context = MagicMock(targets=self.loaded.targets)
        for name, settings in self.loaded.probes.items():
            for probe in load_probe_modules()[name].build_probes(settings, context):
                yield Timetable(probe.key, probe.schedule)

    def _list_slots(self, timetable: Timetable, seconds: float) -> Iterator[tuple[float, str]]:
        slot = timetable.find_slot_after(START)
        while (at := timetable.get_slot_time(slot) - START) < seconds:
            yield at, timetable.probe
            slot += 1

    def _run_slot(self, at: float, key: str) -> None:
        if key in _OWN_CHECKS:
            outcome = _OWN_CHECKS[key]
            if self.spoil(at):
                outcome = [*outcome, (Criterion.HEALTH, False)]
            self._checks.count_outcome(key, outcome)
            return
        kind, _, size = key.partition("burst_")
        labels = self._probe_paths[key]
        for _ in range(int(size) if not kind else 1):
            checks = {Criterion.AVAILABILITY: not self.spoil(at)}
            accepted = self._checks.list_accepted(labels.path)
            self._checks.count_result(labels.probe, labels.path, checks, accepted)
        if not kind:
            self._checks.count_outcome(key, _BURST_CHECKS)


def format_series(labels: Mapping[str, str]) -> str:
    """Format a series of results."""
    matchers = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{contract.RESULTS}{{{matchers}}}"


def format_samples(values: Sequence[float]) -> str:
    """Format samples in promtool's notation; equal ones in a row take one word."""
    return " ".join(f"{value:.0f}x{sum(1 for _ in run) - 1}" for value, run in groupby(values))
