"""The ways to keep a budget that are compared, each as the rules it gives for one service."""

from dataclasses import dataclass

from generator.model import RuleGroup
from tests.benchmarks.counters import ERRORS, TOTAL


@dataclass(frozen=True, slots=True)
class BenchmarkTarget:
    """Service with an objective of 99.9 % over 30 days, for which each method builds rules."""

    job: str = "shop"

    def build_rate(self, metric: str, window: str) -> str:
        """Events a second of all instances."""
        return f'sum(rate({metric}{{job="{self.job}"}}[{window}]))'

    def build_ratio(self, window: str) -> str:
        """The share of errors, from raw series."""
        return f"({self.build_rate(ERRORS, window)})\n/\n({self.build_rate(TOTAL, window)})\n"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to keep a budget.

    Attributes:
        groups: all rules of the SLO, in the groups and at the intervals of the method.
        period: names of the series that hold the period's ratio, or its two sides.
        ratio: the query that reads the period's ratio off them.
        page: the name of the paging alert.
    """

    name: str
    groups: tuple[RuleGroup, ...]
    period: frozenset[str]
    ratio: str
    page: str
