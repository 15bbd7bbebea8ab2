"""Health page of the target during a load."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import trustme

from exporter.httpclient.auth import build_request_headers
from exporter.httpclient.client import Sender, create_session
from exporter.httpclient.settings import HttpClientSettings
from exporter.httpclient.tls import RenewingTlsContext
from exporter.loadtest.health_watch import watch_health
from exporter.loadtest.monitor import RunMonitor
from exporter.model.alert import CanaryIdentity
from exporter.paths import PathContext
from exporter.schedule.clock import SystemClock
from tests.exporter.conftest import Serve
from tests.exporter.environment import wait_until
from tests.exporter.scripted_server import ScriptedServer, build_settings, serve_tls


async def read_first_reply(settings: HttpClientSettings, folder: Path) -> float | None:
    """Watch the health page until its first reading."""
    clock = SystemClock()
    monitor = RunMonitor(clock)

    def read_headers() -> Mapping[str, str]:
        return build_request_headers(settings, folder)

    async with create_session() as session:
        sender = Sender(session, clock)
        tls = RenewingTlsContext(settings.tls, folder).get_context
        context = PathContext(
            f"{settings.url}/events",
            CanaryIdentity("canary", "ai"),
            sender,
            replace(sender, tls=tls, server_name=settings.tls.server_name),
            clock,
            read_headers,
        )
        watch = asyncio.create_task(watch_health(context, monitor))
        await wait_until(lambda: bool(monitor.health["seconds"]))
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    return monitor.health["seconds"][0]


async def test_the_health_page_is_requested_with_the_login_of_the_target(
    serving: Serve, tmp_path: Path
) -> None:
    script = ScriptedServer()
    (tmp_path / "token").write_text("t0ken")
    login = {"bearer_auth": {"token_file": "token"}, "headers": {"X-Tenant": "ai"}}
    settings = build_settings(await serving(script.build_app()), **login)
    assert await read_first_reply(settings, tmp_path) is not None
    (request, *_) = script.requests
    assert request.path == "/health"
    assert (request.headers["Authorization"], request.headers["X-Tenant"]) == ("Bearer t0ken", "ai")
    (tmp_path / "token").unlink()
    assert await read_first_reply(settings, tmp_path) is None


async def test_the_health_page_is_requested_with_the_certificates_of_the_target(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("prober.example")
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    tls = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
    certificate = authority.issue_cert("agent-sre.example")
    async with serve_tls(certificate, client_authority=authority) as url:
        known = build_settings(url, tls={**tls, "server_name": "agent-sre.example"})
        assert await read_first_reply(known, tmp_path) is not None
        stranger = build_settings(url, tls={"ca_file": "ca.pem"})
        assert await read_first_reply(stranger, tmp_path) is None
