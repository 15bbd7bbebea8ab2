"""Resolved probe: an alert that ends, so that its remediation has to be verified.

Verification is timed by an observer that can see it. The measured agent-sre never verifies, so the
stage stays absent.
"""

from collections.abc import Sequence

from exporter.fields import DurationField
from exporter.model.deadlines import AlertProbeSettings
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, SingleAlertProbe
from slos.schema.contract import Criterion, DeliveryPath
from slos.schema.units import Duration

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "resolved"


class Settings(AlertProbeSettings):
    """Settings of the resolved probe."""

    interval: DurationField = Duration.from_parts(minutes=10)
    """Time between two alerts. Default 10m: above the target of verification, 5 minutes."""


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List the direct path."""
    return [(_NAME, DeliveryPath.DIRECT)]


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    path, deadlines = context.paths[DeliveryPath.DIRECT], settings.to_deadlines(context.targets)
    return [
        SingleAlertProbe(
            _NAME, settings, AlertJob(_NAME, path, deadlines, sends_end=True), context.alert_runner
        )
    ]
