"""Path of a real alert: Alertmanager, its webhook, the converter, the broker.

`POST /api/v2/alerts` of Alertmanager takes a list of alerts and answers 200 at once. Alerts with
the same grouping labels are notified together, and again only after hours. So every synthetic alert
has a unique value in one of these labels.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.fields import LabelName, Section, Url
from exporter.httpclient.client import Reply
from exporter.model.alert import RESERVED_LABELS, Alert, build_alertmanager_alert
from exporter.model.run import Leftover
from exporter.paths import PathContext
from slos.schema.contract import LeftoverKind

PATH = "alertmanager"

_JSON = "application/json"
_ACCEPTED = range(200, 300)


def _check_grouping_label(label: str) -> str:
    """Refuse a label that identifies an alert."""
    if label in RESERVED_LABELS:
        raise ValueError(
            f"{label} is fixed in a synthetic alert, so it cannot differ between runs; "
            "use another label of group_by, such as service"
        )
    return label


class Settings(Section):
    """Endpoint of Alertmanager, and a label by which it groups."""

    url: Url
    """URL of Alertmanager, with its path prefix if it has one. No default."""
    grouping_label: Annotated[LabelName, AfterValidator(_check_grouping_label)] = "service"
    """A label of the route's `group_by` that may have any value. Default service. It must not
    describe the alert itself, as alertname and severity do."""
    clock: Literal["posting", "webhook"] = "posting"
    """Start of the latencies: when the alert is posted, or when Alertmanager notifies the webhook
    of the canary (`POST /alertmanager`), which excludes its `group_wait`. Default posting, which is
    what a real alert waits."""


class Path:
    """Posts an alert, and ends it when the run is over."""

    NAME = PATH
    SYNCHRONOUS = False
    leftover_kind: LeftoverKind | None = LeftoverKind.ALERT

    def __init__(self, settings: Settings, path_context: PathContext) -> None:
        self._settings = settings
        self._path_context = path_context
        self._url = f"{settings.url.rstrip('/')}/api/v2/alerts"
        self.clock_at_webhook = settings.clock == "webhook"

    def list_leftovers(self, alert: Alert) -> tuple[Leftover, ...]:
        """List the alert itself, which goes on firing until it is ended."""
        return (Leftover(LeftoverKind.ALERT, f"{alert.probe} {alert.id} {alert.intended_at!r}"),)

    async def send_alert(self, alert: Alert) -> Reply:
        """Post a firing alert."""
        return await self._post_alert(alert, ends_at=None)

    async def send_end(self, alert: Alert) -> Reply:
        """Post the end of an alert."""
        return await self._post_alert(alert, ends_at=self._path_context.clock.wall())

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """End alerts that are still firing."""
        failed = []
        for leftover in leftovers:
            reply = await self.send_end(self._to_alert(leftover))
            if reply.status not in _ACCEPTED:
                failed.append(leftover)
        return failed

    def _to_alert(self, leftover: Leftover) -> Alert:
        probe, run_id, at = leftover.handle.split(" ")
        return Alert(run_id, probe, {}, self._path_context.canary, float(at))

    async def _post_alert(self, alert: Alert, *, ends_at: float | None) -> Reply:
        entry = build_alertmanager_alert(
            alert, label=self._settings.grouping_label, ends_at=ends_at
        )
        body = json.dumps([entry]).encode()
        return await self._path_context.sender.post(self._url, body, content_type=_JSON)
