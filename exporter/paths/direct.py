"""Path straight to agent-sre, which replies when its work is done."""

from collections.abc import Sequence

from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, build_fired_event, build_resolved_event
from exporter.model.run import Leftover
from exporter.paths import PathContext, PathSettings
from slos.schema.contract import LeftoverKind

PATH = "direct"
KEEPS_EVENT_ID = True


class Settings(PathSettings):
    """No settings: the section `target` has the endpoint of agent-sre."""


class Path:
    """Sends a CloudEvent in structured mode; in binary mode agent-sre loses the data."""

    NAME = PATH
    SYNCHRONOUS = True
    clock_at_webhook = False
    leftover_kind: LeftoverKind | None = None
    settings_difference: str | None = None

    def __init__(self, _: Settings, path_context: PathContext) -> None:
        self._path_context = path_context

    def list_leftovers(self, _: Alert) -> tuple[Leftover, ...]:
        """Return no leftovers."""
        return ()

    async def send_alert(self, alert: Alert) -> Reply:
        """Send a fired alert."""
        return await self._post_event(alert, build_fired_event(alert))

    async def send_resolved(self, alert: Alert) -> Reply:
        """Send the end of an alert."""
        return await self._post_event(
            alert, build_resolved_event(alert, at=self._path_context.clock.wall())
        )

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Return all leftovers: this path has none to clean up."""
        return leftovers

    async def _post_event(self, alert: Alert, event: bytes) -> Reply:
        path_context = self._path_context
        trace = {"traceparent": alert.traceparent} if alert.traceparent else {}
        return await path_context.target_sender.post(
            path_context.url, event, headers={**path_context.read_headers(), **trace}
        )
