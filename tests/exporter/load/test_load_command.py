"""`slo-probe scenario` as a CronJob calls it: over TLS with a log-in, and when nothing is right."""

import asyncio
import json
import signal
from pathlib import Path

import bcrypt
from aiohttp import web

from exporter.load.result import Result, State
from slos.schema.contract import Scenario
from tests.exporter.conftest import Serve
from tests.exporter.house import SELDOM, house, until
from tests.exporter.load.loads import QUICK, scenarios
from tests.exporter.program import call, ended, start
from tests.exporter.tls_files import TlsFiles

PASSWORD = "planted-s3cret"  # noqa: S105 - of a test
SMALL = {**QUICK, "levels": [2], "promised": 2}


async def test_it_logs_in_over_tls_and_without_that_nobody_may_send_a_load(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path)
    authority = tmp_path / "authority.pem"
    authority.write_bytes(files.authority.cert_pem.bytes())
    (tmp_path / "password").write_text(PASSWORD)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(
        json.dumps(
            {
                "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
                "basic_auth_users": {"nightly": hashed},
            }
        )
    )
    async with house(tmp_path) as at:
        at.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
        at.settings["probes"] = SELDOM
        scenarios(at, linear="none", stress=SMALL)
        async with at.prober() as prober:
            at_url = ["scenario", "stress", "--at", await prober.url("web")]
            trust = [*at_url, "--ca-file", str(authority)]
            login = ["--user", "nightly", "--password-file", str(tmp_path / "password")]
            stranger = await call(*trust)
            assert (stranger.code, stranger.err) == (2, "error: unauthorized\n")
            assert at.agent.executed.received == 0
            doubtful = await call(*at_url, *login)
            assert (doubtful.code, "TLS failed" in doubtful.err) == (2, True)
            done = await call(*trust, *login)
            assert (done.code, "stress: met" in done.out) == (0, True), done
            assert PASSWORD not in done.out + done.err


async def test_an_early_stop_ends_the_load(serving: Serve) -> None:
    asked: list[str] = []
    begins, may_answer = asyncio.Event(), asyncio.Event()

    async def page(request: web.Request) -> web.Response:
        asked.append(request.method)
        if request.method == "POST":
            begins.set()
            await may_answer.wait()
        return web.json_response(begun.as_json(), status=202)

    begun = Result("0", Scenario.STRESS, State.RUNNING, 0.0, unit="")
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    process = await start("scenario", "stress", "--at", await serving(app))
    async with asyncio.timeout(30):
        await begins.wait()
    process.send_signal(signal.SIGTERM)
    status = Path(f"/proc/{process.pid}/status")
    await until(lambda: "ShdPnd:\t0000000000000000" in status.read_text())
    may_answer.set()
    told = await ended(process)
    assert told.code == 2
    assert (asked[0], asked[-1]) == ("POST", "DELETE"), told


async def test_another_server_is_told_apart(serving: Serve) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"hello": "there"}, status=202)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    other = await call("scenario", "stress", "--at", await serving(app))
    assert (other.code, other.err) == (2, "error: the answer is not of a slo-probe\n")
