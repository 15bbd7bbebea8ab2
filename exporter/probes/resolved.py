"""Resolved probe: an alert that ends, so that its remediation has to be verified.

Verification is timed by an observer that can see it. The measured agent-sre never verifies, so the
stage stays absent.
"""

from collections.abc import Sequence

from exporter.fields import Length
from exporter.model.deadlines import Sending
from exporter.prober.context import Means
from exporter.prober.runner import Errand
from exporter.probes import Probe, Single
from slos.schema.contract import Criterion, Route
from slos.schema.units import Duration

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "resolved"


class Settings(Sending):
    """Settings of the resolved probe."""

    interval: Length = Duration.of(minutes=10)
    """Time between two alerts. Default 10m: above the target of verification, 5 minutes."""


def lines(_: Settings) -> Sequence[tuple[str, Route]]:
    """List the direct path."""
    return [(_NAME, Route.DIRECT)]


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build the one probe."""
    way, patience = means.ways[Route.DIRECT], settings.patience(means.targets)
    return [Single(_NAME, settings, Errand(_NAME, way, patience, ends=True), means.courier)]
