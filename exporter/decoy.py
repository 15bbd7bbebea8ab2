"""Honeypot: a listener that nothing has a reason to call.

It answers 404, and records the run ids for which it was called.
"""

from aiohttp import web

from exporter.events import ids_in

_KEPT = 1_000
_NOT_FOUND = 404


class Decoy:
    """Listener that records the run ids in the paths of its calls."""

    def __init__(self) -> None:
        self._called: dict[str, None] = {}
        self.app = web.Application(client_max_size=0)
        self.app.router.add_route("*", "/{path:.*}", self._note)

    def was_called_for(self, run_id: str) -> bool:
        """Return whether the honeypot was called with the id of a run in the path."""
        return run_id in self._called

    async def _note(self, request: web.Request) -> web.Response:
        for run_id in ids_in(request.path):
            self._called[run_id] = None
            if len(self._called) > _KEPT:
                del self._called[next(iter(self._called))]
        return web.Response(status=_NOT_FOUND)
