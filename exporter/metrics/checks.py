"""Counters of checks, and of runs by whether all their checks passed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from slos.schema import contract
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Criterion, CriterionResult, DeliveryPath, RunResult

Checks = Mapping[Criterion, bool]
"""Checks of a run, by criterion, and whether each was met."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Settings of the checks of one configuration.

    Attributes:
        criteria: criteria that probes check in addition to the verdicts of their alerts.
        accepted: criteria whose failure is accepted.
        probes: probes that have checks, but send no alerts that are measured.
    """

    criteria: frozenset[Criterion] = frozenset()
    accepted: tuple[AcceptedCriterion, ...] = ()
    probes: tuple[str, ...] = ()


class CheckMetrics:
    """Counters of checks and of the results of runs.

    Args:
        registry: registry of the metrics.
        wall: returns the seconds of the wall clock.
    """

    def __init__(self, registry: CollectorRegistry, *, wall: Callable[[], float]) -> None:
        self._wall = wall
        self.accepted: tuple[AcceptedCriterion, ...] = ()
        """Criteria whose failure is accepted, also those whose date is over."""
        self.not_configured: set[Criterion] = set()
        """Criteria that the configuration leaves nothing to check for."""
        self._checks = Counter(
            contract.CHECKS,
            "Checks of VAL-008 criteria by result.",
            ["criterion", "result"],
            registry=registry,
        )
        self._results = Counter(
            contract.RESULTS,
            "Runs of probes by whether all their checks passed or are accepted.",
            ["probe", "path", "result"],
            registry=registry,
        )
        self._accepted_until = Gauge(
            contract.ACCEPTED_UNTIL,
            "Unix time until which failing checks of a criterion are accepted.",
            ["criterion", "path"],
            registry=registry,
        )
        self._not_configured = Gauge(
            contract.CHECK_NOT_CONFIGURED,
            "Whether the configuration leaves nothing to check for a criterion.",
            ["criterion"],
            registry=registry,
        )

    def configure(self, settings: CheckSettings, criteria: Iterable[Criterion]) -> None:
        """Use another configuration; counts stay.

        Args:
            settings: settings of the checks.
            criteria: further criteria that are checked.
        """
        self.accepted = settings.accepted
        self._accepted_until.clear()
        for entry in self.accepted:
            self._accepted_until.labels(entry.criterion, entry.path or "").set(entry.ends_at)
        self.not_configured.clear()
        self._not_configured.clear()
        for criterion in settings.criteria:
            self._not_configured.labels(criterion)
        for criterion in {*settings.criteria, *criteria}:
            for result in CriterionResult:
                self._checks.labels(criterion, result)
        for probe in settings.probes:
            self.start_results(probe, DeliveryPath.DIRECT)

    def reset_to_standby(self) -> None:
        """Remove the accepted criteria from the metrics; another prober exports its own now."""
        self._accepted_until.clear()

    def start_results(self, probe: str, path: str) -> None:
        """Start the results of the runs of a probe on a path at zero."""
        for result in RunResult:
            self._results.labels(probe, path, result)

    def list_accepted(self, path: str = DeliveryPath.DIRECT) -> frozenset[Criterion]:
        """List the criteria whose failure is accepted now for runs on a path."""
        now = self._wall()
        return frozenset(
            entry.criterion
            for entry in self.accepted
            if isinstance(entry.criterion, Criterion)
            and now < entry.ends_at
            and entry.path in (None, path)
        )

    def count_checks(self, checks: Checks, accepted: Collection[Criterion]) -> None:
        """Count the checks of a run."""
        for criterion, passed in checks.items():
            self._checks.labels(criterion, find_result(criterion, passed, accepted)).inc()

    def count_result(
        self, probe: str, path: str, checks: Checks, accepted: Collection[Criterion]
    ) -> None:
        """Count a run by the result of its checks."""
        result = RunResult.FAIL if is_failed(checks, accepted) else RunResult.PASS
        self._results.labels(probe, path, result).inc()

    def count_outcome(self, probe: str, checks: Sequence[tuple[Criterion, bool | None]]) -> None:
        """Count the checks that a probe made in one slot, beyond those of its alerts, as one run.

        None says that nothing is configured to be checked; a slot of such checks only is no run.
        Such checks ask the target directly.
        """
        made = [(criterion, passed) for criterion, passed in checks if passed is not None]
        for criterion, passed in checks:
            self._not_configured.labels(criterion).set(passed is None)
        self.not_configured |= {criterion for criterion, passed in checks if passed is None}
        self.not_configured -= {criterion for criterion, _ in made}
        accepted = self.list_accepted()
        for criterion, passed in made:
            self.count_checks({criterion: passed}, accepted)
        if made:
            failed = {criterion: False for criterion, passed in made if not passed}
            self.count_result(probe, DeliveryPath.DIRECT, failed, accepted)


def find_result(
    criterion: Criterion,
    passed: bool,  # noqa: FBT001 - the value of a mapping
    accepted: Collection[Criterion],
) -> CriterionResult:
    """Find the result of a check, where the failure of some criteria is accepted."""
    if passed:
        return CriterionResult.PASS
    return CriterionResult.ACCEPTED if criterion in accepted else CriterionResult.FAIL


def is_failed(checks: Checks, accepted: Collection[Criterion]) -> bool:
    """Return whether a run with these checks is failed: one failed and is not accepted."""
    return any(
        find_result(criterion, passed, accepted) is CriterionResult.FAIL
        for criterion, passed in checks.items()
    )
