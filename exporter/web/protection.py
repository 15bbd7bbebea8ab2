"""Protection of other pages by a `web.config.file`: those of `slo-rules serve`."""

import ssl
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from exporter.config.web import WebConfig, read_web_config
from exporter.listener.tls import ServerTlsContext
from exporter.web.auth import AuthMiddleware
from slos.schema.problem import Problem


class PageProtection:
    """Users, headers and TLS of an application that has headers of its own.

    Args:
        config: the configuration; headers that are as by default are left to the application.
    """

    def __init__(self, config: WebConfig) -> None:
        defaults = WebConfig().headers
        own = {name: value for name, value in config.headers.items() if defaults.get(name) != value}
        self._auth = AuthMiddleware(replace(config, headers=own))
        self._tls = ServerTlsContext(config.tls) if config.tls else None

    @property
    def tls(self) -> ssl.SSLContext | None:
        """TLS context of the listener; None for HTTP."""
        return self._tls.context if self._tls else None

    def install(self, app: web.Application) -> None:
        """Install the protection for every path of an application."""
        self._auth.install(app)


def read_protection(path: Path) -> tuple[PageProtection | None, list[Problem]]:
    """Read the protection from a `web.config.file`; return all problems at once."""
    config, problems = read_web_config(path)
    return (PageProtection(config) if config else None), problems
