"""Result of a campaign of faults and kills, compared with the injected faults. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from tests.benchmarks.report import render_table
from tests.benchmarks.targets import TargetResult

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
"""Injected faults, each with the correct verdict."""
_LONGEST_RUN = 8.0
"""Seconds, with all that comes before and after it."""


@dataclass
class CampaignResult:
    """Result of a campaign."""

    faults_by_event: dict[str, str] = field(default_factory=dict)
    """The fault of each event that arrived."""
    runs: list[tuple[str, str, str, str, float]] = field(default_factory=list)
    """Of the journal: id, state, verdict, reason, intended wall clock."""
    kills: list[float] = field(default_factory=list)
    """Wall clock of each."""
    exported_verdicts: Counter[str] = field(default_factory=Counter)
    """Runs by verdict, the last scrape of each life summed."""
    issues: list[tuple[bool, str]] = field(default_factory=list)
    """Of Linear: whether archived, and the description."""
    seconds: float = 0.0

    @property
    def journal_verdicts(self) -> Counter[str]:
        """Runs of the journal by verdict."""
        return Counter(verdict for _, _, verdict, _, _ in self.runs)

    def list_wrong_verdicts(self) -> list[str]:
        """Runs that completed with another verdict than the truth."""
        return [
            f"{run_id}: {verdict} ({reason}), "
            f"injected {self.faults_by_event.get(run_id, 'nothing')}"
            for run_id, _, verdict, reason, _ in self.runs
            if verdict != "unknown" and FAULTS.get(self.faults_by_event.get(run_id, "")) != verdict
        ]

    def list_unexplained_runs(self) -> list[str]:
        """Runs without a verdict of the target that no kill cut off, or that were never judged."""
        return [
            f"{run_id}: {state}, {reason}"
            for run_id, state, verdict, reason, intended_at in self.runs
            if verdict == "unknown"
            and (
                reason != "prober_restarted"
                or not any(
                    intended_at - 1.0 <= kill <= intended_at + _LONGEST_RUN for kill in self.kills
                )
            )
        ]

    def list_forgotten_events(self) -> list[str]:
        """Events that arrived and that the journal does not know."""
        journal_ids = {run_id for run_id, *_ in self.runs}
        return [run_id for run_id in self.faults_by_event if run_id not in journal_ids]

    def count_leftovers(self) -> int:
        """Runs that are not finished, and issues that are not archived."""
        open_runs = sum(state != "cleaned" for _, state, *_ in self.runs)
        return open_runs + sum(not archived for archived, _ in self.issues)

    def count_duplicates(self) -> Counter[str]:
        """By how much all lives together counted more than there were."""
        return self.exported_verdicts - self.journal_verdicts


def check_targets(campaign: CampaignResult) -> list[TargetResult]:
    """Check the targets."""
    verdicts = campaign.journal_verdicts
    judged_runs = sum(verdicts.values()) - verdicts["unknown"]
    wrong, lost = (
        campaign.list_wrong_verdicts(),
        campaign.list_unexplained_runs() + campaign.list_forgotten_events(),
    )
    leftovers, duplicates = campaign.count_leftovers(), campaign.count_duplicates()
    uncounted = sum((verdicts - campaign.exported_verdicts).values())
    return [
        TargetResult(
            "campaign: every verdict is the injected truth",
            f"{judged_runs - len(wrong):,} of {judged_runs:,}",
            not wrong,
        ),
        TargetResult(
            "campaign: unknown only what a kill cut off, nothing forgotten",
            f"{verdicts['unknown']} unknown, {len(lost)} without a reason",
            not lost,
        ),
        TargetResult(
            "campaign: all is cleaned up",
            f"{leftovers} left of {len(campaign.issues):,}",
            not leftovers,
        ),
        TargetResult(
            "campaign: no run is counted twice",
            f"{sum(duplicates.values())} twice ({uncounted} after the last scrape of a life)",
            not duplicates,
        ),
    ]


def render_verdicts(campaign: CampaignResult) -> str:
    """Injected faults by the verdicts of their runs."""
    verdicts = sorted(
        campaign.journal_verdicts, key=lambda verdict: (verdict == "unknown", verdict)
    )
    pairs = Counter(
        (campaign.faults_by_event.get(run_id, "never arrived"), verdict)
        for run_id, _, verdict, *_ in campaign.runs
    )
    faults = [fault for fault in (*FAULTS, "never arrived") if fault in {f for f, _ in pairs}]
    rows = [[f, *(f"{pairs[f, v]:,}" if pairs[f, v] else "" for v in verdicts)] for f in faults]
    text = f"{len(campaign.runs):,} runs, {len(campaign.kills)} kills, {campaign.seconds:.0f} s.\n"
    return f"{render_table(('injected', *verdicts), rows)}\n{text}"
