"""What came of a campaign of faults and kills, held against what was injected. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from tests.benchmarks.report import table
from tests.benchmarks.targets import Result

FAULTS = {
    "none": "ok",
    "slow:cloudevent_processing:0.2": "ok",
    "lost": "lost",
    "duplicated": "duplicated",
    "corrupted": "corrupted",
    "error": "rejected",
    "hang": "timeout",
    "down": "unreachable",
    "slow:lambda_execution:2.5": "late",
}
"""What is injected, and the one verdict that is right."""
_LONGEST_RUN = 8.0
"""Seconds, with all that comes before and after it."""


@dataclass
class Campaign:
    """What came of one."""

    drawn: dict[str, str] = field(default_factory=dict)
    """The fault of each event that arrived."""
    runs: list[tuple[str, str, str, str, float]] = field(default_factory=list)
    """Of the journal: id, state, verdict, reason, intended wall clock."""
    kills: list[float] = field(default_factory=list)
    """Wall clock of each."""
    counted: Counter[str] = field(default_factory=Counter)
    """Runs by verdict, the last scrape of each life summed."""
    issues: list[tuple[bool, str]] = field(default_factory=list)
    """Of Linear: whether archived, and the description."""
    seconds: float = 0.0

    @property
    def judged(self) -> Counter[str]:
        """Runs of the journal by verdict."""
        return Counter(verdict for _, _, verdict, _, _ in self.runs)

    def wrong(self) -> list[str]:
        """Runs that completed with another verdict than the truth."""
        return [
            f"{run_id}: {verdict} ({reason}), injected {self.drawn.get(run_id, 'nothing')}"
            for run_id, _, verdict, reason, _ in self.runs
            if verdict != "unknown" and FAULTS.get(self.drawn.get(run_id, "")) != verdict
        ]

    def unexplained(self) -> list[str]:
        """Runs without a verdict of the target that no kill cut off, or that were never judged."""
        return [
            f"{run_id}: {state}, {reason}"
            for run_id, state, verdict, reason, at in self.runs
            if verdict == "unknown"
            and (
                reason != "prober_restarted"
                or not any(at - 1.0 <= kill <= at + _LONGEST_RUN for kill in self.kills)
            )
        ]

    def forgotten(self) -> list[str]:
        """Events that arrived and that the journal does not know."""
        known = {run_id for run_id, *_ in self.runs}
        return [run_id for run_id in self.drawn if run_id not in known]

    def left_behind(self) -> int:
        """Runs that are not finished, and issues that are not archived."""
        open_runs = sum(state != "cleaned" for _, state, *_ in self.runs)
        return open_runs + sum(not archived for archived, _ in self.issues)

    def counted_twice(self) -> Counter[str]:
        """By how much all lives together counted more than there were."""
        return self.counted - self.judged


def results(found: Campaign) -> list[Result]:
    """Which targets were reached."""
    judged = found.judged
    known = sum(judged.values()) - judged["unknown"]
    wrong, lost = found.wrong(), found.unexplained() + found.forgotten()
    left, twice = found.left_behind(), found.counted_twice()
    uncounted = sum((judged - found.counted).values())
    return [
        Result(
            "campaign: every verdict is the injected truth",
            f"{known - len(wrong):,} of {known:,}",
            not wrong,
        ),
        Result(
            "campaign: unknown only what a kill cut off, nothing forgotten",
            f"{judged['unknown']} unknown, {len(lost)} without a reason",
            not lost,
        ),
        Result("campaign: all is cleaned up", f"{left} left of {len(found.issues):,}", not left),
        Result(
            "campaign: no run is counted twice",
            f"{sum(twice.values())} twice ({uncounted} after the last scrape of a life)",
            not twice,
        ),
    ]


def of_verdicts(found: Campaign) -> str:
    """Injected faults by the verdicts of their runs."""
    verdicts = sorted(found.judged, key=lambda verdict: (verdict == "unknown", verdict))
    pairs = Counter(
        (found.drawn.get(run_id, "never arrived"), verdict) for run_id, _, verdict, *_ in found.runs
    )
    faults = [fault for fault in (*FAULTS, "never arrived") if fault in {f for f, _ in pairs}]
    rows = [[f, *(f"{pairs[f, v]:,}" if pairs[f, v] else "" for v in verdicts)] for f in faults]
    text = f"{len(found.runs):,} runs, {len(found.kills)} kills, {found.seconds:.0f} s.\n"
    return f"{table(('injected', *verdicts), rows)}\n{text}"
