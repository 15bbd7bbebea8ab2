"""/metrics, health, /runs, reload, scenarios, index."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

import jinja2
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from exporter.config.web import WebConfig
from exporter.loadtest.result import Denial, Denied
from exporter.loadtest.stop import Stop
from exporter.metrics.exposition import exposition
from exporter.model.run import ProbeResult, timestamp
from exporter.reload import Outcome
from exporter.status import Face
from exporter.web.auth import Gate
from slos.schema.contract import Stage, Verdict

if TYPE_CHECKING:
    from exporter.app.load_controller import Desk


_COLOURS = {Verdict.OK: "ok", Verdict.UNKNOWN: "odd"}

_STATUS = {Denial.UNKNOWN: 404, Denial.STANDBY: 503, Denial.BUSY: 409, Denial.REFUSED: 403}

STUCK_AFTER = 10.0
"""Seconds without a heartbeat of the scheduler after which the process is unhealthy."""

Hears = Callable[[], None]
Reloads = Callable[[], Awaitable[Outcome]]


def page(state: str, runs: Iterable[ProbeResult]) -> str:
    """Render the page as HTML; all values are escaped.

    Args:
        state: state of the prober in a few words.
        runs: runs, newest first.
    """
    shown = [_row(run) for run in runs]
    counts = Counter(str(row["verdict"]) for row in shown)
    return _template().render(
        state=state,
        runs=shown,
        stages=list(Stage),
        counts={verdict: counts[verdict] for verdict in Verdict if counts[verdict]},
    )


def _row(run: ProbeResult) -> dict[str, object]:
    return {
        "at": timestamp(run.intended_at).replace("T", " "),
        "probe": run.probe,
        "path": run.path,
        "verdict": run.verdict,
        "reason": run.reason,
        "seconds": [run.stages.get(stage) for stage in Stage],
        "id": run.id,
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web", "."),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["colour"] = lambda verdict: _COLOURS.get(verdict, "bad")
    return environment.get_template("page.html")


class ScenarioPages:
    """Pages of the load controller, once there is one."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        """None while another prober leads."""

    @property
    def routes(self) -> Iterable[web.RouteDef]:
        """Routes of the pages."""
        return (
            web.get("/-/scenario", self._show),
            web.delete("/-/scenario", self._stop),
            web.post("/-/scenario/{name}", self._start),
        )

    async def _start(self, request: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        begun = await self.desk.start(request.match_info["name"])
        if isinstance(begun, Denied):
            return web.Response(status=_STATUS[begun.why], text=f"{begun.text}\n")
        return web.json_response(begun.as_json(), status=202)

    async def _stop(self, _: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        if not self.desk.stop(Stop.OPERATOR):
            return web.Response(status=404, text="no scenario is running\n")
        return web.Response(status=202, text="stopping; what is on its way gets its verdict\n")

    async def _show(self, _: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        return web.json_response(self.desk.as_json())


def _standby() -> web.Response:
    return web.Response(status=503, text="standing by; another prober sends\n")


def _nobody() -> None:
    """Do nothing."""


class Site:
    """Pages over a live status; the application sets what changes."""

    def __init__(self, shown: Face, protection: WebConfig) -> None:
        self._shown = shown
        self._gate = Gate(protection)
        self.ready = False
        self._ending = False
        self.scraped: Hears = _nobody
        """Called after the counters were read."""
        self._do_reload: Reloads | None = None
        self.scenarios = ScenarioPages()
        self.app = web.Application()
        self._gate.guard(self.app)
        self.app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.get("/runs", self._runs),
                web.post("/-/reload", self._reload),
                *self.scenarios.routes,
            ]
        )

    def on_duty(self, *, reload: Reloads, desk: "Desk") -> None:
        """Enable reload and scenarios, as this prober leads now."""
        self._do_reload, self._ending = reload, False
        self.scenarios.desk = desk

    def show_ready(self, *, is_: bool) -> None:
        """Set the readiness; while draining the prober is never ready."""
        self.ready = is_ and not self._ending

    def end_duty(self) -> None:
        """Report not ready, as nothing more is sent; runs in flight go on for a while."""
        self.ready, self._ending = False, True

    def off_duty(self) -> None:
        """Disable reload and scenarios, as this prober does not lead any more."""
        self.end_duty()
        self.scraped, self._do_reload, self.scenarios.desk = _nobody, None, None

    def adopt(self, protection: WebConfig) -> None:
        """Apply another protection of the pages."""
        self._gate.adopt(protection)

    async def _index(self, _: web.Request) -> web.Response:
        text = page(self._state(), self._shown.recent)
        return web.Response(text=text, content_type="text/html")

    def _state(self) -> str:
        if self._stuck_for() > STUCK_AFTER:
            return "stuck: nothing is sent"
        if self._do_reload is None:
            return "standing by"
        return "sending" if self.ready else "stopping"

    def _stuck_for(self) -> float:
        """Measure the seconds since the scheduler's last heartbeat."""
        return self._shown.pulse.age(self._shown.clock.now())

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        body = exposition(self._shown.registry)
        self.scraped()
        return web.Response(body=body, headers=headers)

    async def _healthy(self, _: web.Request) -> web.Response:
        if (age := self._stuck_for()) > STUCK_AFTER:
            return web.Response(status=503, text=f"the scheduler is stuck for {age:.0f} s\n")
        return web.Response(text="healthy\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if not self.ready:
            return web.Response(status=503, text="not ready\n")
        return web.Response(text="ready\n")

    async def _runs(self, _: web.Request) -> web.Response:
        return web.json_response([result.as_json_with_time() for result in self._shown.recent])

    async def _reload(self, _: web.Request) -> web.Response:
        if self._do_reload is None:
            return web.Response(status=503, text="standing by; nothing to reload\n")
        outcome = await self._do_reload()
        return web.Response(status=200 if outcome.successful else 500, text=f"{outcome}\n")
