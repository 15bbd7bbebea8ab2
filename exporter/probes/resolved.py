"""Resolved probe: an alert that ends, so that its remediation has to be verified.

Verification is timed by an observer that can see it. The measured agent-sre never verifies, so the
stage stays absent.
"""

from collections.abc import Sequence
from typing import ClassVar

from exporter.fields import DurationField
from exporter.model.deadlines import AlertProbeSettings
from exporter.paths import PathField
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, SingleAlertProbe, build_key
from slos.schema.contract import Criterion, DeliveryPath
from slos.schema.units import Duration

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "resolved"


class Settings(AlertProbeSettings):
    """Settings of the resolved probe."""

    SENDS_END: ClassVar[bool] = True
    interval: DurationField = Duration.from_parts(minutes=10)
    """Time between two alerts. Default 10m: above the target of verification, 5 minutes."""
    path: PathField = DeliveryPath.DIRECT
    """Path of the alerts and of their ends: direct, or broker if it delivers resolved events.
    Default direct."""


def list_label_pairs(settings: Settings) -> Sequence[tuple[str, str]]:
    """List the one path."""
    return [(_NAME, settings.path)]


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    job = AlertJob(
        _NAME,
        context.paths[settings.path],
        settings.to_deadlines(context.targets),
        sends_end=settings.SENDS_END,
    )
    return [SingleAlertProbe(build_key(_NAME, settings.path), settings, job, context.alert_runner)]
