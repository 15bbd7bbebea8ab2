"""Pages of the prober: /metrics, health, /runs, reload, scenarios, index."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Any, Protocol

import jinja2
from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from exporter.config.web import WebConfig
from exporter.loadtest.result import Refusal, RefusalKind, ScenarioResult
from exporter.loadtest.stop import StopReason
from exporter.metrics.exposition import render_exposition
from exporter.model.run import Run, format_timestamp
from exporter.reload import ReloadOutcome
from exporter.report.writer import render_report_page
from exporter.status import Status
from exporter.web.auth import AuthMiddleware
from slos.schema import contract
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Stage, Verdict

_COLOURS = {Verdict.OK: "ok", Verdict.UNKNOWN: "odd"}

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

MarkFunction = Callable[[Sequence[str]], Awaitable[bool]]
ReloadFunction = Callable[[], Awaitable[ReloadOutcome]]


def render_page(
    state: str,
    runs: Iterable[Run],
    not_configured: Iterable[str] = (),
    *,
    accepted: Iterable[AcceptedCriterion] = (),
    backlog: str = "",
) -> str:
    """Render the page as HTML; all values are escaped.

    Args:
        state: state of the prober in a few words.
        runs: runs, newest first.
        not_configured: criteria that the configuration leaves nothing to check for.
        accepted: criteria whose failure is accepted.
        backlog: the clean-up that is left to do; empty if there is none.
    """
    rows = [_build_row(run) for run in runs]
    counts = Counter(str(row["verdict"]) for row in rows)
    return _load_template().render(
        state=state,
        backlog=backlog,
        runs=rows,
        not_configured=sorted(not_configured),
        accepted=sorted(accepted, key=lambda entry: (entry.criterion, entry.path or "")),
        stages=list(Stage),
        counts={verdict: counts[verdict] for verdict in Verdict if counts[verdict]},
    )


def _build_row(run: Run) -> dict[str, object]:
    stages = run.stages
    return {
        "at": format_timestamp(run.intended_at).replace("T", " "),
        "probe": run.probe,
        "path": run.path,
        "verdict": run.verdict,
        "reason": run.reason,
        "times": [f"{stages[stage]:.3f} s" if stage in stages else "" for stage in Stage],
        "id": run.id,
    }


@cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web", "."),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["colour"] = lambda verdict: _COLOURS.get(verdict, "bad")
    return environment.get_template("page.html")


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
        self.ready = False
        self._draining = False
        self._reload_config: ReloadFunction | None = None
        self._mark_counted: MarkFunction | None = None
        self.scenarios = ScenarioPages()
        self.app = web.Application()
        self._auth.install(self.app)
        self.app.add_routes(
            [
                web.get("/", self._serve_index),
                web.get("/metrics", self._serve_metrics),
                web.get("/-/healthy", self._serve_health),
                web.get("/-/ready", self._serve_readiness),
                web.get("/runs", self._serve_runs),
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
        """Apply another protection of the pages."""
        self._auth.update_config(web_config)

    async def _serve_index(self, _: web.Request) -> web.Response:
        status = self._status
        text = render_page(
            self._describe_state(),
            status.history,
            status.metrics.checks.not_configured,
            accepted=status.metrics.checks.accepted,
            backlog=self._describe_backlog(),
        )
        return web.Response(text=text, content_type="text/html")

    def _describe_state(self) -> str:
        if self._measure_stall() > STALL_TIMEOUT:
            return "stalled: nothing is sent"
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
        return web.json_response([result.to_json_with_time() for result in self._status.history])

    async def _serve_reload(self, _: web.Request) -> web.Response:
        if self._reload_config is None:
            return web.Response(status=503, text="on standby; nothing to reload\n")
        outcome = await self._reload_config()
        return web.Response(status=200 if outcome.is_successful else 500, text=f"{outcome}\n")
