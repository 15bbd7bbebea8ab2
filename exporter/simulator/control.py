"""Page `/fault` of both simulators: shows and replaces the active faults."""

import json
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

_HTTP_BAD = 400
PATH = "/fault"


class Active(Protocol):
    """Set of active faults."""

    def texts(self) -> Sequence[str]:
        """Return the faults as texts, in the input format."""


class Faults(Protocol):
    """Faults of a simulator."""

    @property
    def active(self) -> Active:
        """Active faults."""

    def set(self, *texts: str) -> None:
        """Replace the active faults; raises ValueError for unknown ones."""


class FaultPage:
    """Page that shows and replaces faults.

    Args:
        faults: faults of the simulator.
        valid: list of the valid faults, for error messages.
    """

    def __init__(self, faults: Faults, *, valid: str) -> None:
        self._faults = faults
        self._valid = valid

    def add_to(self, app: web.Application) -> None:
        """Add the page to an application."""
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
        """Parse plain text, or JSON `{"faults": [...]}`; raises ValueError for neither."""
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
