"""TLS of the web server: certificates, client certificates and renewal."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from exporter.fields import Address
from exporter.listener.server import bind_socket, serve_app
from exporter.listener.tls import ListenerTls, ServerTlsContext
from tests.exporter.tls_files import TlsFiles

_TLS_12, _TLS_13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class TlsServer:
    """A server with TLS on loopback."""

    def __init__(self, files: TlsFiles, tls: ListenerTls) -> None:
        self.files = files
        self.tls = tls
        self.server = ServerTlsContext(tls)
        self.port = 0

    async def ask(self, context: ssl.SSLContext, *, name: str = "127.0.0.1") -> str:
        """Ask over a connection of its own; gives the number of the certificate that is shown."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=name
        )
        try:
            shown = writer.get_extra_info("peercert")["serialNumber"]
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
        finally:
            writer.transport.abort()
        if not answer:  # TLS 1.3 lets the client speak before the server has looked at it
            raise ConnectionResetError
        assert answer.endswith(b"fine")
        return str(shown)

    async def refuses(self, context: ssl.SSLContext) -> bool:
        try:
            await self.ask(context)
        except OSError:
            return True
        return False


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TlsServer]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="fine")

    files = TlsFiles(tmp_path)
    made = TlsServer(files, ListenerTls(files.cert, files.key))
    app = web.Application()
    app.add_routes([web.get("/", page)])
    listener = bind_socket("test", Address("127.0.0.1", 0))
    made.port = listener.getsockname()[1]
    served = await serve_app(app, listener, tls=made.server)
    yield made
    await served.cleanup()


def require_client_certificate(server: TlsServer) -> ListenerTls:
    return replace(server.tls, client_ca=server.files.client_ca, verify=ssl.CERT_REQUIRED)


BOTH = {_TLS_12, _TLS_13}


@pytest.mark.parametrize("versions", [BOTH, {_TLS_12}, {_TLS_13}])
async def test_only_the_chosen_versions_are_spoken(
    server: TlsServer, versions: set[ssl.TLSVersion]
) -> None:
    chosen = replace(server.tls, min_version=min(versions), max_version=max(versions))
    server.server.update(chosen)
    for version in BOTH:
        refused = await server.refuses(server.files.build_client_context(tls_version=version))
        assert refused == (version not in versions)


async def test_only_the_chosen_suites_are_spoken(server: TlsServer) -> None:
    suite = "ECDHE-ECDSA-AES256-GCM-SHA384"
    server.server.update(replace(server.tls, ciphers=(suite,), prefer_server_ciphers=False))
    client = server.files.build_client_context(tls_version=_TLS_12)
    client.set_ciphers(suite)
    assert await server.ask(client)
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert await server.refuses(client)


@pytest.mark.parametrize("version", [_TLS_12, _TLS_13])
async def test_clients_need_a_certificate(server: TlsServer, version: ssl.TLSVersion) -> None:
    server.server.update(require_client_certificate(server))
    files = server.files
    assert await server.ask(files.build_client_context(files.clients, tls_version=version))
    assert await server.refuses(files.build_client_context(trustme.CA(), tls_version=version))
    assert await server.refuses(files.build_client_context(tls_version=version))


async def test_a_client_without_a_certificate_may_be_let_in(server: TlsServer) -> None:
    server.server.update(replace(require_client_certificate(server), verify=ssl.CERT_OPTIONAL))
    assert await server.ask(server.files.build_client_context())
    assert await server.refuses(server.files.build_client_context(trustme.CA()))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])  # without and with SNI
async def test_a_renewed_certificate_is_shown(server: TlsServer, name: str) -> None:
    client = server.files.build_client_context()
    first = await server.ask(client, name=name)
    assert await server.ask(client, name=name) == first
    server.files.write_certificate()
    second = await server.ask(client, name=name)
    assert second != first
    assert await server.ask(client, name=name) == second


@pytest.mark.parametrize("version", [_TLS_12, _TLS_13])
async def test_a_changed_authority_counts(server: TlsServer, version: ssl.TLSVersion) -> None:
    files, other = server.files, trustme.CA()
    server.server.update(require_client_certificate(server))
    old, new = (
        files.build_client_context(files.clients, tls_version=version),
        files.build_client_context(other, tls_version=version),
    )
    assert await server.ask(old)
    files.trust_clients(other)
    assert await server.refuses(old)
    assert await server.ask(new)


async def test_half_a_renewal(server: TlsServer, caplog: pytest.LogCaptureFixture) -> None:
    client, files = server.files.build_client_context(), server.files
    first = await server.ask(client)
    old_key = files.key.read_bytes()
    files.write_certificate()
    new_key = files.key.read_bytes()
    files.key.write_bytes(old_key)
    with caplog.at_level(logging.INFO):
        assert await server.ask(client) == first
        assert await server.ask(client) == first
    assert caplog.text.count("key values mismatch; the previous one stays in use") == 1
    files.key.write_bytes(new_key)
    assert await server.ask(client) != first


async def test_files_that_are_gone_change_nothing(server: TlsServer) -> None:
    client = server.files.build_client_context()
    first = await server.ask(client)
    server.files.key.unlink()
    assert await server.ask(client) == first


async def test_a_swapped_secret_is_loaded(server: TlsServer, tmp_path: Path) -> None:
    first_files, second_files = server.files, TlsFiles(_create_folder(tmp_path / "..2"))
    mount = _create_folder(tmp_path / "mount")
    (mount / "..data").symlink_to(first_files.folder)
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    server.server.update(ListenerTls(mount / "tls.crt", mount / "tls.key"))
    assert await server.ask(first_files.build_client_context())
    (mount / "..tmp").symlink_to(second_files.folder)
    (mount / "..tmp").rename(mount / "..data")
    assert await server.ask(second_files.build_client_context())


def _create_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_settings_that_cannot_be_used_leave_the_old_ones(server: TlsServer) -> None:
    with pytest.raises(OSError, match="No such file"):
        server.server.update(
            replace(require_client_certificate(server), key=Path("/nowhere/tls.key"))
        )
    assert await server.ask(server.files.build_client_context())
