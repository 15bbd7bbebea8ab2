"""Basic authentication with bcrypt hashes, and the response headers."""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import bcrypt
from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.config.web import WebConfig

_MAX_VERIFIED = 64
"""Maximum number of cached credentials: far more than the scrapers of a prober."""
_MAX_WAITING = 16
"""Maximum number of waiting checks, so that password guessing cannot exhaust memory and CPU."""
_BCRYPT_MAX_BYTES = 72
"""Bytes of a password that bcrypt reads; the tools that make hashes drop the rest as well."""
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_AUTH_CHALLENGE = {"WWW-Authenticate": 'Basic realm="slo-probe", charset="UTF-8"'}
_RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """User and password of a request."""

    user: bytes
    password: bytes = field(repr=False)


class TooManyLoginsError(Exception):
    """Too many password checks are waiting."""


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
        self._bcrypt_lock = asyncio.Lock()
        self._waiting = 0

    async def check_password(self, credentials: BasicCredentials) -> bool:
        """Return True if the password is right.

        The duration does not reveal whether the user exists.

        Raises:
            TooManyLoginsError: too many checks are waiting.
        """
        hashed = self._hashes.get(credentials.user)
        digest = self._compute_digest(credentials, hashed or b"")
        if digest in self._verified:
            self._verified.move_to_end(digest)
            return True
        is_match = await self._run_bcrypt(
            credentials, hashed or self._pick_dummy_hash(credentials.user)
        )
        if not (is_match and hashed):
            return False
        self._verified[digest] = None
        if len(self._verified) > _MAX_VERIFIED:
            self._verified.popitem(last=False)
        return True

    async def _run_bcrypt(self, credentials: BasicCredentials, hashed: bytes) -> bool:
        if self._waiting >= _MAX_WAITING:
            raise TooManyLoginsError
        self._waiting += 1
        try:
            async with self._bcrypt_lock:
                return await asyncio.to_thread(
                    bcrypt.checkpw, credentials.password[:_BCRYPT_MAX_BYTES], hashed
                )
        finally:
            self._waiting -= 1

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
        """Refuse a request without valid credentials; the response is the same for every reason."""
        if not self._config.users:
            return None
        login = parse_authorization(request.headers.get("Authorization"))
        try:
            if login and await self._basic_auth.check_password(login):
                return None
        except TooManyLoginsError:
            return web.Response(status=503, text="too many log-ins\n", headers=_RETRY_AFTER)
        return web.Response(status=401, text="unauthorized\n", headers=_AUTH_CHALLENGE)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._config.headers)
