"""Delivery path of an alert with a hostile function name: straight to agent-sre.

Such an alert is journalled and cleaned up like any other.
"""

from exporter.events import Alert
from exporter.hostile.events import misnamed
from exporter.hostile.names import Ground, Trick, hostile_name
from exporter.paths import direct
from exporter.post import Reply
from exporter.reach import Reach


class HostileWay(direct.Way):
    """Delivery path that sends the alert of a run under a hostile function name."""

    def __init__(self, trick: Trick, reach: Reach, *, port: int) -> None:
        super().__init__(direct.Settings(), reach)
        self._trick = trick
        self._ground = Ground(reach.canary, port)

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert whose function name is hostile and holds the run's id."""
        name = hostile_name(self._trick, alert.id, self._ground)
        return await self._post(alert, misnamed(alert, name, self._ground))
