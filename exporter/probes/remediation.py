"""Remediation probe: one fired alert, one execution of the canary, on each path."""

from collections.abc import Iterable, Sequence

from pydantic import Field, model_validator

from exporter.fields import DurationField, Section
from exporter.model.deadlines import AlertProbeSettings, Targets, find_deadline_problems
from exporter.paths import PathField
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, SingleAlertProbe, build_key
from slos.schema.contract import Criterion, DeliveryPath

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "remediation"


class PathOverride(Section):
    """Settings that differ on one path."""

    interval: DurationField | None = None
    """Time between two events on this path. Default: the interval of the probe."""
    timeout: DurationField | None = None
    """Time from the intended send to the verdict on this path. Default: the timeout of the
    probe."""
    late_after: DurationField | None = None
    """End-to-end time above which an execution is late on this path. Default: late_after of the
    probe."""
    settle: DurationField | None = None
    """Time to wait for a second execution on this path. Default: settle of the probe. On the path
    alertmanager it must be above the time after which Alertmanager repeats a notification."""


class Settings(AlertProbeSettings):
    """Settings of the remediation probe."""

    paths: dict[PathField, PathOverride] = Field(
        default={DeliveryPath.DIRECT: PathOverride()}, min_length=1
    )
    """Paths to agent-sre, each on its own schedule: direct, broker, alertmanager. Default direct
    only. The other two need a section under `paths` of the configuration."""

    @model_validator(mode="after")
    def _check_each_path(self) -> "Settings":
        for path in self.paths:
            self.resolve_settings(path)
        return self

    def find_problems(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Find mistakes that only show with the specs, also on the paths with other deadlines."""
        yield from super().find_problems(targets)
        for path, override in self.paths.items():
            if override.late_after or override.timeout:
                found = find_deadline_problems(self.resolve_settings(path), targets)
                for key, message, hint in found:
                    yield self.name_setting(path, key), message, hint

    def name_setting(self, path: str, key: str) -> str:
        """Return the name of the setting that applies on a path."""
        return f"paths.{path}.{key}"

    def resolve_settings(self, path: str) -> AlertProbeSettings:
        """Resolve the settings of one path."""
        overrides = {name: value for name, value in self.paths[path] if value is not None}
        common = {name: getattr(self, name) for name in AlertProbeSettings.model_fields}
        return AlertProbeSettings.model_validate({**common, **overrides})


def list_label_pairs(settings: Settings) -> Sequence[tuple[str, str]]:
    """List a label pair with the same name for each path."""
    return [(_NAME, path) for path in settings.paths]


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build a probe for each path."""
    built = []
    for path in settings.paths:
        path_settings = settings.resolve_settings(path)
        job = AlertJob(_NAME, context.paths[path], path_settings.to_deadlines(context.targets))
        built.append(
            SingleAlertProbe(build_key(_NAME, path), path_settings, job, context.alert_runner)
        )
    return built
