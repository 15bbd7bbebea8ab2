"""Path through the broker, which takes an event and delivers it later."""

from collections.abc import Sequence

from exporter.fields import Section, Url
from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, fired, resolved
from exporter.model.run import Leaving
from exporter.paths import Reach
from slos.schema.contract import Leavings, Route


class Settings(Section):
    """Endpoint of the broker."""

    url: Url
    """Its ingress, with the path of the broker if it has one. No default: a broker that is not
    meant delivers to whoever subscribed."""


class Way:
    """Sends a CloudEvent in structured mode; the broker replies before the event is delivered."""

    ROUTE = Route.BROKER
    SYNCHRONOUS = False
    clock_at_webhook = False
    cleans: Leavings | None = None

    def __init__(self, settings: Settings, reach: Reach) -> None:
        self._url = settings.url
        self._reach = reach

    def leavings(self, _: Alert) -> tuple[Leaving, ...]:
        """Return no leftovers: the broker delivers or drops every event."""
        return ()

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert."""
        return await self._reach.sender.post(self._url, fired(alert))

    async def end(self, alert: Alert) -> Reply:
        """Send the end of an alert."""
        end = resolved(alert, at=self._reach.clock.wall())
        return await self._reach.sender.post(self._url, end)

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Return all leftovers: this path has none to clean up."""
        return leavings
