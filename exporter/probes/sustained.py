"""Sustained probe: more than a thousand alerts an hour, one after the other, at all times."""

from collections.abc import Sequence

from pydantic import Field

from exporter.fields import DurationField, in_unit
from exporter.model.deadlines import AlertProbeSettings
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, SingleAlertProbe
from slos.schema.contract import Criterion, DeliveryPath
from slos.schema.units import Duration

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "sustained"


class Settings(AlertProbeSettings):
    """Settings of the sustained probe."""

    interval: DurationField = Duration.from_parts(seconds=3.5)
    """Time between two events. Default 3500ms: 1,028 per hour, a little above the 1,000 of
    VAL-008."""
    max_in_flight: int = Field(default=25, ge=1, le=10_000, json_schema_extra=in_unit("runs"))
    """Maximum number of runs in flight. Default 25: at most 20 with a timeout of 70s, and a
    reserve."""


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List the direct path."""
    return [(_NAME, DeliveryPath.DIRECT)]


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    job = AlertJob(
        _NAME, context.paths[DeliveryPath.DIRECT], settings.to_deadlines(context.targets)
    )
    return [SingleAlertProbe(_NAME, settings, job, context.alert_runner)]
