"""Page `/fault` of both simulators: shows and replaces the active faults."""

import json
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

_HTTP_BAD = 400
FAULT_PATH = "/fault"


class FaultSet(Protocol):
    """Set of active faults."""

    def to_texts(self) -> Sequence[str]:
        """Return the faults as texts, in the input format."""


class FaultControl(Protocol):
    """Faults of a simulator."""

    @property
    def active(self) -> FaultSet:
        """Active faults."""

    def set(self, *texts: str) -> None:
        """Replace the active faults; raises ValueError for unknown ones."""


class FaultPage:
    """Page that shows and replaces faults.

    Args:
        faults: faults of the simulator.
        valid: list of the valid faults, for error messages.
    """

    def __init__(self, faults: FaultControl, *, valid: str) -> None:
        self._faults = faults
        self._valid = valid

    def add_to(self, app: web.Application) -> None:
        """Add the page to an application."""
        app.router.add_get(FAULT_PATH, self._show)
        app.router.add_post(FAULT_PATH, self._replace)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._faults.active.to_texts()})

    async def _replace(self, request: web.Request) -> web.Response:
        try:
            self._faults.set(*self._parse_texts(await request.read()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=_HTTP_BAD)
        return await self._show(request)

    def _parse_texts(self, body: bytes) -> list[str]:
        """Parse plain text, or JSON `{"faults": [...]}`; raises ValueError for neither."""
        text = body.decode().strip()
        if not text.startswith(("{", "[", '"')):
            return [text]
        document = json.loads(text)
        faults = document.get("faults") if isinstance(document, dict) else None
        if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
            raise ValueError(
                f'expected {{"faults": ["<fault>", ...]}}; valid faults: {self._valid}'
            )
        return faults
