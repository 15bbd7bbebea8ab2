"""Ten incidents replayed: when our page fires, when Sloth's does, and whether it should."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from generator.model import AlertingRule, RuleGroup
from tests.benchmarks import incidents, prometheus, recording, tsdb
from tests.benchmarks.incidents import BEFORE, INCIDENTS, LENGTH, STEP
from tests.benchmarks.methods import Method, Target, ours, sloth
from tests.benchmarks.timeline import SECOND, START, beat

_PHASES = tuple(seconds * SECOND for seconds in range(0, 60, 15))
_END = START + LENGTH - STEP

Firings = tuple[tuple[int, ...], ...]
"""For each phase, every moment at which an alert was firing."""


@dataclass(frozen=True, slots=True)
class Page:
    """How one incident went; moments are milliseconds since its trouble began.

    When in its interval a group is evaluated is luck, so several phases are tried.

    Attributes:
        job: its name.
        says: what happens.
        rate: events a second.
        deserved: when the exact ratios were worth a page.
        ours: when our page was firing.
        sloths: when Sloth's was, at the same phases.
    """

    job: str
    says: str
    rate: float
    deserved: tuple[int, ...]
    ours: Firings
    sloths: Firings

    @property
    def delays(self) -> list[int]:
        """How much later ours fired first than Sloth's, for each phase; LENGTH for never."""
        return [
            (our[0] if our else LENGTH) - their[0]
            for our, their in zip(self.ours, self.sloths, strict=True)
            if their
        ]

    @property
    def undeserved(self) -> int:
        """By how much ours fired before it was deserved; LENGTH when it never was."""
        firsts = [our[0] for our in self.ours if our]
        if not firsts:
            return 0
        return max(0, self.deserved[0] - min(firsts)) if self.deserved else LENGTH


def replay(say: Callable[[str], None] = lambda _: None) -> list[Page]:
    """Run the rules of both over every incident, at every phase."""
    histories = [incidents.counters_of(incident) for incident in INCIDENTS]
    firings = []
    for phase in _PHASES:
        say(f"rules at phase {phase // SECOND} s")
        with TemporaryDirectory(prefix="bench-rules-") as temporary:
            folder = Path(temporary)
            tsdb.write_counters([c for history in histories for c in history], folder)
            firings.append(_at_phase(phase, folder))
    return [
        Page(
            incident.job,
            incident.says,
            incident.rate,
            tuple(at - BEFORE for at in incidents.deserved(histories[number])),
            tuple(phase[number][0] for phase in firings),
            tuple(phase[number][1] for phase in firings),
        )
        for number, incident in enumerate(INCIDENTS)
    ]


def _at_phase(phase: int, folder: Path) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The firing moments of ours and of Sloth's, for every incident."""

    def phase_of(group: RuleGroup) -> int:
        return phase % recording.interval_of(group)

    targets = [Target(incident.job) for incident in INCIDENTS]
    pairs = [(ours.method(target), sloth.default(target)) for target in targets]
    tasks = [
        task
        for pair in pairs
        for method in pair
        for task in recording.whole_tasks_of(method, phase_of)
    ]
    recording.record(tasks, folder, end=_END)
    with prometheus.running(folder) as server:
        return [
            (_firing(our, phase_of, server), _firing(their, phase_of, server))
            for our, their in pairs
        ]


def _firing(
    method: Method, phase_of: Callable[[RuleGroup], int], server: prometheus.Prometheus
) -> tuple[int, ...]:
    moments: set[int] = set()
    for rule, group in _pages(method):
        interval = recording.interval_of(group)
        first = beat(phase_of(group), interval, until=START) + interval
        for series in server.over(rule.expr, first, _END, interval):
            moments.update(at - START - BEFORE for at, _ in series.samples)
    return tuple(sorted(moments))


def _pages(method: Method) -> Iterator[tuple[AlertingRule, RuleGroup]]:
    for group in method.groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and rule.alert == method.page:
                yield rule, group
