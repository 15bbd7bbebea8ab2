"""A prober in the test's own process, of the components that production uses."""

import contextlib
import pathlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from exporter.app.components import Components, ComponentSettings, open_components
from exporter.app.plugin_set import build_probe_context
from exporter.fields import Address
from exporter.listener.server import bind_socket, format_url
from exporter.metrics.checks import CheckSettings
from exporter.metrics.runs import ProbePath
from exporter.model.alert import CanaryIdentity
from exporter.model.run import Run
from exporter.observers import list_expected_stages, list_visible_stages
from exporter.paths import Path, PathContext, direct
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes.remediation import Settings
from exporter.schedule.clock import Clock, SystemClock
from exporter.schedule.open_loop import Slot
from exporter.status import Status, create_status
from slos.schema.contract import DeliveryPath, Stage
from slos.schema.units import Duration

PATIENT_SETTINGS = Settings(
    interval=Duration.from_parts(seconds=30),
    timeout=Duration.from_parts(seconds=20),
    settle=Duration(100),
    late_after=Duration.from_parts(seconds=15),
    max_send_lag=Duration.from_parts(seconds=5),
)
"""Settings of runs that end by themselves: a busy machine changes no verdict."""
SHORT_SETTINGS = PATIENT_SETTINGS.model_copy(
    update={"timeout": Duration(1000), "late_after": Duration(800)}
)
"""Settings of runs that end at the deadline."""
STRICT_SETTINGS = PATIENT_SETTINGS.model_copy(update={"late_after": Duration(100)})
"""Settings of runs that are late."""
TARGETS = {stage: Duration(60_000) for stage in Stage}
PROBE_PATHS = [
    ProbePath("remediation", path, list_visible_stages(path), list_expected_stages(path))
    for path in DeliveryPath
]


@dataclass
class InProcessProber:
    """Components of a prober, with one path and the settings of its alerts.

    Attributes:
        components: components, as in production.
        canary_url: URL of its canary.
        context: context of probes.
        settings: settings of the alerts that the test sends.
    """

    components: Components
    canary_url: str
    context: ProbeContext
    settings: Settings

    @property
    def status(self) -> Status:
        return self.components.status

    def use_settings(self, settings: Settings) -> None:
        """Send alerts with other settings from now on."""
        self.settings = settings

    async def run_alert(
        self, *, late_by: float = 0.0, path: Path | None = None, sends_end: bool = False
    ) -> Run:
        clock = self.status.clock
        deadlines = self.settings.to_deadlines(TARGETS)
        job_path = path or self.context.paths[DeliveryPath.DIRECT]
        job = AlertJob("remediation", job_path, deadlines, sends_end)
        return await self.components.alert_runner.run(
            job, Slot(clock.now() - late_by, clock.wall())
        )

    def read_sample(self, name: str, **labels: str) -> float | None:
        return self.status.registry.get_sample_value(f"agent_sre_validation_{name}", labels)


@contextlib.asynccontextmanager
async def run_prober(
    journal_path: pathlib.Path,
    target: str,
    settings: Settings = PATIENT_SETTINGS,
    clock: Clock | None = None,
) -> AsyncIterator[InProcessProber]:
    """Run all components but the scheduler and the pages; runs of the journal are counted."""
    status = create_status(
        clock or SystemClock(),
        heartbeat_interval=60.0,
        probe_paths=PROBE_PATHS,
        targets=TARGETS,
        checks=CheckSettings(),
    )
    canary_socket = bind_socket("canary", Address("127.0.0.1", 0))
    canary_url = format_url(canary_socket)
    component_settings = ComponentSettings(
        journal_path, keep_runs=100, canary=CanaryIdentity("agent-sre-canary", "ai")
    )
    async with open_components(
        component_settings, status, canary_socket, may_send=lambda: True
    ) as components:
        status.metrics.count_postponed()
        sender = components.sender
        path_context = PathContext(target, components.canary, sender, sender, status.clock)
        paths: dict[str, Path] = {DeliveryPath.DIRECT: direct.Path(direct.Settings(), path_context)}
        context = build_probe_context(components, path_context, paths=paths, targets=TARGETS)
        yield InProcessProber(components, canary_url, context, settings)
