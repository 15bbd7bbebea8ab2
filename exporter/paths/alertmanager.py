"""Path of a real alert: Alertmanager, its webhook, the converter, the broker.

`POST /api/v2/alerts` of Alertmanager takes a list of alerts and answers 200 at once. Alerts with
the same grouping labels are notified together, and again only after hours. So every synthetic alert
has a unique value in one of these labels.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.fields import LabelName, Section, Url
from exporter.httpclient.client import Reply
from exporter.model.alert import TOLD_BY, Alert, posted
from exporter.model.run import Leaving
from exporter.paths import Reach
from slos.schema.contract import Leavings, Route

_JSON = "application/json"
_ACCEPTED = range(200, 300)


def _free(label: str) -> str:
    """Refuse a label that identifies an alert."""
    if label in TOLD_BY:
        raise ValueError(
            f"{label} says what a synthetic alert is, so it cannot have any value; "
            "group by another label as well, like service"
        )
    return label


class Settings(Section):
    """Endpoint of Alertmanager, and a label by which it groups."""

    url: Url
    """Its address, with its path prefix if it has one. No default: nobody is alerted unasked."""
    grouping_label: Annotated[LabelName, AfterValidator(_free)] = "service"
    """A label of the route's `group_by` that may have any value. Default service: one of the
    three this cluster groups by, and the one that names no alert. None that tells what the alert
    is, such as alertname or severity."""
    clock: Literal["posting", "webhook"] = "posting"
    """Where latencies start: when the alert is posted, or when Alertmanager notifies the canary's
    own webhook (`POST /alertmanager`), which leaves its `group_wait` out. Default posting: that
    is what a real alert waits."""


class Way:
    """Posts an alert, and ends it when the run is over."""

    ROUTE = Route.ALERTMANAGER
    SYNCHRONOUS = False
    cleans: Leavings | None = Leavings.ALERT

    def __init__(self, settings: Settings, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self._url = f"{settings.url.rstrip('/')}/api/v2/alerts"
        self.clock_at_webhook = settings.clock == "webhook"

    def leavings(self, alert: Alert) -> tuple[Leaving, ...]:
        """List the alert itself, which goes on firing until it is ended."""
        return (Leaving(Leavings.ALERT, f"{alert.probe} {alert.id} {alert.at!r}"),)

    async def send(self, alert: Alert) -> Reply:
        """Post a firing alert."""
        return await self._post(alert, ends_at=None)

    async def end(self, alert: Alert) -> Reply:
        """Post the end of an alert."""
        return await self._post(alert, ends_at=self._reach.clock.wall())

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """End alerts that are still firing."""
        failed = []
        for leaving in leavings:
            reply = await self.end(self._alert(leaving))
            if reply.status not in _ACCEPTED:
                failed.append(leaving)
        return failed

    def _alert(self, leaving: Leaving) -> Alert:
        probe, run_id, at = leaving.handle.split(" ")
        return Alert(run_id, probe, {}, self._reach.canary, float(at))

    async def _post(self, alert: Alert, *, ends_at: float | None) -> Reply:
        entry = posted(alert, label=self._settings.grouping_label, ends_at=ends_at)
        return await self._reach.sender.post(self._url, [entry], content_type=_JSON)
