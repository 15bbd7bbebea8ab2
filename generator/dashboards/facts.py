"""Inventory of a run: what dashboards need to know of its specs. Its size is constant."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator import names
from generator.model import Plan, RecordingRule
from generator.routing.model import none_of
from slos.schema.contract import PREFIX
from slos.schema.plain import PlainAlert
from slos.schema.units import Duration

_OTHER_UNIT = re.compile(
    r"_(?:ms|us|ns|millis|milliseconds|microseconds|nanoseconds|minutes|hours|bytes)(?:_bucket)?\b"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that differs between the dashboards of two runs.

    Attributes:
        run_labels: labels of the run, which tell its SLOs from those of other runs.
        grouping: labels that split some SLO.
        steps: the steps in which events are counted, without duplicates.
        has_latency: True if some SLO has latency quantiles.
        latency_in_seconds: True if all latencies are in seconds, as far as the metric names say.
        reads_probe: True if some rule reads a metric of slo-probe.
        recorded_metrics: names of the metrics that some rule records.
        alerts: the standalone alerts.
    """

    run_labels: tuple[str, ...] = ()
    grouping: tuple[str, ...] = ()
    steps: tuple[Duration, ...] = ()
    latency: bool = False
    seconds: bool = True
    probe: bool = False
    recorded: frozenset[str] = frozenset()
    alerts: tuple[PlainAlert, ...] = ()

    @property
    def no_heartbeat(self) -> tuple[str, ...]:
        """The matcher that excludes alerts that always fire; empty if there are none."""
        always = [alert.name for alert in self.alerts if alert.heartbeat]
        return (str(none_of(names.ALERT, always)),) if always else ()

    def limit(self, *read: str) -> Decimal | None:
        """Find the threshold of the standalone alert whose query contains all these texts.

        Returns None if there is no such alert.
        """
        found = (each.threshold for each in self.alerts if all(one in each.query for one in read))
        return next(found, None)


def of(plans: Sequence[Plan]) -> Facts:
    """Collect the inventory of a run."""
    slos = [slo for plan in plans for part in plan.parts for slo in part.slos]
    rules = [rule for plan in plans for group in plan.groups for rule in group.rules]
    of_run = {label for slo in slos for label in slo.run_labels}
    return Facts(
        run_labels=tuple(sorted(of_run)),
        grouping=tuple(sorted({label for slo in slos for label in slo.signal.by} - of_run)),
        steps=tuple(sorted({slo.steps.fine for slo in slos})),
        latency=any(slo.signal.histogram for slo in slos),
        seconds=not any(
            _OTHER_UNIT.search(slo.signal.histogram.buckets) for slo in slos if slo.signal.histogram
        ),
        probe=any(PREFIX in rule.expr for rule in rules),
        recorded=frozenset(rule.record for rule in rules if isinstance(rule, RecordingRule)),
        alerts=tuple(_plain(plans)),
    )


def _plain(plans: Sequence[Plan]) -> Iterator[PlainAlert]:
    for plan in plans:
        for part in plan.parts:
            if part.spec:
                yield from part.spec.alerts
