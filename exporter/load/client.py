"""Asking a running prober for a scenario, from outside."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from exporter.http_source.credentials import headers
from exporter.http_source.failures import ATTEMPT_ERRORS, explained
from exporter.http_source.settings import SourceSettings
from exporter.http_source.tls import context
from exporter.load.result import Result, Step, read

_ACCEPTED = 202
_OK = 200
_LOOK = 1.0
"""Seconds between two looks."""
_OUT_OF_SIGHT = 60.0
"""Seconds for which a prober may not answer before the run counts as lost: a restart takes less."""


class CannotRunError(Exception):
    """There is no result, and the text says why."""


class Asking:
    """One prober, asked over a session."""

    def __init__(self, settings: SourceSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def ask(self, method: str, page: str) -> tuple[int, str]:
        """Status and text of an answer.

        Raises:
            CannotRunError: there is none.
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
        """What runs and what was found.

        Raises:
            CannotRunError: that cannot be seen.
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
    """Have a scenario run to its end; one that nobody waits for any more is stopped.

    Args:
        asking: the prober.
        name: of the scenario.
        say: takes each step that is over.

    Raises:
        CannotRunError: it did not begin, or nothing is known of its end.
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
    """Ask for a scenario; when told to stop before the answer, stop what has begun by then.

    Raises:
        CannotRunError: there is no answer.
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
    """The run among all that are shown.

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
