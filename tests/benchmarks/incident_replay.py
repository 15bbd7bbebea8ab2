"""Replay of ten incidents: times of our page and of Sloth's, compared with the true ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from generator.model import AlertingRule, RuleGroup
from tests.benchmarks import incidents, prometheus, recording, tsdb
from tests.benchmarks.incidents import CALM_BEFORE, INCIDENTS, LENGTH, STEP
from tests.benchmarks.methods import BenchmarkTarget, Method, ours, sloth
from tests.benchmarks.traffic import SECOND, START, find_evaluation

_PHASES = tuple(seconds * SECOND for seconds in range(0, 60, 15))
_END = START + LENGTH - STEP

Firings = tuple[tuple[int, ...], ...]
"""For each phase, every moment at which an alert was firing."""


@dataclass(frozen=True, slots=True)
class IncidentReplay:
    """Replay of one incident; times are milliseconds since the incident began.

    The phase of the evaluation interval is arbitrary, so several phases are replayed.

    Attributes:
        job: its name.
        description: what happens.
        rate: events a second.
        page_times: when the exact ratios were worth a page.
        ours: when our page was firing.
        sloth: when Sloth's was, at the same phases.
    """

    job: str
    description: str
    rate: float
    page_times: tuple[int, ...]
    ours: Firings
    sloth: Firings

    @property
    def delays(self) -> list[int]:
        """Delays of our first alert after that of Sloth, per phase; LENGTH if ours never fired."""
        return [
            (our[0] if our else LENGTH) - their[0]
            for our, their in zip(self.ours, self.sloth, strict=True)
            if their
        ]

    @property
    def early_by(self) -> int:
        """By how much ours fired before it was deserved; LENGTH when it never was."""
        firsts = [our[0] for our in self.ours if our]
        if not firsts:
            return 0
        return max(0, self.page_times[0] - min(firsts)) if self.page_times else LENGTH


def replay_incidents(print_line: Callable[[str], None] = lambda _: None) -> list[IncidentReplay]:
    """Run the rules of both over every incident, at every phase."""
    histories = [incidents.build_counters(incident) for incident in INCIDENTS]
    firings = []
    for phase in _PHASES:
        print_line(f"rules at phase {phase // SECOND} s")
        with TemporaryDirectory(prefix="bench-rules-") as temporary:
            folder = Path(temporary)
            tsdb.write_counters([c for history in histories for c in history], folder)
            firings.append(_replay_phase(phase, folder))
    return [
        IncidentReplay(
            incident.job,
            incident.description,
            incident.rate,
            tuple(time - CALM_BEFORE for time in incidents.find_page_times(histories[number])),
            tuple(phase[number][0] for phase in firings),
            tuple(phase[number][1] for phase in firings),
        )
        for number, incident in enumerate(INCIDENTS)
    ]


def _replay_phase(phase: int, folder: Path) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The firing moments of ours and of Sloth's, for every incident."""

    def compute_phase(group: RuleGroup) -> int:
        return phase % recording.get_interval(group)

    targets = [BenchmarkTarget(incident.job) for incident in INCIDENTS]
    pairs = [(ours.build_method(target), sloth.build_default(target)) for target in targets]
    tasks = [
        task
        for pair in pairs
        for method in pair
        for task in recording.build_full_tasks(method, compute_phase)
    ]
    recording.record_series(tasks, folder, end=_END)
    with prometheus.run_prometheus(folder) as server:
        return [
            (
                _find_firing_times(our, compute_phase, server),
                _find_firing_times(their, compute_phase, server),
            )
            for our, their in pairs
        ]


def _find_firing_times(
    method: Method,
    compute_phase: Callable[[RuleGroup], int],
    server: prometheus.BenchmarkPrometheus,
) -> tuple[int, ...]:
    moments: set[int] = set()
    for rule, group in _list_page_rules(method):
        interval = recording.get_interval(group)
        first = find_evaluation(compute_phase(group), interval, end=START) + interval
        for series in server.evaluate_range(rule.expr, first, _END, interval):
            moments.update(time - START - CALM_BEFORE for time, _ in series.samples)
    return tuple(sorted(moments))


def _list_page_rules(method: Method) -> Iterator[tuple[AlertingRule, RuleGroup]]:
    for group in method.groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and rule.alert == method.page:
                yield rule, group
