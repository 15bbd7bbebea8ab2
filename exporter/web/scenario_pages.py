"""Pages that start, stop and show scenarios."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.loadtest.result import Denial, Denied
from exporter.loadtest.stop import Stop

if TYPE_CHECKING:
    from exporter.load.desk import Desk

_STATUS = {Denial.UNKNOWN: 404, Denial.STANDBY: 503, Denial.BUSY: 409, Denial.REFUSED: 403}


class ScenarioPages:
    """Pages of the load controller, once there is one."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        """None while another prober leads."""

    @property
    def routes(self) -> Iterable[web.RouteDef]:
        """Routes of the pages."""
        return (
            web.get("/-/scenario", self._show),
            web.delete("/-/scenario", self._stop),
            web.post("/-/scenario/{name}", self._start),
        )

    async def _start(self, request: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        begun = await self.desk.start(request.match_info["name"])
        if isinstance(begun, Denied):
            return web.Response(status=_STATUS[begun.why], text=f"{begun.text}\n")
        return web.json_response(begun.as_json(), status=202)

    async def _stop(self, _: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        if not self.desk.stop(Stop.OPERATOR):
            return web.Response(status=404, text="no scenario is running\n")
        return web.Response(status=202, text="stopping; what is on its way gets its verdict\n")

    async def _show(self, _: web.Request) -> web.Response:
        if self.desk is None:
            return _standby()
        return web.json_response(self.desk.as_json())


def _standby() -> web.Response:
    return web.Response(status=503, text="standing by; another prober sends\n")
