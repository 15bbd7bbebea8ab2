"""Path through the broker, which takes an event and delivers it later."""

from collections.abc import Sequence

from exporter.fields import Url
from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, build_fired_event, build_resolved_event
from exporter.model.run import Leftover
from exporter.paths import PathContext, PathSettings
from slos.schema.contract import LeftoverKind

PATH = "broker"
KEEPS_EVENT_ID = True


class Settings(PathSettings):
    """Endpoint of the broker."""

    url: Url
    """URL of the broker ingress, with the path of the broker if it has one. No default, because
    another broker would deliver the events to its subscribers."""
    resolved_events: bool = False
    """True if agent-sre gets the end of an alert, an event of type
    `io.homelab.prometheus.alert.resolved`. Default false: the usual Trigger takes fired alerts
    only."""

    def find_end_problem(self) -> tuple[str, str] | None:
        """Find why the end of an alert does not reach agent-sre."""
        if self.resolved_events:
            return None
        hint = "use path: direct, or set paths.broker.resolved_events: true if a Trigger takes them"
        return "the broker delivers no resolved events", hint


class Path:
    """Sends a CloudEvent in structured mode; the broker replies before the event is delivered."""

    NAME = PATH
    SYNCHRONOUS = False
    clock_at_webhook = False
    leftover_kind: LeftoverKind | None = None
    settings_difference: str | None = None

    def __init__(self, settings: Settings, path_context: PathContext) -> None:
        self._url = settings.url
        self._path_context = path_context

    def list_leftovers(self, _: Alert) -> tuple[Leftover, ...]:
        """Return no leftovers: the broker delivers or drops every event."""
        return ()

    async def send_alert(self, alert: Alert) -> Reply:
        """Send a fired alert."""
        return await self._path_context.sender.post(self._url, build_fired_event(alert))

    async def send_resolved(self, alert: Alert) -> Reply:
        """Send the end of an alert."""
        end = build_resolved_event(alert, at=self._path_context.clock.wall())
        return await self._path_context.sender.post(self._url, end)

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Return all leftovers: this path has none to clean up."""
        return leftovers
