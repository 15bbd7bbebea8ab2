"""Gauges of the target, the leak test, the lease, the journal and the prober itself.

The label values are closed sets, except for the replicas that a leak test looks at: they come from
outside, and their series go when the replica does. The label is not called `instance`, because a
scrape overwrites that with the prober's own address.
"""

from collections.abc import Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from slos.schema import contract
from slos.schema.contract import LeftoverKind, LoginResult

_AUTHENTICATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Gauges:
    """Gauges of state, and the counters and histograms of single probes."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        def define_gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        def define_counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        info = define_gauge(
            contract.BUILD_INFO, "Constant 1, labeled by the version of slo-probe.", "version"
        )
        info.labels(version).set(1)
        self.config_ok = define_gauge(
            contract.CONFIG_LAST_RELOAD_SUCCESSFUL,
            "Whether the last configuration reload was successful.",
        )
        self.config_ok.set(1)
        self.up = define_gauge(contract.UP, "Whether /health of the target returned 200.", "target")
        self.ready = define_gauge(
            contract.READY, "Whether /ready of the target returned 200.", "target"
        )
        self.phase = define_gauge(
            contract.TARGET_PHASE,
            "Duration of the last request to the target in seconds, by phase.",
            "target", "phase",
        )  # fmt: skip
        self.tls_expiry = define_gauge(
            contract.TLS_EXPIRY,
            "Unix time at which the certificate of the target expires.",
            "target",
        )
        self.cold_starts = define_counter(
            contract.COLD_STARTS, "Cold starts of the target from zero replicas.", "target"
        )
        self.overdue_leftovers = define_gauge(
            contract.ORPHANS, "Leftovers of runs that are not cleaned up yet.", "kind"
        )
        self.cleanup_backlog = define_gauge(
            contract.CLEANUP_BACKLOG, "Observed runs whose leftovers wait for their clean-up."
        )
        self.cleanup_backlog_age = define_gauge(
            contract.CLEANUP_BACKLOG_AGE,
            "Seconds since the oldest run that waits for its clean-up was sent.",
        )
        self.cleanup_failures = define_counter(
            contract.CLEANUP_FAILURES, "Failed attempts to clean up leftovers.", "kind"
        )
        self.observer_failures = define_counter(
            contract.OBSERVER_FAILURES, "Failed requests to a source of stage times.", "source"
        )
        self.span_errors = define_counter(
            contract.SPAN_ERRORS, "Traces of runs with an error in a span, by span.", "span"
        )
        self.clock_skew = define_gauge(
            contract.CLOCK_SKEW, "Seconds by which the clock of a peer is ahead.", "peer"
        )
        self.authentication_duration = Histogram(
            contract.AUTHENTICATION_DURATION,
            "Duration of requests that the target authenticates in seconds.",
            ["result"],
            buckets=_AUTHENTICATION_BUCKETS,
            registry=registry,
        )
        for result in LoginResult:
            self.authentication_duration.labels(result)
        self.leak_slope = define_gauge(
            contract.LEAK_SLOPE, "Growth of the baseline of a signal per hour.", "signal", "replica"
        )
        self.leak_slope_low = define_gauge(
            contract.LEAK_SLOPE_LOW,
            "Lower confidence bound of the growth per hour.",
            "signal",
            "replica",
        )
        self.leak_slope_high = define_gauge(
            contract.LEAK_SLOPE_HIGH,
            "Upper confidence bound of the growth per hour.",
            "signal",
            "replica",
        )
        self.leak_samples = define_gauge(
            contract.LEAK_SAMPLES,
            "Number of baseline values behind the leak verdict.",
            "signal",
            "replica",
        )
        self.leak_epoch_age = define_gauge(
            contract.LEAK_EPOCH_AGE,
            "Seconds from the start of the process to its last sample.",
            "signal", "replica",
        )  # fmt: skip
        self.leak_verdict = define_gauge(
            contract.LEAK_VERDICT,
            "Leak verdict: -1 insufficient data, 0 pass, 1 suspect, 2 leak.",
            "signal", "replica",
        )  # fmt: skip
        self.leak_signal_observed = define_gauge(
            contract.LEAK_SIGNAL_OBSERVED,
            "Whether the leak test has samples of a signal of the target.",
            "signal",
        )
        self.lease_held = define_gauge(
            contract.LEASE_HELD, "Whether this replica holds the lease and sends."
        )
        self.lease_file_losses = define_counter(
            contract.LEASE_FILE_LOSSES,
            "Times that the locked file was removed, replaced or moved while this replica held it.",
        )
        self.journals_set_aside = define_gauge(
            contract.JOURNALS_SET_ASIDE, "Damaged journals that were renamed since the start."
        )

    def clear_stopped_probes(self, running: Collection[str]) -> None:
        """Remove the series of probes that no longer run, because they would never change.

        Of all probes, only availability and leak have gauges.
        """
        for probe, gauges in (
            ("availability", self._target_gauges),
            ("leak", self._leak_gauges),
        ):
            for gauge in gauges if probe not in running else ():
                gauge.clear()

    def reset_to_standby(self) -> None:
        """Reset the series that only a leader updates; stale ones would keep alerts firing.

        Another prober exports them now.
        """
        self.lease_held.set(0)
        self.config_ok.set(1)  # a prober on standby reads no configuration
        self.cleanup_backlog.set(0)
        self.cleanup_backlog_age.set(0)
        for gauge in (
            *self._target_gauges,
            *self._leak_gauges,
            self.overdue_leftovers,
            self.clock_skew,
        ):
            gauge.clear()

    @property
    def _target_gauges(self) -> tuple[Gauge, ...]:
        return self.up, self.ready, self.phase, self.tls_expiry

    @property
    def _leak_gauges(self) -> tuple[Gauge, ...]:
        slopes = (self.leak_slope, self.leak_slope_low, self.leak_slope_high)
        others = (self.leak_samples, self.leak_epoch_age, self.leak_signal_observed)
        return (self.leak_verdict, *others, *slopes)

    def start_at_zero(self, *, kinds: Iterable[LeftoverKind], sources: Iterable[str]) -> None:
        """Create the series of leftovers and failures before the first one happens."""
        for kind in kinds:
            self.overdue_leftovers.labels(kind)
            self.cleanup_failures.labels(kind)
        for source in sources:
            self.observer_failures.labels(source)
