"""The page `/fault` of every simulator: which faults it has, and others to have instead."""

import json
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

_HTTP_BAD = 400
PATH = "/fault"


class Active(Protocol):
    """Faults that are there now."""

    def texts(self) -> Sequence[str]:
        """As one would write them."""


class Faults(Protocol):
    """The faults of a simulator."""

    @property
    def active(self) -> Active:
        """Those that are there now."""

    def set(self, *texts: str) -> None:
        """Have others instead; raises ValueError for those there are not."""


class FaultPage:
    """Shows faults, and sets them.

    Args:
        faults: of the simulator.
        valid: all there are, for whoever asks for another.
    """

    def __init__(self, faults: Faults, *, valid: str) -> None:
        self._faults = faults
        self._valid = valid

    def add_to(self, app: web.Application) -> None:
        """Serve the page."""
        app.router.add_get(PATH, self._show)
        app.router.add_post(PATH, self._set)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._faults.active.texts()})

    async def _set(self, request: web.Request) -> web.Response:
        try:
            self._faults.set(*self._texts(await request.read()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=_HTTP_BAD)
        return await self._show(request)

    def _texts(self, body: bytes) -> list[str]:
        """Plain text, or JSON `{"faults": [...]}`; raises ValueError for neither."""
        text = body.decode().strip()
        if not text.startswith(("{", "[", '"')):
            return [text]
        asked = json.loads(text)
        faults = asked.get("faults") if isinstance(asked, dict) else None
        if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
            raise ValueError(
                f'expected {{"faults": ["<fault>", ...]}}; valid faults: {self._valid}'
            )
        return faults
