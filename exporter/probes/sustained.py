"""Sustained probe: more than a thousand alerts an hour, one after the other, at all times."""

from collections.abc import Sequence

from pydantic import Field

from exporter.fields import Length
from exporter.model.deadlines import Sending
from exporter.prober.context import Means
from exporter.prober.runner import Errand
from exporter.probes import Probe, Single
from slos.schema.contract import Criterion, Route
from slos.schema.units import Duration

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "sustained"


class Settings(Sending):
    """Settings of the sustained probe."""

    interval: Length = Duration.of(seconds=3.5)
    """Time between two events. Default 3500ms: 1,028 an hour, a little above VAL-008's 1,000."""
    max_in_flight: int = Field(default=25, ge=1, le=10_000)
    """Runs under way at once. Default 25: what a timeout of 70s holds at most, and a reserve."""


def lines(_: Settings) -> Sequence[tuple[str, Route]]:
    """List the direct path."""
    return [(_NAME, Route.DIRECT)]


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build the one probe."""
    errand = Errand(_NAME, means.ways[Route.DIRECT], settings.patience(means.targets))
    return [Single(_NAME, settings, errand, means.courier)]
