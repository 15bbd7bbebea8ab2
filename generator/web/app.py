"""Web application: routes, headers, and errors as pages."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from generator.clients.json_api import APIError
from generator.status.slo_states import SLOState
from generator.web import api, badge, slo_page
from generator.web.formats import load_templates
from generator.web.links import format_query
from generator.web.metrics import PageMetrics
from generator.web.overview import (
    SORTS,
    Filter,
    Row,
    build_summary,
    choose_rows,
    list_rows,
    list_services,
)
from generator.web.queries import SourceState
from generator.web.snapshot import Snapshot
from slos.schema.promql import format_label_set

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every response; nothing is loaded from elsewhere, and no page has inline code."""

_PAGE_SIZE = 100
_NOT_UTF8 = "\N{REPLACEMENT CHARACTER}"
"""Replaces bytes of an address that are not UTF-8; PromQL refuses it."""
_MAX_PAGES = 64
"""Rendered overviews that are kept until the next reading."""
_STATIC_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain",
    ".md": "text/plain",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Other programs that the pages link to.

    Attributes:
        grafana: URL of the Grafana with the generated dashboards; empty for none.
        prometheus: True if the sources have a page for graphs.
    """

    grafana: str = ""
    prometheus: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """States with what is made of them.

    Attributes:
        states: states of all sources.
        rows: rows of all SLOs.
        pages: rendered overviews by their query string.
    """

    states: Sequence[SourceState]
    rows: Sequence[Row]
    pages: dict[str, str] = field(default_factory=dict)


class Pages:
    """Pages over a snapshot of all sources.

    Args:
        snapshot: state of the sources.
        links: other programs.
        prefix: path below which the pages are served, as `/slo/`.
    """

    def __init__(self, snapshot: Snapshot, links: Links, prefix: str = "/") -> None:
        self._snapshot = snapshot
        self._links = links
        self._root = prefix
        self._metrics = PageMetrics(snapshot)
        self._view = View((), ())

    def build_app(self) -> web.Application:
        """Build the application."""
        app = web.Application(middlewares=[self._handle])
        root = self._root
        app.add_routes(
            [
                web.get(root, self._serve_overview),
                web.get(f"{root}slo", self._serve_slo),
                web.get(f"{root}badge.svg", self._serve_badge),
                web.get(f"{root}api/v1/slos", self._serve_slos_json),
                web.get(f"{root}api/v1/slo", self._serve_slo_json),
                web.get(f"{root}api/v1/openapi.json", self._serve_openapi),
                web.get(f"{root}static/{{name}}", self._serve_static),
                web.get("/-/healthy", _serve_healthy),
                web.get("/-/ready", self._serve_ready),
                web.get("/metrics", self._serve_metrics),
            ]
        )
        app.on_response_prepare.append(_add_headers)
        app.cleanup_ctx.append(self._run_readings)
        return app

    async def _run_readings(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._snapshot.refresh_regularly(), name="readings")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._snapshot.close()

    async def _read_view(self) -> View:
        """Read the states with their rows; pages of the same states are rendered once."""
        states = await self._snapshot.read()
        if states is not self._view.states:
            self._view = View(states, list_rows(states))
        return self._view

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count and time a request; an error is a page, or JSON below `/api/`."""
        started = time.perf_counter()
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = self._render_error(request, error.status, error.reason)
            if allow := error.headers.get("Allow"):
                response.headers["Allow"] = allow
        except RequestError as error:
            response = self._render_error(request, error.status, str(error))
        except APIError as error:
            response = self._render_error(request, 502, str(error))
        self._metrics.count(_name_route(request), response.status, time.perf_counter() - started)
        return response

    def _render_error(self, request: web.Request, status: int, text: str) -> web.Response:
        if request.path.startswith((f"{self._root}api/", "/-/")):
            return web.json_response({"error": text}, status=status)
        page = self._render("error.html", status=status, text=text)
        return web.Response(text=page, status=status, content_type="text/html")

    def _render(self, template: str, **values: Any) -> str:  # noqa: ANN401 - of a template
        return load_templates().get_template(template).render(root=self._root, **values)

    async def _serve_overview(self, request: web.Request) -> web.Response:
        view = await self._read_view()
        page = view.pages.get(request.query_string) or self._render_overview(request, view)
        if len(view.pages) < _MAX_PAGES:
            view.pages[request.query_string] = page
        return _respond_html(page)

    def _render_overview(self, request: web.Request, view: View) -> str:
        chosen, parameters = read_filter(request), request.query
        found = choose_rows(view.rows, chosen)
        shown = found if parameters.get("show") == "all" else found[:_PAGE_SIZE]
        query = {name: parameters.get(name, "") for name in (*_FILTER_NAMES, "show")}
        return self._render(
            "overview.html",
            summary=build_summary(view.states, view.rows),
            rows=shown,
            found=len(found),
            chosen=chosen,
            states=list(SLOState),
            services=list_services(view.rows),
            sources=[state.name for state in view.states],
            source_states=view.states,
            sorts=[(name, title) for name, (title, _) in SORTS.items()],
            here=f"{self._root}?{format_query(query)}".removesuffix("?"),
            json_query=format_query({**query, "show": ""}),
            all_query=format_query({**query, "show": "all"}),
        )

    async def _serve_slos_json(self, request: web.Request) -> web.Response:
        try:
            api.check_value("state", request.query.get("state", ""), api.STATES)
            api.check_value("sort", request.query.get("sort", ""), api.ORDERS)
        except ValueError as error:
            raise RequestError(str(error)) from error
        chosen, view = read_filter(request), await self._read_view()
        summary = build_summary(view.states, view.rows)
        return _respond_json(
            api.build_overview(summary, view.states, choose_rows(view.rows, chosen))
        )

    async def _serve_slo(self, request: web.Request) -> web.Response:
        page = await self._read_slo(request)
        values = slo_page.build_values(page, self._links.grafana, graphs=self._links.prometheus)
        return _respond_html(self._render("slo.html", **values))

    async def _serve_slo_json(self, request: web.Request) -> web.Response:
        return _respond_json(api.build_slo(await self._read_slo(request)))

    async def _read_slo(self, request: web.Request) -> slo_page.SLOPage:
        parameters = request.query
        name = parameters.get("source", "")
        clients = self._snapshot.clients
        client = clients.get(name) if name else next(iter(clients.values()))
        if client is None:
            raise RequestError(f"there is no source {name!r}; known: {', '.join(clients)}", 404)
        try:
            api.check_value("range", parameters.get("range", ""), api.RANGES)
            wanted = slo_page.SLORequest(
                slo_id=parameters.get("id", ""),
                labels=dict(map(_split_label, parameters.getall("label", []))),
                group=dict(map(_split_label, parameters.getall("group", []))),
                range=parameters.get("range", ""),
                end=_parse_end(parameters.get("end", "")),
            )
        except ValueError as error:
            raise RequestError(str(error)) from error
        if not wanted.slo_id:
            raise RequestError("the parameter id is missing; take a link of the overview")
        if any(_NOT_UTF8 in value for value in parameters.values()):
            raise RequestError("the address is not UTF-8; take a link of the overview")
        page = await slo_page.read_page(client, wanted)
        if page is None:
            group = f" with the group {format_label_set(wanted.group)}" if wanted.group else ""
            raise RequestError(
                f"{client.source.name} has no SLO {wanted.slo_id!r}{group} at this time", 404
            )
        return page

    async def _serve_badge(self, request: web.Request) -> web.Response:
        parameters = request.query
        rows = [
            row
            for row in (await self._read_view()).rows
            if row.worst.id == parameters.get("id", "")
            and row.source == (parameters.get("source") or row.source)
        ]
        text = badge.render_badge(rows[0].worst if rows else None, parameters.get("show", "budget"))
        return web.Response(
            text=text,
            status=200 if rows else 404,
            content_type="image/svg+xml",
            headers={"Cache-Control": "no-cache"},
        )

    async def _serve_openapi(self, _: web.Request) -> web.Response:
        return _respond_json(api.build_openapi(self._root))

    async def _serve_static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = _load_static().get(name)
        if found is None:
            raise RequestError(f"there is no file {name!r}", 404)
        content_type = _STATIC_TYPES[name[name.rindex(".") :]]
        response = web.Response(body=found, content_type=content_type, charset="utf-8")
        response.headers["Cache-Control"] = "max-age=3600"
        response.enable_compression()
        return response

    async def _serve_ready(self, _: web.Request) -> web.Response:
        """Serve 503 while no source can be read."""
        states = await self._snapshot.read()
        failing = [f"{state.name}: {text}" for state in states for text in state.problems]
        if failing and all(state.problems for state in states):
            return web.Response(status=503, text="\n".join(failing) + "\n")
        return web.Response(text="ready\n")

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        body, content_type = self._metrics.render()
        return web.Response(body=body, headers={"Content-Type": content_type})


class RequestError(Exception):
    """Request that cannot be answered; the text says what to change."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


_FILTER_NAMES = ("q", "state", "service", "source", "label", "sort")


def read_filter(request: web.Request) -> Filter:
    """Read the choice of SLOs from the parameters of a request."""
    values = {name: request.query.get(name, "") for name in _FILTER_NAMES}
    search, sort = values.pop("q"), values.pop("sort")
    return Filter(search=search, sort=sort if sort in SORTS else "worst", **values)


def _split_label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a label; write it like team=web")
    return name, value


def _parse_end(text: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(api.END, text):
        raise ValueError(f"end {text!r} is not a time; write it as seconds since 1970")
    return float(text)


async def _serve_healthy(_: web.Request) -> web.Response:
    return web.Response(text="healthy\n")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _respond_html(text: str) -> web.Response:
    response = web.Response(text=text, content_type="text/html")
    response.headers["Cache-Control"] = "no-store"
    response.enable_compression()
    return response


def _respond_json(document: Any) -> web.Response:  # noqa: ANN401 - JSON
    response = web.json_response(document, dumps=api.dump_json)
    response.headers["Cache-Control"] = "no-store"
    response.enable_compression()
    return response


def _name_route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


@cache
def _load_static() -> dict[str, bytes]:
    folder = files("generator.web").joinpath("static")
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
