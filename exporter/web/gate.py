"""Middleware of all pages: basic authentication and response headers."""

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.web.basic_auth import Passwords, TooManyGuessesError, credentials
from exporter.web.config_file import WebConfig

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="slo-probe", charset="UTF-8"'}
_RETRY_AFTER = {"Retry-After": "1"}


class Gate:
    """Middleware that protects an application; its configuration may change while it serves."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._passwords = Passwords(config.users)

    def guard(self, app: web.Application) -> None:
        """Install the middleware for every path of an application, unknown paths included."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._refusal(request) or await handler(request)

        app.middlewares.insert(0, check)
        app.on_response_prepare.append(self._add_headers)

    def adopt(self, config: WebConfig) -> None:
        """Apply another configuration from the next request on."""
        if config.users != self._config.users:
            self._passwords = Passwords(config.users)
        self._config = config

    async def _refusal(self, request: web.Request) -> web.Response | None:
        """Refuse a request without valid credentials; the response is the same for every reason."""
        if not self._config.users:
            return None
        given = credentials(request.headers.get("Authorization"))
        try:
            if given and await self._passwords.admit(given):
                return None
        except TooManyGuessesError:
            return web.Response(status=503, text="too many log-ins\n", headers=_RETRY_AFTER)
        return web.Response(status=401, text="unauthorized\n", headers=_CHALLENGE)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._config.headers)
