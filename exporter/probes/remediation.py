"""Remediation probe: one fired alert, one execution of the canary, on each path."""

from collections.abc import Sequence

from pydantic import Field, model_validator

from exporter.fields import Length, RouteName, Section
from exporter.model.deadlines import Sending
from exporter.prober.context import Means
from exporter.prober.runner import Errand
from exporter.probes import Probe, Single, key_of
from slos.schema.contract import Criterion, Route

CRITERIA: frozenset[Criterion] = frozenset()
_NAME = "remediation"


class Override(Section):
    """Settings that differ on one path."""

    interval: Length | None = None
    """Time between two events on this way. Default: the probe's."""
    timeout: Length | None = None
    """Time from the intended send to the verdict on this way. Default: the probe's."""
    late_after: Length | None = None
    """End-to-end time above which an execution is late on this way. Default: the probe's."""


class Settings(Sending):
    """Settings of the remediation probe."""

    paths: dict[RouteName, Override] = Field(default={Route.DIRECT: Override()}, min_length=1)
    """The ways to take, each on a plan of its own: direct, broker, alertmanager. Default direct
    alone. The other two need a section under `paths` of the whole configuration."""

    @model_validator(mode="after")
    def _sane_on_each_way(self) -> "Settings":
        for route in self.paths:
            self.on(route)
        return self

    def on(self, route: Route) -> Sending:
        """Resolve the settings of one path."""
        own = {name: value for name, value in self.paths[route] if value is not None}
        common = {name: getattr(self, name) for name in Sending.model_fields}
        return Sending.model_validate({**common, **own})


def lines(settings: Settings) -> Sequence[tuple[str, Route]]:
    """List a label pair with the same name for each path."""
    return [(_NAME, route) for route in settings.paths]


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build a probe for each path."""
    found = []
    for route in settings.paths:
        own = settings.on(route)
        errand = Errand(_NAME, means.ways[route], own.patience(means.targets))
        found.append(Single(key_of(_NAME, route), own, errand, means.courier))
    return found
