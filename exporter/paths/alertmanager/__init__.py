"""Path of a real alert: Alertmanager, its webhook, the converter, the broker.

`POST /api/v2/alerts` of Alertmanager takes a list of alerts and answers 200 at once. Alerts with
the same grouping labels are notified together, and again only after hours. So every synthetic alert
has a unique value in one of these labels.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from exporter.fields import DurationField, LabelName, Url
from exporter.httpclient.client import Reply
from exporter.model.alert import RESERVED_LABELS, Alert, build_alertmanager_alert
from exporter.model.deadlines import AlertProbeSettings, Targets
from exporter.model.error_kind import NOT_SENT_ERRORS
from exporter.model.run import Leftover
from exporter.paths import PathContext, PathSettings
from exporter.paths.alertmanager.route import RouteTiming, find_difference
from slos.schema.contract import LeftoverKind, Stage
from slos.schema.units import Duration

PATH = "alertmanager"
KEEPS_EVENT_ID = False

_JSON = "application/json"
_ACCEPTED = range(200, 300)
_CLIENT_ERRORS = range(400, 500)
_SHORTEST_TIMEOUT = Duration.from_parts(seconds=10)
"""Alertmanager gives a notification at least this long (`MinTimeout` in notify/notify.go)."""
_RESOLVE_TIMEOUT = Duration.from_parts(minutes=5)
"""Default of `resolve_timeout`, after which an alert without an end is over."""
_SLACK = Duration.from_parts(seconds=5)
"""For the way from Alertmanager to the canary, which takes longer one time than another."""
_PEER_GRACE = 1.0
"""Seconds for the other members of a cluster to reply, once one has accepted an alert."""
_COMPARISON_INTERVAL = 600.0
"""Seconds between two comparisons of the settings with the running Alertmanager."""
_COMPARISON_TIMEOUT = 10.0

_log = logging.getLogger(__name__)


def _check_grouping_label(label: str) -> str:
    """Refuse a label that identifies an alert."""
    if label in RESERVED_LABELS:
        raise ValueError(
            f"{label} is fixed in a synthetic alert, so it cannot differ between runs; "
            "use another label of group_by, such as service"
        )
    return label


class Settings(PathSettings):
    """Endpoint of Alertmanager, and the settings of its route for synthetic alerts."""

    url: Url
    """URL of Alertmanager, with its path prefix if it has one. No default."""
    peers: list[Url] = Field(default=[])
    """URLs of the other members of a high-availability cluster. Alerts and their ends are posted to
    every member, as Prometheus does, because members do not pass on alerts. With a cluster, `url`
    must be one member and not a Service in front of all. Default none: a single Alertmanager."""
    grouping_label: Annotated[LabelName, AfterValidator(_check_grouping_label)] = "service"
    """A label of the route's `group_by` that may have any value. Default service. It must not
    describe the alert itself, as alertname and severity do."""
    group_wait: DurationField = Duration.from_parts(seconds=30)
    """`group_wait` of the route. Default 30s, as in Alertmanager."""
    group_interval: DurationField = Duration.from_parts(minutes=5)
    """`group_interval` of the route. Default 5m, as in Alertmanager."""
    peer_timeout: DurationField = Duration.from_parts(seconds=15)
    """`--cluster.peer-timeout` of a cluster. Default 15s, as in Alertmanager."""
    clock: Literal["posting", "webhook"] = "posting"
    """Start of the latencies: when the alert is posted, or when Alertmanager notifies the webhook
    of the canary (`POST /alertmanager`), which excludes its `group_wait`. Default posting, which is
    what a real alert waits."""

    @property
    def repeats_after(self) -> Duration:
        """Time after which a notification that was not confirmed is repeated at the latest.

        A notification is given up and repeated after `group_interval`. Each member of a cluster
        waits `peer_timeout` longer than the one before it, in case that one succeeds.
        """
        return max(self.group_interval, _SHORTEST_TIMEOUT) + self.peer_timeout * len(self.peers)

    def find_deadline_problems(
        self, deadlines: AlertProbeSettings, targets: Targets
    ) -> Iterable[tuple[str, str, str]]:
        """Find deadlines that end a run before a repeated notification would be seen."""
        late_after = deadlines.late_after or targets.get(Stage.END_TO_END)
        if late_after is None:
            return
        if self.clock == "posting" and not self.group_wait < late_after:
            message = f"late_after {late_after} is not above group_wait {self.group_wait}"
            yield "late_after", message, "raise it; otherwise every execution is late"
        settle, repeats_after = deadlines.settle, self.repeats_after
        if not repeats_after < settle:
            settle = repeats_after + _SLACK
            message = (
                f"settle {deadlines.settle} is not above {repeats_after}, after which "
                "Alertmanager repeats a notification that was not confirmed"
            )
            hint = f"set settle: {settle}, or correct group_interval and peers of the path"
            yield "settle", message, hint
        needed = late_after + settle
        needed = needed if self.clock == "posting" else needed + self.group_wait
        if deadlines.timeout < needed:
            message = f"timeout {deadlines.timeout} is below {needed}, so runs would end too early"
            parts = "late_after + settle" + (" + group_wait" if self.clock == "webhook" else "")
            yield "timeout", message, f"set timeout: {needed} ({parts}), and an interval above it"

    def find_end_problem(self) -> tuple[str, str] | None:
        """Find why the end of an alert does not reach agent-sre."""
        return "Alertmanager does not tell whether agent-sre gets the end of an alert", (
            "use path: direct"
        )


class Path:
    """Posts an alert, and ends it when the run is over."""

    NAME = PATH
    SYNCHRONOUS = False
    leftover_kind: LeftoverKind | None = LeftoverKind.ALERT
    settings_difference: str | None = None

    def __init__(self, settings: Settings, path_context: PathContext) -> None:
        self._settings = settings
        self._path_context = path_context
        self._apis = [f"{url.rstrip('/')}/api/v2" for url in (settings.url, *settings.peers)]
        self._next_comparison = 0.0
        self.clock_at_webhook = settings.clock == "webhook"

    def list_leftovers(self, alert: Alert) -> tuple[Leftover, ...]:
        """List the alert itself, which goes on firing until it is ended."""
        return (Leftover(LeftoverKind.ALERT, f"{alert.probe} {alert.id} {alert.intended_at!r}"),)

    async def send_alert(self, alert: Alert) -> Reply:
        """Post a firing alert; one member of a cluster has to accept it."""
        posts = self._post_alert(alert, ends_at=self._choose_end())
        try:
            for next_reply in asyncio.as_completed(posts):
                with contextlib.suppress(OSError):
                    if (await next_reply).status in _ACCEPTED:
                        break
            await asyncio.wait(posts, timeout=_PEER_GRACE)
            return choose_reply([post for post in posts if post.done()])
        finally:
            for post in posts:
                post.cancel()

    async def send_resolved(self, alert: Alert) -> Reply:
        """Post the end of an alert; every member of a cluster has to accept it."""
        posts = self._post_alert(alert, ends_at=self._path_context.clock.wall())
        await asyncio.gather(*posts, return_exceptions=True)
        return max((post.result() for post in posts), key=_rank_reply)

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """End alerts that are still firing. Before that, Alertmanager returns their route."""
        if leftovers:
            await self._compare_settings_if_due(self._to_alert(leftovers[0]))
        failed = []
        for leftover in leftovers:
            try:
                reply = await self.send_resolved(self._to_alert(leftover))
            except OSError:  # this machine ran out of a resource
                failed.append(leftover)
                continue
            if reply.status not in _ACCEPTED:
                failed.append(leftover)
        return failed

    async def _compare_settings_if_due(self, alert: Alert) -> None:
        """Compare the settings with the configuration that Alertmanager returns, if it does."""
        if self._path_context.clock.now() < self._next_comparison:
            return
        self._next_comparison = self._path_context.clock.now() + _COMPARISON_INTERVAL
        try:
            async with asyncio.timeout(_COMPARISON_TIMEOUT):
                self.settings_difference = await self._compare_settings(alert)
        except (OSError, ValueError) as error:
            _log.debug("path %s: settings not compared: %r", PATH, error)

    async def _compare_settings(self, alert: Alert) -> str | None:
        label = self._settings.grouping_label
        status = await self._get("/status")
        groups = await self._get("/alerts/groups", {"filter": f'{label}="{alert.id}"'})
        return find_difference(
            status,
            groups,
            timing=RouteTiming(self._settings.group_wait, self._settings.group_interval),
            grouping_label=label,
            members=len(self._apis),
        )

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Get an answer of the first member.

        Raises:
            OSError: there is no answer.
            ValueError: the answer is not JSON.
        """
        reply = await self._path_context.sender.get(self._apis[0] + path, params)
        if reply.status not in _ACCEPTED:
            raise OSError(f"{path}: {reply.status or reply.error}")
        return json.loads(reply.body)

    def _to_alert(self, leftover: Leftover) -> Alert:
        probe, run_id, at = leftover.handle.split(" ")
        return Alert(run_id, probe, {}, self._path_context.canary, float(at))

    def _choose_end(self) -> float | None:
        """Choose the end of a firing alert; None for that of Alertmanager, by its own clock.

        It is set only if the alert would be over before its notification is repeated.
        """
        lifetime = self._settings.group_wait + self._settings.repeats_after * 2
        if lifetime < _RESOLVE_TIMEOUT:
            return None
        return self._path_context.clock.wall() + float((lifetime + _RESOLVE_TIMEOUT).seconds)

    def _post_alert(self, alert: Alert, *, ends_at: float | None) -> list[asyncio.Task[Reply]]:
        """Start to post an alert to every member."""
        entry = build_alertmanager_alert(
            alert, label=self._settings.grouping_label, ends_at=ends_at
        )
        body, sender = json.dumps([entry]).encode(), self._path_context.sender
        return [
            asyncio.create_task(sender.post(f"{api}/alerts", body, content_type=_JSON))
            for api in self._apis
        ]


def choose_reply(posts: Sequence[asyncio.Task[Reply]]) -> Reply:
    """Choose the reply of a cluster: an acceptance, or else the one that leaves the most doubt.

    Raises:
        OSError: no member accepted, and for one of them this machine ran out of a resource.
    """
    replies = [post.result() for post in posts if post.exception() is None]
    best = min(replies, key=_rank_reply, default=None)
    if best is not None and best.status in _ACCEPTED:
        return best
    return min((post.result() for post in posts), key=_rank_reply)


def _rank_reply(reply: Reply) -> int:
    """Rank a reply by how certain it is that the alert was not taken."""
    if reply.status is None:
        return 4 if reply.error in NOT_SENT_ERRORS else 1
    if reply.status in _ACCEPTED:
        return 0
    return 3 if reply.status in _CLIENT_ERRORS else 2
