"""Path straight to agent-sre, which replies when its work is done."""

from collections.abc import Sequence

from exporter.fields import Section
from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, fired, resolved
from exporter.model.run import Leaving
from exporter.paths import Reach
from slos.schema.contract import Leavings, Route


class Settings(Section):
    """No settings: the section `target` has the endpoint of agent-sre."""


class Way:
    """Sends a CloudEvent in structured mode; in binary mode agent-sre loses the data."""

    ROUTE = Route.DIRECT
    SYNCHRONOUS = True
    clock_at_webhook = False
    cleans: Leavings | None = None

    def __init__(self, _: Settings, reach: Reach) -> None:
        self._reach = reach

    def leavings(self, _: Alert) -> tuple[Leaving, ...]:
        """Return no leftovers."""
        return ()

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert."""
        return await self._post(alert, fired(alert))

    async def end(self, alert: Alert) -> Reply:
        """Send the end of an alert."""
        return await self._post(alert, resolved(alert, at=self._reach.clock.wall()))

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Return all leftovers: this path has none to clean up."""
        return leavings

    async def _post(self, alert: Alert, event: object) -> Reply:
        reach = self._reach
        trace = {"traceparent": alert.traceparent} if alert.traceparent else {}
        return await reach.direct.post(reach.url, event, headers={**reach.headers(), **trace})
