"""Protection of the pages: basic authentication with bcrypt hashes, hosts, origins, headers."""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import bcrypt
from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.config.web import WebConfig
from exporter.listener.connections import name_peer

_MAX_VERIFIED = 64
"""Maximum number of cached credentials: far more than the scrapers of a prober."""
_MAX_WAITING = 16
"""Maximum number of waiting checks, so that password guessing cannot exhaust memory and CPU."""
_MAX_WAITING_PER_PEER = 4
_MAX_GUESSERS = 1024
"""Maximum number of peers whose wrong passwords are counted."""
_BCRYPT_MAX_BYTES = 72
"""Bytes of a password that bcrypt reads; the tools that make hashes drop the rest as well."""
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready"})

_AUTH_CHALLENGE = {"WWW-Authenticate": 'Basic realm="slo-probe", charset="UTF-8"'}
_RETRY_AFTER = {"Retry-After": "1"}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """User and password of a request."""

    user: bytes
    password: bytes = field(repr=False)


class TooManyLoginsError(Exception):
    """Too many password checks are waiting."""


_Waiting = tuple[str, asyncio.Future[None]]
"""A peer and its turn."""


class LoginQueue:
    """Queue for the password checks, which run one at a time.

    Peers with fewer wrong passwords and checks go first, and take the place of others when the
    queue is full. Of peers with equally many, a random one gives up its place.
    So a flood of wrong passwords does not keep another peer from logging in.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._is_busy = False
        self._failures: OrderedDict[str, int] = OrderedDict()

    @contextlib.asynccontextmanager
    async def take_turn(self, peer: str) -> AsyncIterator[None]:
        """Wait for the turn of a peer; the turn ends with the block.

        Raises:
            TooManyLoginsError: too many checks are waiting.
        """
        if self._is_busy:
            await self._wait(peer)
        self._is_busy = True
        try:
            yield
        finally:
            self._end_turn()

    def count_result(self, peer: str, *, is_right: bool) -> None:
        """Count a wrong password of a peer; a right one clears the count."""
        failures = self._failures.pop(peer, 0)
        if not is_right:
            self._failures[peer] = failures + 1
        if len(self._failures) > _MAX_GUESSERS:
            self._failures.popitem(last=False)

    async def _wait(self, peer: str) -> None:
        if sum(waiting == peer for waiting, _ in self._list_waiting()) >= _MAX_WAITING_PER_PEER:
            raise TooManyLoginsError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((peer, turn))
        if len(self._waiting) > _MAX_WAITING:
            most = max(map(self._count_attempts, self._waiting))
            last = [each for each in self._waiting if self._count_attempts(each) == most]
            # Were it the newest one, a queue that others keep full would never admit another peer.
            secrets.choice(last)[1].set_exception(TooManyLoginsError)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self._end_turn()
            raise

    def _end_turn(self) -> None:
        waiting = self._list_waiting()
        self._is_busy = bool(waiting)
        if waiting:
            min(waiting, key=self._count_attempts)[1].set_result(None)

    def _list_waiting(self) -> list[_Waiting]:
        """List the checks that still wait, the first one first."""
        self._waiting = [each for each in self._waiting if not each[1].done()]
        return self._waiting

    def _count_attempts(self, waiting: _Waiting) -> int:
        """Count the wrong passwords of a peer and its checks that wait."""
        peer = waiting[0]
        return self._failures.get(peer, 0) + sum(each[0] == peer for each in self._waiting)


def parse_authorization(header: str | None) -> BasicCredentials | None:
    """Parse an `Authorization` header; None if it is absent, malformed or of another scheme."""
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    return BasicCredentials(user, password) if colon else None


class BasicAuth:
    """Users of a server and their password hashes."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._hashes = {name.encode(): hashed.encode() for name, hashed in users.items()}
        self._pepper = secrets.token_bytes(32)
        self._dummy_hashes = [_make_dummy_hash(hashed) for hashed in self._hashes.values()]
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._queue = LoginQueue()

    async def check_password(self, credentials: BasicCredentials, peer: str = "") -> bool:
        """Return True if the password is right.

        The duration does not reveal whether the user exists.

        Args:
            credentials: user and password.
            peer: the client, as the limits of the listener know it.

        Raises:
            TooManyLoginsError: too many checks are waiting.
        """
        hashed = self._hashes.get(credentials.user)
        digest = self._compute_digest(credentials, hashed or b"")
        if digest in self._verified:
            self._verified.move_to_end(digest)
            return True
        password = credentials.password[:_BCRYPT_MAX_BYTES]
        async with self._queue.take_turn(peer):
            is_match = await asyncio.to_thread(
                bcrypt.checkpw, password, hashed or self._pick_dummy_hash(credentials.user)
            )
        is_right = is_match and hashed is not None
        self._queue.count_result(peer, is_right=is_right)
        if not is_right:
            return False
        self._verified[digest] = None
        if len(self._verified) > _MAX_VERIFIED:
            self._verified.popitem(last=False)
        return True

    def _pick_dummy_hash(self, user: bytes) -> bytes:
        """Pick a dummy hash for an unknown user.

        It is always the same one, with the cost of a known user's hash.
        """
        index = int.from_bytes(self._compute_keyed_hash(user)[:8], "big") % len(self._dummy_hashes)
        return self._dummy_hashes[index]

    def _compute_digest(self, credentials: BasicCredentials, hashed: bytes) -> bytes:
        """Compute the cache key of credentials; useless without the secret of this process."""
        length = len(credentials.user).to_bytes(8, "big")
        return self._compute_keyed_hash(hashed + length + credentials.user + credentials.password)

    def _compute_keyed_hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._pepper, digest_size=32).digest()


def _make_dummy_hash(hashed: bytes) -> bytes:
    """Make a hash that no password has, with the cost of the given one."""
    cost = int(hashed[4:6])
    tail = "".join(secrets.choice(_BCRYPT_ALPHABET) for _ in range(31))
    return bcrypt.gensalt(cost) + tail.encode()


class AuthMiddleware:
    """Middleware that protects an application; its configuration may change while it serves."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._basic_auth = BasicAuth(config.users)

    def install(self, app: web.Application) -> None:
        """Install the middleware for every path of an application, unknown paths included."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._refuse(request) or await handler(request)

        app.middlewares.insert(0, check)
        app.on_response_prepare.append(self._add_headers)

    def update_config(self, config: WebConfig) -> None:
        """Apply another configuration from the next request on."""
        if config.users != self._config.users:
            self._basic_auth = BasicAuth(config.users)
        self._config = config

    async def _refuse(self, request: web.Request) -> web.Response | None:
        """Refuse a request for another host, without valid credentials or of another origin."""
        config, headers = self._config, request.headers
        if config.hosts and not _is_known_host(headers.get("Host"), config.hosts):
            return web.Response(status=421, text="unknown host\n")
        is_open = config.health_without_login and request.path in HEALTH_PATHS
        refusal = await self._refuse_login(request) if config.users and not is_open else None
        if refusal is None and _is_cross_origin(request.method, headers):
            return web.Response(status=403, text="a request of another origin\n")
        return refusal

    async def _refuse_login(self, request: web.Request) -> web.Response | None:
        """Refuse a request without valid credentials; the response is the same for every reason."""
        login = parse_authorization(request.headers.get("Authorization"))
        try:
            if login and await self._basic_auth.check_password(login, name_peer(request.remote)):
                return None
        except TooManyLoginsError:
            return web.Response(status=503, text="too many log-ins\n", headers=_RETRY_AFTER)
        return web.Response(status=401, text="unauthorized\n", headers=_AUTH_CHALLENGE)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.pop("Server", None)
        response.headers.update(self._config.headers)


def _is_cross_origin(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request that changes something comes from a page of another origin.

    The rules are those of Go's http.CrossOriginProtection. Clients that are no browsers send
    neither header.
    https://pkg.go.dev/net/http#CrossOriginProtection
    """
    if method in _SAFE_METHODS:
        return False
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin")
    if origin is None:
        return False
    with contextlib.suppress(ValueError):
        return urlsplit(origin).netloc != headers.get("Host")
    return True


def _is_known_host(header: str | None, names: Collection[str]) -> bool:
    """Return whether a `Host` header names one of the hosts, an address or this machine.

    A page of another site reaches this server under a name of its own, whose address it changed to
    this server's. An address or `localhost` cannot be taken over like that.
    """
    try:
        host = urlsplit(f"//{header or ''}").hostname or ""
        _ = urlsplit(f"//{header or ''}").port
    except ValueError:
        return False
    host = host.removesuffix(".")
    if host in {"localhost", *(name.lower().removesuffix(".") for name in names)}:
        return True
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
