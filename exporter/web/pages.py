"""Pages of the prober: front page, /metrics, health, /runs, /failures, reload, scenarios."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from exporter.config.web import WebConfig
from exporter.loadtest.result import Refusal, RefusalKind, ScenarioResult
from exporter.loadtest.stop import StopReason
from exporter.metrics.exposition import render_exposition
from exporter.model.run import Run
from exporter.reload import ReloadOutcome
from exporter.report.writer import render_report_page
from exporter.status import Status
from exporter.web.auth import AuthMiddleware
from exporter.web.count_chart import build_charts
from exporter.web.front_page import REFRESH_SECONDS, STALLED, Choice, FrontPage
from exporter.web.scenario_rows import ScenarioRow, build_scenario_rows
from slos.schema import contract

_STATUS = {
    RefusalKind.UNKNOWN: 404,
    RefusalKind.STANDBY: 503,
    RefusalKind.BUSY: 409,
    RefusalKind.REFUSED: 403,
}

STALL_TIMEOUT = 10.0
"""Seconds without a heartbeat of the scheduler after which the process is unhealthy."""

MARK_TIMEOUT = 1.0
"""Seconds that a scrape waits for the journal, whose disk may hang."""

PAGE_LIFETIME = 1.0
"""Seconds for which a rendered front page is served again."""

_LEAST_OFFLOADED = 1024
"""Bytes from which a thread compresses a page, so that no event is sent late."""

MarkFunction = Callable[[Sequence[str]], Awaitable[bool]]
ReloadFunction = Callable[[], Awaitable[ReloadOutcome]]


class ScenarioControl(Protocol):
    """Control of scenarios, as the pages use it."""

    async def start(
        self, name: str, *, compress: float = 1.0, resume: bool = False
    ) -> ScenarioResult | Refusal:
        """Start a scenario; return the run that has started, or a refusal."""

    def stop(self, reason: StopReason) -> bool:
        """Stop the running scenario, if there is one."""

    def build_document(self, run_id: str) -> dict[str, Any] | None:
        """Build the content of the result file of the last run that ended; None for others."""

    def build_engine_document(self, run: str) -> dict[str, Any] | None:
        """Build the calls of the canary for a run of a load engine; None for an unknown run."""

    def has_document(self, run_id: str) -> bool:
        """Return whether there is a result file of a run."""

    def list_latest(self) -> Mapping[str, ScenarioResult | None]:
        """List the newest run of each scenario; None for one that was never run."""

    def to_json(self) -> dict[str, Any]:
        """Return the running scenario, the configured ones and the results."""


class ScenarioPages:
    """Pages of the load controller, once there is one."""

    def __init__(self) -> None:
        self.load_controller: ScenarioControl | None = None
        """None while another prober leads."""

    @property
    def routes(self) -> Iterable[web.RouteDef]:
        """Routes of the pages."""
        return (
            web.get("/-/scenario", self._show),
            web.get("/-/scenario/result/{id}", self._show_result),
            web.get("/-/scenario/report/{id}", self._show_report),
            web.get("/-/scenario/engine/{run}", self._show_engine_calls),
            web.delete("/-/scenario", self._stop),
            web.post("/-/scenario/{name}", self._start),
        )

    def list_rows(self) -> Sequence[ScenarioRow] | None:
        """List the newest run of each scenario; None on standby."""
        controller = self.load_controller
        if controller is None:
            return None
        return build_scenario_rows(controller.list_latest(), controller.has_document)

    async def _start(self, request: web.Request) -> web.Response:
        if self.load_controller is None:
            return _respond_standby()
        try:
            compress = float(request.query.get("compress", "1"))
        except ValueError:
            return web.Response(status=400, text="compress is not a number\n")
        result = await self.load_controller.start(
            request.match_info["name"], compress=compress, resume="resume" in request.query
        )
        if isinstance(result, Refusal):
            return web.Response(status=_STATUS[result.kind], text=f"{result.text}\n")
        return web.json_response(result.to_json(), status=202)

    async def _stop(self, _: web.Request) -> web.Response:
        if self.load_controller is None:
            return _respond_standby()
        if not self.load_controller.stop(StopReason.OPERATOR):
            return web.Response(status=404, text="no scenario is running\n")
        return web.Response(
            status=202, text="stopping; events in flight still get their verdicts\n"
        )

    async def _show(self, _: web.Request) -> web.Response:
        if self.load_controller is None:
            return _respond_standby()
        return web.json_response(self.load_controller.to_json())

    async def _show_result(self, request: web.Request) -> web.Response:
        """Serve the result file of the last run. It may be large, so a thread renders it."""
        if self.load_controller is None:
            return _respond_standby()
        controller, run_id = self.load_controller, request.match_info["id"]
        text = await asyncio.to_thread(lambda: json.dumps(controller.build_document(run_id)))
        if text == "null":
            return web.Response(status=404, text="only the last run that ended has its file here\n")
        return web.Response(text=text, content_type="application/json")

    async def _show_report(self, request: web.Request) -> web.Response:
        """Serve the report of the last run; a thread renders it."""
        if self.load_controller is None:
            return _respond_standby()
        document = self.load_controller.build_document(request.match_info["id"])
        if document is None:
            return web.Response(
                status=404, text="only the last run that ended has its report here\n"
            )
        # The file has plain values only; the document of the process has enumerations too.
        page = await asyncio.to_thread(
            lambda: render_report_page([json.loads(json.dumps(document))])
        )
        return web.Response(text=page, content_type="text/html")

    async def _show_engine_calls(self, request: web.Request) -> web.Response:
        """Serve the calls of the canary for a run of a load engine."""
        if self.load_controller is None:
            return _respond_standby()
        document = self.load_controller.build_engine_document(request.match_info["run"])
        if document is None:
            return web.Response(status=404, text="the canary has no call of this run\n")
        return web.json_response(document)


def _respond_standby() -> web.Response:
    return web.Response(status=503, text="on standby; another prober may hold the lease\n")


class WebPages:
    """Pages over a live status; the application sets what changes."""

    def __init__(self, status: Status, web_config: WebConfig) -> None:
        self._status = status
        self._auth = AuthMiddleware(web_config)
        self._links = web_config.links
        self._rendering = asyncio.Lock()
        self._front_pages: dict[Choice, tuple[float, str]] = {}
        """Text of each choice, with the time at which it was rendered."""
        self.ready = False
        self._draining = False
        self._reload_config: ReloadFunction | None = None
        self._mark_counted: MarkFunction | None = None
        self.scenarios = ScenarioPages()
        self.app = web.Application()
        self._auth.install(self.app)
        self.app.add_routes(
            [
                web.get("/", self._serve_front_page),
                web.get("/metrics", self._serve_metrics),
                web.get("/-/healthy", self._serve_health),
                web.get("/-/ready", self._serve_readiness),
                web.get("/runs", self._serve_runs),
                web.get("/failures", self._serve_failures),
                web.post("/-/reload", self._serve_reload),
                *self.scenarios.routes,
            ]
        )

    def start_leading(
        self,
        *,
        reload: ReloadFunction,
        load_controller: ScenarioControl,
        mark_counted: MarkFunction | None = None,
    ) -> None:
        """Enable reload and scenarios, as this prober leads now.

        Args:
            reload: reloads the configuration.
            load_controller: control of scenarios.
            mark_counted: records the ids of runs whose count is being scraped, and returns
                whether that worked.
        """
        self._mark_counted = mark_counted
        self._reload_config, self._draining = reload, False
        self.scenarios.load_controller = load_controller

    def set_ready(self, *, ready: bool) -> None:
        """Set the readiness; while draining the prober is never ready."""
        self.ready = ready and not self._draining

    def start_draining(self) -> None:
        """Report not ready, as nothing more is sent; runs in flight go on for a while."""
        self.ready, self._draining = False, True

    def stop_leading(self) -> None:
        """Disable reload and scenarios, as this prober does not lead any more."""
        self.start_draining()
        self._reload_config = self._mark_counted = self.scenarios.load_controller = None

    def update_config(self, web_config: WebConfig) -> None:
        """Apply another protection of the pages, and other links."""
        self._auth.update_config(web_config)
        self._links = web_config.links
        self._front_pages.clear()

    async def _serve_front_page(self, request: web.Request) -> web.Response:
        """Serve the front page; a thread renders one at a time, so that no event is sent late."""
        choice = Choice.from_query(request.query)
        headers = {"Cache-Control": "no-store"}
        if choice.is_refreshed:
            headers["Refresh"] = str(REFRESH_SECONDS)
        async with self._rendering:
            text = await self._render_front_page(choice)
        response = web.Response(
            text=text,
            content_type="text/html",
            headers=headers,
            zlib_executor_size=_LEAST_OFFLOADED,
        )
        response.enable_compression()
        return response

    async def _render_front_page(self, choice: Choice) -> str:
        """Render the front page, or return its text of the last second."""
        now = self._status.clock.now()
        if (made := self._front_pages.get(choice)) and now - made[0] < PAGE_LIFETIME:
            return made[1]
        text = await asyncio.to_thread(self._build_front_page(choice).render)
        self._front_pages[choice] = now, text
        return text

    def _build_front_page(self, choice: Choice) -> FrontPage:
        """Build the front page from a copy of what changes."""
        status, checks = self._status, self._status.metrics.checks
        counts, now = status.history.counts, status.clock.wall()
        name = choice.range or counts.choose_range(now)
        return FrontPage(
            self._describe_state(),
            now,
            runs=list(status.history),
            failures=status.history.list_failures(),
            charts=build_charts(counts, name, now=now),
            range=name,
            choice=choice,
            targets=status.metrics.targets,
            links=self._links,
            not_configured=sorted(checks.not_configured),
            accepted=sorted(checks.accepted, key=lambda entry: (entry.criterion, entry.path or "")),
            backlog=self._describe_backlog(),
            leaks=dict(status.state.leaks),
            scenarios=self.scenarios.list_rows(),
        )

    def _describe_state(self) -> str:
        if self._measure_stall() > STALL_TIMEOUT:
            return STALLED
        if self._reload_config is None:
            return "on standby"
        return "sending" if self.ready else "stopping"

    def _describe_backlog(self) -> str:
        get_value = self._status.registry.get_sample_value
        count, age = (
            get_value(name) or 0.0
            for name in (contract.CLEANUP_BACKLOG, contract.CLEANUP_BACKLOG_AGE)
        )
        return f"{count:.0f}, the oldest sent {age:.0f} s ago" if count else ""

    def _measure_stall(self) -> float:
        """Measure the seconds since the scheduler's last heartbeat."""
        return self._status.heartbeat.get_age(self._status.clock.now())

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        metrics = self._status.metrics
        scraped, body = metrics.list_unmarked(), render_exposition(self._status.registry)
        if scraped and self._mark_counted is not None:
            await self._mark_scraped(scraped, self._mark_counted)
        metrics.count_postponed()
        return web.Response(body=body, headers=headers)

    async def _mark_scraped(self, ids: Sequence[str], mark_counted: MarkFunction) -> None:
        """Mark runs as counted; the next scrape marks those for which this fails."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MARK_TIMEOUT):
                if await mark_counted(ids):
                    self._status.metrics.note_marked(ids)

    async def _serve_health(self, _: web.Request) -> web.Response:
        if (age := self._measure_stall()) > STALL_TIMEOUT:
            return web.Response(
                status=503, text=f"the scheduler has been stalled for {age:.0f} s\n"
            )
        return web.Response(text="healthy\n")

    async def _serve_readiness(self, _: web.Request) -> web.Response:
        if not self.ready:
            return web.Response(status=503, text="not ready\n")
        return web.Response(text="ready\n")

    async def _serve_runs(self, _: web.Request) -> web.Response:
        return _respond_runs(self._status.history)

    async def _serve_failures(self, _: web.Request) -> web.Response:
        return _respond_runs(self._status.history.list_failures())

    async def _serve_reload(self, _: web.Request) -> web.Response:
        if self._reload_config is None:
            return web.Response(status=503, text="on standby; nothing to reload\n")
        outcome = await self._reload_config()
        return web.Response(status=200 if outcome.is_successful else 500, text=f"{outcome}\n")


def _respond_runs(runs: Iterable[Run]) -> web.Response:
    return web.json_response([run.to_json_with_time() for run in runs])
