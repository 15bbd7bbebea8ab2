"""Basic authentication of the web server."""

import asyncio
import base64
import logging
from collections import Counter

import aiohttp
import bcrypt
import pytest
import yarl
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.web import WebConfig
from exporter.web import auth
from exporter.web.auth import (
    AuthMiddleware,
    BasicAuth,
    BasicCredentials,
    LoginQueue,
    TooManyLoginsError,
    parse_authorization,
)
from tests.exporter.conftest import Serve


def hash_password(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()


ALICE = BasicCredentials(b"alice", b"s3cret")
USERS = {"alice": hash_password("s3cret"), "jürgen": hash_password("pässword")}


@pytest.fixture
def bcrypt_calls(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that were compared with, one entry for each use of bcrypt."""
    seen: list[bytes] = []
    really = bcrypt.checkpw

    def check(password: bytes, against: bytes) -> bool:
        seen.append(against)
        return really(password, against)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    return seen


@given(st.text() | st.none())
def test_any_header_is_read_without_an_error(header: str | None) -> None:
    assert parse_authorization(header) is None or header


@given(st.binary())
def test_any_bytes_behind_the_scheme_are_read_without_an_error(data: bytes) -> None:
    header = "Basic " + data.decode("utf-8", "surrogateescape")
    assert parse_authorization(header) is None or isinstance(
        parse_authorization(header), BasicCredentials
    )


@given(
    st.binary().filter(lambda user: b":" not in user),
    st.binary(),
    st.sampled_from(["Basic ", "basic ", " BASIC   "]),
)
def test_what_a_client_encodes_is_what_is_read(user: bytes, password: bytes, scheme: str) -> None:
    header = scheme + base64.b64encode(user + b":" + password).decode()
    assert parse_authorization(header) == BasicCredentials(user, password)


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ", "Basic YQ==", "Bearer YTpi", "YTpi", "Basic YTpi=x", "Basic é"],
)
def test_an_invalid_authorization_header_has_no_user(header: str | None) -> None:
    assert parse_authorization(header) is None


def test_a_password_is_no_part_of_a_representation() -> None:
    assert "s3cret" not in repr(ALICE)


async def test_only_right_credentials_are_remembered(bcrypt_calls: list[bytes]) -> None:
    passwords = BasicAuth(USERS)
    assert [await passwords.check_password(ALICE) for _ in range(5)] == [True] * 5
    assert await passwords.check_password(BasicCredentials("jürgen".encode(), "pässword".encode()))
    assert len(bcrypt_calls) == 2
    for _ in range(3):
        assert not await passwords.check_password(BasicCredentials(b"alice", b"guess"))
        assert not await passwords.check_password(BasicCredentials(b"mallory", b"s3cret"))
    assert len(bcrypt_calls) == 8


async def test_an_unknown_user_costs_what_some_known_user_does(bcrypt_calls: list[bytes]) -> None:
    passwords = BasicAuth({"alice": hash_password("a", cost=4), "bob": hash_password("b", cost=5)})
    for number in range(40):
        await passwords.check_password(BasicCredentials(b"guess%d" % number, b"x"))
    assert {hashed[:7] for hashed in bcrypt_calls} == {b"$2b$04$", b"$2b$05$"}
    before = len(bcrypt_calls)
    for _ in range(2):
        await passwords.check_password(BasicCredentials(b"mallory", b"x"))
    assert bcrypt_calls[before] == bcrypt_calls[before + 1], "always the same one"


async def test_the_cache_is_bounded(
    bcrypt_calls: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_MAX_VERIFIED", 2)
    everyone = [BasicCredentials(name.encode(), b"x") for name in "abc"]
    passwords = BasicAuth(dict.fromkeys("abc", hash_password("x")))
    for someone in (*everyone, everyone[2], everyone[1], everyone[0]):
        assert await passwords.check_password(someone)
    assert len(bcrypt_calls) == 4  # only a, the oldest, was forgotten


async def test_a_long_password_and_odd_bytes_are_checked_like_elsewhere() -> None:
    passwords = BasicAuth({"alice": hash_password("x" * 100)})
    assert await passwords.check_password(BasicCredentials(b"alice", b"x" * 100))
    assert not await passwords.check_password(BasicCredentials(b"alice", b"\0\xff" * 100))
    assert not await passwords.check_password(BasicCredentials(b"\0", b""))


async def test_the_loop_goes_on_during_a_check() -> None:
    passwords = BasicAuth({"alice": hash_password("s3cret", cost=10)})
    checking = asyncio.create_task(passwords.check_password(ALICE))
    rounds = 0
    while not checking.done():
        await asyncio.sleep(0.001)
        rounds += 1
    assert rounds > 3


async def test_a_guesser_cannot_pile_up_checks(bcrypt_calls: list[bytes]) -> None:
    passwords = BasicAuth(USERS)
    assert await passwords.check_password(ALICE)
    guesses = [
        passwords.check_password(BasicCredentials(b"alice", b"guess%d" % n)) for n in range(100)
    ]
    known = passwords.check_password(ALICE)
    *outcomes, still = await asyncio.gather(*guesses, known, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyLoginsError) for outcome in outcomes) == 95
    assert len(bcrypt_calls) == 6, "one that runs and four that wait"
    assert still is True


async def test_many_guessers_cannot_keep_another_peer_out(bcrypt_calls: list[bytes]) -> None:
    passwords = BasicAuth(USERS)
    peers = [f"10.0.0.{number}" for number in range(50)]
    guess = BasicCredentials(b"alice", b"guess")
    for peer in peers:
        assert not await passwords.check_password(guess, peer)
    bcrypt_calls.clear()
    flood = [
        asyncio.create_task(passwords.check_password(guess, peer)) for peer in peers for _ in "abc"
    ]
    await asyncio.sleep(0)
    assert await passwords.check_password(ALICE, "10.0.1.1")
    assert len(bcrypt_calls) <= 2, "it is the next one"
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyLoginsError) for outcome in outcomes) == 134


async def test_a_full_queue_of_equal_peers_admits_another_one_at_times() -> None:
    admitted = 0
    for _ in range(60):
        queue = LoginQueue()
        async with queue.take_turn("busy"):
            waiting = [asyncio.create_task(take_turn(queue, f"10.0.0.{n}")) for n in range(17)]
            await asyncio.sleep(0)
            admitted += not waiting[-1].done()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(outcome, TooManyLoginsError) for outcome in outcomes) == 1
    assert admitted > 0


async def take_turn(queue: LoginQueue, peer: str) -> None:
    async with queue.take_turn(peer):
        pass


async def test_a_client_with_many_addresses_of_one_network_is_one_peer(
    bcrypt_calls: list[bytes],
) -> None:
    gate, peers = AuthMiddleware(WebConfig(users=USERS)), [f"2001:db8::{n:x}" for n in range(1, 51)]
    headers = {"Authorization": build_login("alice", "guess")}
    requests = [make_mocked_request("GET", "/", headers=headers).clone(remote=p) for p in peers]
    outcomes = await asyncio.gather(*map(gate._refuse, requests))
    assert Counter(reply.status for reply in outcomes if reply) == {401: 5, 503: 45}
    assert len(bcrypt_calls) == 5, "one that runs and four that wait"


async def test_a_check_that_is_given_up_leaves_its_turn(bcrypt_calls: list[bytes]) -> None:
    passwords = BasicAuth(USERS)
    checks = [
        asyncio.create_task(passwords.check_password(ALICE, f"10.0.0.{number}"))
        for number in range(10)
    ]
    await asyncio.sleep(0)
    for check in checks[1:9]:
        check.cancel()
    outcomes = await asyncio.gather(*checks, return_exceptions=True)
    assert [outcomes[0], outcomes[9]] == [True, True]
    assert len(bcrypt_calls) == 2


def build_login(user: str, password: str) -> str:
    return aiohttp.encode_basic_auth(user, password, "utf-8")


LOGIN = build_login("alice", "s3cret")


class ProtectedApp:
    """A served application behind a gate."""

    def __init__(self, config: WebConfig, client: aiohttp.ClientSession) -> None:
        async def page(_: web.Request) -> web.Response:
            return web.Response(text="fine")

        self.app = web.Application()
        self.app.add_routes([web.get("/", page), web.post("/-/reload", page)])
        self.gate = AuthMiddleware(config)
        self.gate.install(self.app)
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
async def protected(serving: Serve, client: aiohttp.ClientSession) -> ProtectedApp:
    made = ProtectedApp(WebConfig(users=USERS), client)
    made.url = await serving(made.app)
    return made


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/-/reload"), ("GET", "/gone"), ("PUT", "/")]
)
async def test_every_path_needs_a_password(protected: ProtectedApp, method: str, path: str) -> None:
    closed = await protected.ask(path, method=method)
    assert closed.status == 401
    assert closed.headers["WWW-Authenticate"] == 'Basic realm="slo-probe", charset="UTF-8"'
    assert (await protected.ask(path, LOGIN, method=method)).status in (200, 404, 405)


@pytest.mark.parametrize(
    "auth",
    [
        build_login("alice", "guess"),
        build_login("alice", ""),
        build_login("mallory", "s3cret"),
        build_login("", "s3cret"),
    ],
)
async def test_wrong_login(
    protected: ProtectedApp, auth: str, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = await protected.ask()
    with caplog.at_level(logging.DEBUG):
        reply = await protected.ask("/", auth)
    assert (reply.status, await reply.text()) == (401, await nobody.text())
    assert "guess" not in caplog.text
    assert "s3cret" not in caplog.text
    assert "mallory" not in caplog.text


async def test_guesses_are_turned_away(
    protected: ProtectedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await protected.ask("/", LOGIN)).status == 200
    monkeypatch.setattr(auth, "_MAX_WAITING_PER_PEER", 0)
    guess = build_login("alice", "guess")
    *guesses, came_in = await asyncio.gather(
        *(protected.ask("/", guess) for _ in range(9)), protected.ask("/", LOGIN)
    )
    turned_away = [reply for reply in guesses if reply.status == 503]
    assert {reply.headers["Retry-After"] for reply in turned_away} == {"1"}
    assert came_in.status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://probe.example:9108", "Host": "probe.example:9108"}, 200),
        ({"Origin": "http://probe.example:9109", "Host": "probe.example:9108"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[", "Host": "probe.example"}, 403),
    ],
)
async def test_a_post_from_another_origin_is_refused(
    protected: ProtectedApp, client: aiohttp.ClientSession, sent: dict[str, str], status: int
) -> None:
    headers = {"Authorization": LOGIN, **sent}
    async with client.post(f"{protected.url}/-/reload", headers=headers) as reply:
        assert reply.status == status
    async with client.get(f"{protected.url}/", headers=headers) as reply:
        assert reply.status == 200, "reading is left to the browser"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("probe.example", 200),
        ("Probe.Example.:9108", 200),
        ("10.0.0.7:9108", 200),
        ("[fd00::7]:9108", 200),
        ("localhost:8080", 200),
        ("probe.example.evil", 421),
        ("10.0.0.7.evil", 421),
        ("[", 421),
        ("probe.example:x", 421),
    ],
)
async def test_only_named_hosts_are_served(
    protected: ProtectedApp, client: aiohttp.ClientSession, host: str, status: int
) -> None:
    protected.gate.update_config(WebConfig(hosts=("probe.EXAMPLE",)))
    async with client.get(f"{protected.url}/", headers={"Host": host}) as reply:
        assert reply.status == status
    protected.gate.update_config(WebConfig())
    async with client.get(f"{protected.url}/", headers={"Host": host}) as reply:
        assert reply.status == 200


async def test_health_needs_no_login_if_so_configured(
    protected: ProtectedApp, client: aiohttp.ClientSession
) -> None:
    for is_open, expected in ((False, 401), (True, 404)):  # 404: this app has no such page
        protected.gate.update_config(WebConfig(users=USERS, health_without_login=is_open))
        for page in ("/-/healthy", "/-/ready"):
            assert (await protected.ask(page)).status == expected
        for page in ("/", "/-/healthy/", "//-/healthy", "/-/reload", "/-/%68ealthyx"):
            async with client.get(yarl.URL(protected.url + page, encoded=True)) as reply:
                assert reply.status == 401


async def test_without_users_every_request_is_allowed(protected: ProtectedApp) -> None:
    protected.gate.update_config(WebConfig())
    assert (await protected.ask()).status == 200


async def test_a_changed_password_counts_at_once(protected: ProtectedApp) -> None:
    assert (await protected.ask("/", LOGIN)).status == 200
    protected.gate.update_config(WebConfig(users={"alice": hash_password("changed")}))
    assert (await protected.ask("/", LOGIN)).status == 401
    assert (await protected.ask("/", build_login("alice", "changed"))).status == 200


async def test_headers_are_on_every_answer(protected: ProtectedApp) -> None:
    protected.gate.update_config(WebConfig(headers={"X-Frame-Options": "deny"}, users=USERS))
    for reply in (
        await protected.ask(),
        await protected.ask("/", LOGIN),
        await protected.ask("/x"),
    ):
        assert reply.headers["X-Frame-Options"] == "deny"
