"""Client of a running prober, to start a scenario from outside and follow it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from exporter.httpclient.auth import headers
from exporter.httpclient.errors import ATTEMPT_ERRORS, explained
from exporter.httpclient.settings import SourceSettings
from exporter.httpclient.tls import context
from exporter.load.result import Result, Step, read

_ACCEPTED = 202
_OK = 200
_LOOK = 1.0
"""Seconds between two requests for the state."""
_OUT_OF_SIGHT = 60.0
"""Seconds without a response after which the run counts as lost; a restart takes less."""


class CannotRunError(Exception):
    """There is no result; the text says why."""


class Asking:
    """HTTP client of one prober."""

    def __init__(self, settings: SourceSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def ask(self, method: str, page: str) -> tuple[int, str]:
        """Send a request; return the status and the text of the response.

        Raises:
            CannotRunError: there is no response.
        """
        here, url = Path(), self._settings.url.rstrip("/")
        try:
            tls = context(self._settings.tls, here) if url.startswith("https:") else True
            async with (
                asyncio.timeout(float(self._settings.timeout.seconds)),
                self._session.request(
                    method,
                    url + page,
                    headers=headers(self._settings, here),
                    ssl=tls,
                    allow_redirects=False,
                ) as reply,
            ):
                return reply.status, await reply.text()
        except ATTEMPT_ERRORS as error:
            raise CannotRunError(f"{url}: {explained(error).why}") from error

    async def state(self) -> Mapping[str, Any]:
        """Read the running scenario and the results.

        Raises:
            CannotRunError: they cannot be read.
        """
        status, text = await self.ask("GET", "/-/scenario")
        if status != _OK:
            raise CannotRunError(f"HTTP {status}: {text.strip()}")
        try:
            told = json.loads(text)
        except ValueError as error:
            raise CannotRunError("the answer is not of a slo-probe") from error
        if not isinstance(told, Mapping) or "results" not in told:
            raise CannotRunError("the answer is not of a slo-probe")
        return told


async def carried_out(asking: Asking, name: str, say: Callable[[Result, Step], None]) -> Result:
    """Run a scenario to its end; a cancelled call stops it.

    Args:
        asking: client of the prober.
        name: name of the scenario.
        say: prints each step that has ended.

    Raises:
        CannotRunError: it did not start, or its end is unknown.
    """
    status, text = await _begun(asking, name)
    if status != _ACCEPTED:
        raise CannotRunError(text.strip() or f"HTTP {status}")
    try:
        begun = read(json.loads(text))
    except ValueError as error:
        raise CannotRunError("the answer is not of a slo-probe") from error
    try:
        return await _followed(asking, begun, say)
    except asyncio.CancelledError:
        await asking.ask("DELETE", "/-/scenario")
        raise


async def _begun(asking: Asking, name: str) -> tuple[int, str]:
    """Start a scenario; if cancelled before the response, stop what has started by then.

    Raises:
        CannotRunError: there is no response.
    """
    beginning = asyncio.ensure_future(asking.ask("POST", f"/-/scenario/{name}"))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        if (await beginning)[0] == _ACCEPTED:
            await asking.ask("DELETE", "/-/scenario")
        raise


async def _followed(asking: Asking, run: Result, say: Callable[[Result, Step], None]) -> Result:
    told, unseen = 0, 0.0
    while True:
        await asyncio.sleep(_LOOK)
        try:
            state = await asking.state()
        except CannotRunError:
            unseen += _LOOK
            if unseen >= _OUT_OF_SIGHT:
                raise
            continue
        unseen = 0.0
        now = _found(state, run)
        for step in now.steps[told:]:
            say(now, step)
        told = len(now.steps)
        if now.ended_at is not None or now.reason is not None:
            return now


def _found(state: Mapping[str, Any], run: Result) -> Result:
    """Find the run among all results in the state.

    Raises:
        CannotRunError: it is not there.
    """
    try:
        shown = [read(each) for each in state["results"].get(run.scenario.value, ())]
        shown += [read(state["running"])] if state["running"] else []
    except (ValueError, KeyError, AttributeError) as error:
        raise CannotRunError("the answer is of another version of slo-probe") from error
    found = next((each for each in shown if each.id == run.id), None)
    if found is None:
        raise CannotRunError("the prober knows nothing of the run any more; it was cut off")
    return found
