"""Kubernetes Lease over HTTP: TLS, token and error responses."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from exporter.fields import Address
from exporter.leaderelection import LeaderElectionSettings, LockError
from exporter.leaderelection.elector import build_elector, open_lock
from exporter.leaderelection.lease import LeaseLock
from exporter.leaderelection.service_account import ServiceAccount
from exporter.listener.server import bind_socket
from exporter.schedule.clock import SystemClock
from slos.schema.units import Duration
from tests.exporter.leaderelection.fake_api_server import TOKEN, FakeApiServer

SETTINGS = LeaderElectionSettings(name="probe")
FORBIDDEN = (
    "403 Forbidden; a Role must allow get, create and update of leases to the service account, "
    "and namespace ai must exist"
)


class Cluster:
    """A fake API server with TLS, and pods that know it."""

    def __init__(self, folder: Path, server: FakeApiServer | None = None) -> None:
        self.server = server or FakeApiServer()
        self.authority = trustme.CA()
        self.account = ServiceAccount(folder, {})
        (folder / "token").write_text(TOKEN)
        (folder / "namespace").write_text(self.server.namespace)
        (folder / "ca.crt").write_bytes(self.authority.cert_pem.bytes())
        self._opened: list[LeaseLock] = []

    async def start(self) -> web.AppRunner:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        listener = bind_socket("API server", Address("127.0.0.1", 0))
        port = listener.getsockname()[1]
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
        self.account = ServiceAccount(self.account.folder, environment | {"POD_NAME": "pod-7"})
        runner = web.AppRunner(self.server.build_app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=context).start()
        return runner

    def lease(self, settings: LeaderElectionSettings = SETTINGS) -> LeaseLock:
        found = open_lock(
            settings, file=Path("/nowhere"), clock=SystemClock(), account=self.account
        )
        assert isinstance(found, LeaseLock)
        self._opened.append(found)
        return found

    async def close(self) -> None:
        for each in self._opened:
            await each.close()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path)
    made.server.leases.create_released()
    runner = await made.start()
    yield made
    await made.close()
    await runner.cleanup()


async def test_a_lease_is_acquired_renewed_released_and_taken_over(cluster: Cluster) -> None:
    first, second = cluster.lease(), cluster.lease()
    assert await first.acquire_or_renew(-inf)
    assert await first.acquire_or_renew(inf)
    assert not await second.acquire_or_renew(-inf)
    holder = cluster.server.leases.spec["holderIdentity"]
    assert holder.startswith("pod-7_")
    await first.release()
    assert await second.acquire_or_renew(-inf)
    assert cluster.server.leases.spec["holderIdentity"] not in (holder, "")
    verbs = ["get", "update", "update", "get", "get", "update", "get", "update"]
    assert cluster.server.asked == [(verb, "probe") for verb in verbs]


async def test_a_lease_that_does_not_exist_is_created_empty(cluster: Cluster) -> None:
    cluster.server.leases.lease = None
    assert not await cluster.lease().acquire_or_renew(-inf)
    assert cluster.server.asked == [("get", "probe"), ("create", None)]
    assert cluster.server.leases.spec == {}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (403, "", FORBIDDEN),
        (401, "", "401 Unauthorized; the API server rejects the token {folder}/token"),
        (500, "", "500 Internal Server Error"),
        (429, "", "429 Too Many Requests"),
        (520, "", "520 odd"),
        (200, "no JSON", "the response is not JSON"),
        (200, "[]", "the response is not JSON"),
    ],
)
async def test_what_is_no_help_is_told(
    cluster: Cluster, status: int, text: str, told: str, *, written: bool
) -> None:
    lease = cluster.lease()
    valid_until = inf if written else -inf  # a holder writes what it knows, others read first
    await lease.acquire_or_renew(valid_until)
    reason = "odd" if status == 520 else None
    cluster.server.responses = [web.Response(status=status, text=text, reason=reason)]
    with pytest.raises(LockError) as error:
        await lease.acquire_or_renew(valid_until)
    verb = "update" if written else "get"
    told = told.format(folder=cluster.account.folder)
    assert str(error.value).startswith(f"{verb} of Lease ai/probe: {told}")


async def test_a_conflict_is_settled_within_one_step(cluster: Cluster) -> None:
    lease = cluster.lease()
    for valid_until in (-inf, inf):
        cluster.server.leases.touch_lease()
        assert await lease.acquire_or_renew(valid_until)
        assert cluster.server.asked[-1] == ("update", "probe")


async def test_a_lease_that_is_deleted_while_it_is_held_is_made_again(cluster: Cluster) -> None:
    lease = cluster.lease()
    await lease.acquire_or_renew(-inf)
    cluster.server.leases.lease = None
    assert await lease.acquire_or_renew(inf)


async def test_a_missing_namespace_is_reported(cluster: Cluster) -> None:
    cluster.server.responses = [web.Response(status=404), web.Response(status=404)]
    with pytest.raises(LockError, match="namespace ai does not exist"):
        await cluster.lease().acquire_or_renew(-inf)


async def test_an_unreachable_or_untrusted_server_is_reported(cluster: Cluster) -> None:
    stranger = ServiceAccount(cluster.account.folder, cluster.account.environment)
    (stranger.folder / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    with pytest.raises(LockError, match=r"TLS: \w*CertificateError"):
        await cluster.lease().acquire_or_renew(-inf)
    port = {"KUBERNETES_SERVICE_PORT": "1"}
    cluster.account = ServiceAccount(stranger.folder, {**cluster.account.environment, **port})
    with pytest.raises(LockError, match="Connection refused"):
        await cluster.lease().acquire_or_renew(-inf)


async def test_a_renewed_token_is_used_for_the_next_request(cluster: Cluster) -> None:
    (cluster.account.folder / "token").write_text("expired-token")
    lease = cluster.lease()
    with pytest.raises(LockError, match="401"):
        await lease.acquire_or_renew(-inf)
    (cluster.account.folder / "token").write_text(f"{TOKEN}\n")  # as people write it into a Secret
    assert await lease.acquire_or_renew(-inf)


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "No such file or directory"),
        (b"\n", "empty"),
        (b"two\nlines", "line breaks in it"),
        (b"\xff\xfe", "not ASCII text"),
    ],
)
async def test_a_token_that_is_none_is_reported(
    cluster: Cluster, token: bytes | None, told: str
) -> None:
    lease = cluster.lease()
    file = cluster.account.folder / "token"
    file.unlink()
    if token is not None:
        file.write_bytes(token)
    with pytest.raises(LockError) as error:
        await lease.acquire_or_renew(-inf)
    assert str(error.value) == f"token {file}: {told}"
    assert not cluster.server.asked


async def test_a_holder_goes_on_although_answers_are_late(cluster: Cluster) -> None:
    """Read and write together take longer than half of `renew_deadline`, each of them less."""
    times = {"duration": Duration(4500), "renew_deadline": Duration(3000), "retry": Duration(600)}
    settings = SETTINGS.model_copy(update=times)
    cluster.server.late = 0.26 * 3
    holder = build_elector(cluster.lease(settings), settings, clock=SystemClock())
    await holder.step()
    running = asyncio.create_task(holder.run())
    async with asyncio.timeout(20):
        while len(cluster.server.leases.writes) < 5:
            assert holder.is_leader
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})


async def test_a_hanging_server_ends_the_holding(cluster: Cluster) -> None:
    times = {"duration": Duration(900), "renew_deadline": Duration(600), "retry": Duration(20)}
    settings = SETTINGS.model_copy(update=times)
    keeper = build_elector(cluster.lease(settings), settings, clock=SystemClock())
    keeping = asyncio.create_task(keeper.run())
    for hanging in (False, True, False):
        cluster.server.hangs = hanging
        async with asyncio.timeout(20):
            while keeper.is_leader == hanging:  # noqa: ASYNC110 - time ends it, no event does
                await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.wait({keeping})


async def test_the_token_is_never_shown(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lease = cluster.lease()
    await lease.acquire_or_renew(-inf)
    cluster.server.responses = [web.Response(status=403, text=json.dumps({"token": TOKEN}))]
    with pytest.raises(LockError) as error:
        await lease.acquire_or_renew(-inf)
    assert TOKEN not in caplog.text + str(error.value) + repr(cluster.account)


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
async def test_a_pod_without_a_service_account_is_reported(cluster: Cluster, missing: str) -> None:
    (cluster.account.folder / missing).unlink()
    with pytest.raises(LockError, match="no service account: "):
        cluster.lease()
