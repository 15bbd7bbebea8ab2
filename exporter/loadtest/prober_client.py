"""Client of a running prober: starts a scenario there and follows it to its end."""

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from exporter.httpclient.client import HttpClient, HttpRequest
from exporter.httpclient.errors import RequestError
from exporter.loadtest.progress import ProgressView
from exporter.loadtest.result import LoadStep, ScenarioResult, parse_result

_ACCEPTED = 202
_OK = 200
_POLL_INTERVAL = 1.0
"""Seconds between two requests for the state."""
_MAX_BODY_BYTES = 256 * 1024 * 1024
"""Bytes of a response; the events of a day take a few megabytes."""
_LOST_AFTER = 60.0
"""Seconds without a response after which the run counts as lost; a restart takes less."""


class NoResultError(Exception):
    """Scenario without a result; the text holds the reason."""


class ProberClient:
    """Client of one prober.

    Args:
        http: HTTP client of the prober.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def request(self, method: str, page: str) -> tuple[int, str]:
        """Send a request; return the status and the text of the response.

        Raises:
            NoResultError: there is no response.
        """
        url = self._http.build_url(page)
        try:
            request = HttpRequest(method, url, max_body_bytes=_MAX_BODY_BYTES)
            response = await self._http.send_once(request)
        except RequestError as error:
            raise NoResultError(f"{url.removesuffix(page)}: {error.reason}") from error
        return response.status, response.body.decode(errors="replace")

    async def read_document(self, result: ScenarioResult) -> dict[str, Any]:
        """Read the content of the result file of the last run.

        Args:
            result: the run.

        Raises:
            NoResultError: it cannot be read, or is of another run.
        """
        status, text = await self.request("GET", f"/-/scenario/result/{result.id}")
        if status != _OK:
            raise NoResultError(f"no result file: HTTP {status}: {text.strip()}")
        document = _parse_mapping(text, keys={"id", "scenario", "steps"})
        if (document["id"], document["scenario"]) != (result.id, result.scenario):
            raise NoResultError("the result file is that of another run")
        return document

    async def read_state(self) -> Mapping[str, Any]:
        """Read the running scenario and the results.

        Raises:
            NoResultError: they cannot be read.
        """
        status, text = await self.request("GET", "/-/scenario")
        if status != _OK:
            raise NoResultError(f"HTTP {status}: {text.strip()}")
        return _parse_mapping(text, keys={"running", "configured", "results"})


def _parse_mapping(text: str, *, keys: Collection[str]) -> dict[str, Any]:
    """Parse a response that has some keys.

    Raises:
        NoResultError: it is another document.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NoResultError("the response is not from slo-probe") from error
    if not isinstance(document, dict) or not document.keys() >= set(keys):
        raise NoResultError("the response is not from slo-probe")
    return document


async def run_remote_scenario(
    client: ProberClient,
    name: str,
    view: ProgressView,
    *,
    compress: float = 1.0,
    resume: bool = False,
) -> ScenarioResult:
    """Run a scenario to its end; a cancelled call stops it, and waits for its partial result.

    Args:
        client: client of the prober.
        name: name of the scenario.
        view: shows its progress.
        compress: factor by which its plan is shortened.
        resume: whether to go on with its interrupted run.

    Raises:
        NoResultError: it did not start, or its end is unknown.
    """
    query = f"?compress={compress:g}{'&resume' if resume else ''}"
    status, text = await _start_scenario(client, f"{quote(name, safe='')}{query}")
    if status != _ACCEPTED:
        raise NoResultError(text.strip() or f"HTTP {status}")
    try:
        started = parse_result(json.loads(text))
    except ValueError as error:
        raise NoResultError("the response is not from slo-probe") from error
    if started.scenario != name:
        raise NoResultError(f"the prober started {started.scenario!r}")
    for note in started.notes:
        view.show_note(note)
    shown: list[LoadStep] = []
    try:
        return await _follow_run(client, started, view, shown)
    except asyncio.CancelledError:
        await stop_remote_scenario(client)
        if task := asyncio.current_task():
            task.uncancel()
        return await _follow_run(client, started, view, shown)


async def _start_scenario(client: ProberClient, name: str) -> tuple[int, str]:
    """Start a scenario; if cancelled before the response, stop what has started by then.

    Raises:
        NoResultError: there is no response.
    """
    start_task = asyncio.ensure_future(client.request("POST", f"/-/scenario/{name}"))
    try:
        return await asyncio.shield(start_task)
    except asyncio.CancelledError:
        if (await start_task)[0] == _ACCEPTED:
            await stop_remote_scenario(client)
        raise


async def stop_remote_scenario(client: ProberClient) -> None:
    """Stop the running scenario; a cancelled call has sent the request all the same.

    Raises:
        NoResultError: there is no response.
    """
    stop_task = asyncio.ensure_future(client.request("DELETE", "/-/scenario"))
    try:
        await asyncio.shield(stop_task)
    except asyncio.CancelledError:
        await stop_task
        raise


async def _follow_run(
    client: ProberClient,
    started: ScenarioResult,
    view: ProgressView,
    shown: list[LoadStep],
) -> ScenarioResult:
    """Follow a run to its end, and show its steps but for those that were shown already."""
    seconds_unseen = 0.0
    while True:
        await asyncio.sleep(_POLL_INTERVAL)
        try:
            state = await client.read_state()
        except NoResultError:
            seconds_unseen += _POLL_INTERVAL
            if seconds_unseen >= _LOST_AFTER:
                raise
            continue
        seconds_unseen = 0.0
        result = _find_run(state, started)
        for step in result.steps[len(shown) :]:
            view.show_step(result, step)
            shown.append(step)
        if progress := (state["running"] or {}).get("progress"):
            view.show_progress(progress)
        if result.ended_at is not None or result.reason is not None:
            return result


def _find_run(state: Mapping[str, Any], started: ScenarioResult) -> ScenarioResult:
    """Find the run among all results in the state.

    Raises:
        NoResultError: it is not there.
    """
    try:
        results = [
            parse_result(document) for document in state["results"].get(started.scenario, ())
        ]
        results += [parse_result(state["running"])] if state["running"] else []
    except (ValueError, KeyError, AttributeError) as error:
        raise NoResultError("the response is from another version of slo-probe") from error
    found = next((document for document in results if document.id == started.id), None)
    if found is None:
        raise NoResultError(
            "the prober has no record of the run any more; it was interrupted, and goes on with "
            "--resume"
        )
    return found
