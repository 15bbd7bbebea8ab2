"""Ask a running prober for a scenario; result table."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from exporter.httpclient.auth import headers
from exporter.httpclient.errors import ATTEMPT_ERRORS, explained
from exporter.httpclient.settings import SourceSettings
from exporter.httpclient.tls import context
from exporter.loadtest.result import Measure, Result, State, Step, read

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


def step_line(result: Result, step: Step) -> str:
    """Format one step: the events sent, and their verdicts."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(step.verdicts.items()))
    return f"{step.load:g} {result.unit}: {step.sent} sent ({verdicts})"


def table(result: Result) -> str:
    """Format a whole result."""
    lines = [headline(result)]
    if result.level is not None:
        lines.append(f"with {result.level} replicas")
    if result.steps:
        lines += ["", *_steps(result)]
    if result.measures:
        lines += ["", *_measures(result.measures)]
    return "\n".join([*lines, *(["", *result.notes] if result.notes else [])])


def headline(result: Result) -> str:
    """Format the outcome of a run in one line."""
    if result.state is State.COMPLETED:
        said = {True: "met", False: "NOT MET", None: "nothing to compare with"}[result.met]
    else:
        said = f"{result.state} ({result.reason})" if result.reason else result.state.value
    took = (result.ended_at or result.started_at) - result.started_at
    return f"{result.scenario}: {said}, {result.events:,} events in {took:.0f} s"


def _steps(result: Result) -> list[str]:
    names = list(result.steps[0].shares)
    rows = [[result.unit, "sent", *names]]
    for step in result.steps:
        cells = [f"{step.shares[name]:.1%} {step.rates[name]:.1f}/s" for name in names]
        rows.append([f"{step.load:g}", f"{step.sent}", *cells])
    return _aligned(rows)


def _measures(measures: Sequence[Measure]) -> list[str]:
    rows = [["", "found", "promised", ""]]
    for each in measures:
        value = "not measured" if each.value is None else f"{each.value:.4g}"
        target = "" if each.target is None else f"{each.target:.4g}"
        said = {True: "met", False: "NOT MET", None: ""}[each.met]
        rows.append([each.name, value, target, said])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
