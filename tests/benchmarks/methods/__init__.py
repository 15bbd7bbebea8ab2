"""The ways to keep a budget that are compared, each as the rules it gives for one service."""

from dataclasses import dataclass

from generator.model import RuleGroup
from tests.benchmarks.counters import ERRORS, OTHER_ERRORS, TOTAL


@dataclass(frozen=True, slots=True)
class BenchmarkTarget:
    """Service with an objective of 99.9 % over 30 days, for which each method builds rules.

    Attributes:
        has_missing_term: whether the errors are a sum with a metric that has no series.
    """

    job: str = "shop"
    has_missing_term: bool = False

    def build_errors(self, window: str) -> str:
        """Errors a second of all instances."""
        errors = self.build_rate(ERRORS, window)
        missing = self.build_rate(OTHER_ERRORS, window)
        return f"{errors} + {missing}" if self.has_missing_term else errors

    def build_total(self, window: str) -> str:
        """Events a second of all instances."""
        return self.build_rate(TOTAL, window)

    def build_rate(self, metric: str, window: str) -> str:
        """Rate of a counter, summed over all instances."""
        return f'sum(rate({metric}{{job="{self.job}"}}[{window}]))'

    def build_ratio(self, window: str) -> str:
        """The share of errors, from raw series."""
        return f"({self.build_errors(window)})\n/\n({self.build_total(window)})\n"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to keep a budget.

    Attributes:
        groups: all rules of the SLO, in the groups and at the intervals of the method.
        period: names of the series that hold the period's ratio, or its two sides.
        ratio: the query that reads the period's ratio off them.
        page: the name of the paging alert.
        counts: the recorded series that the period is summed from; empty for raw series.
        delay: by how many milliseconds a count ends before it is recorded.
    """

    name: str
    groups: tuple[RuleGroup, ...]
    period: frozenset[str]
    ratio: str
    page: str
    counts: str = ""
    delay: int = 0
