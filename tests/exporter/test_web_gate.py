"""The gate stands before every page, and may be given another configuration while it serves."""

import asyncio
import logging

import aiohttp
import bcrypt
import pytest
from aiohttp import web

from exporter.web import basic_auth
from exporter.web.config_file import WebConfig
from exporter.web.gate import Gate
from tests.exporter.conftest import Serve


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def who(user: str, password: str) -> str:
    return aiohttp.encode_basic_auth(user, password, "utf-8")


USERS = {"alice": hashed("s3cret"), "jürgen": hashed("pässword")}
ALICE = who("alice", "s3cret")


class Guarded:
    """A served application behind a gate."""

    def __init__(self, config: WebConfig, client: aiohttp.ClientSession) -> None:
        async def page(_: web.Request) -> web.Response:
            return web.Response(text="fine")

        self.app = web.Application()
        self.app.add_routes([web.get("/", page), web.post("/-/reload", page)])
        self.gate = Gate(config)
        self.gate.guard(self.app)
        self.url = ""
        self._client = client

    async def ask(
        self, path: str = "/", auth: str | None = None, *, method: str = "GET"
    ) -> aiohttp.ClientResponse:
        headers = {"Authorization": auth} if auth else {}
        async with self._client.request(method, self.url + path, headers=headers) as reply:
            await reply.read()
            return reply


@pytest.fixture
async def guarded(serving: Serve, client: aiohttp.ClientSession) -> Guarded:
    made = Guarded(WebConfig(users=USERS), client)
    made.url = await serving(made.app)
    return made


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/-/reload"), ("GET", "/gone"), ("PUT", "/")]
)
async def test_every_path_needs_a_password(guarded: Guarded, method: str, path: str) -> None:
    closed = await guarded.ask(path, method=method)
    assert closed.status == 401
    assert closed.headers["WWW-Authenticate"] == 'Basic realm="slo-probe", charset="UTF-8"'
    assert (await guarded.ask(path, ALICE, method=method)).status in (200, 404, 405)


async def test_a_name_and_a_password_may_be_any_text(guarded: Guarded) -> None:
    auth = who("jürgen", "pässword")
    assert (await guarded.ask("/", auth)).status == 200


@pytest.mark.parametrize(
    "auth", [who("alice", "guess"), who("alice", ""), who("mallory", "s3cret"), who("", "s3cret")]
)
async def test_wrong_login(guarded: Guarded, auth: str, caplog: pytest.LogCaptureFixture) -> None:
    nobody = await guarded.ask()
    with caplog.at_level(logging.DEBUG):
        reply = await guarded.ask("/", auth)
    assert (reply.status, await reply.text()) == (401, await nobody.text())
    assert "guess" not in caplog.text
    assert "s3cret" not in caplog.text
    assert "mallory" not in caplog.text


async def test_guesses_are_turned_away(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await guarded.ask("/", ALICE)).status == 200
    monkeypatch.setattr(basic_auth, "_WAITING", 0)
    turned_away, came_in = await asyncio.gather(
        guarded.ask("/", who("alice", "guess")), guarded.ask("/", ALICE)
    )
    assert (turned_away.status, turned_away.headers["Retry-After"]) == (503, "1")
    assert came_in.status == 200


async def test_without_users_everyone_comes_in(guarded: Guarded) -> None:
    guarded.gate.adopt(WebConfig())
    assert (await guarded.ask()).status == 200


async def test_a_changed_password_counts_at_once(guarded: Guarded) -> None:
    assert (await guarded.ask("/", ALICE)).status == 200
    guarded.gate.adopt(WebConfig(users={"alice": hashed("changed")}))
    assert (await guarded.ask("/", ALICE)).status == 401
    assert (await guarded.ask("/", who("alice", "changed"))).status == 200


async def test_headers_are_on_every_answer(guarded: Guarded) -> None:
    guarded.gate.adopt(WebConfig(headers={"X-Frame-Options": "deny"}, users=USERS))
    for reply in (await guarded.ask(), await guarded.ask("/", ALICE), await guarded.ask("/x")):
        assert reply.headers["X-Frame-Options"] == "deny"
