"""Basic auth against bcrypt, response headers."""

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

_REMEMBERED = 64
"""Maximum number of cached credentials: far more than the scrapers of a prober."""
_WAITING = 16
"""Maximum number of waiting checks, so that password guessing cannot exhaust memory and CPU."""
_BCRYPT_READS = 72
"""Bytes of a password that bcrypt reads; the tools that make hashes drop the rest as well."""
_BCRYPT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="slo-probe", charset="UTF-8"'}
_RETRY_AFTER = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of a request."""

    user: bytes
    password: bytes = field(repr=False)


class TooManyGuessesError(Exception):
    """Too many password checks are waiting."""


def credentials(header: str | None) -> Credentials | None:
    """Parse an `Authorization` header; None if it is absent, malformed or of another scheme."""
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    return Credentials(user, password) if colon else None


class Passwords:
    """Users of a server and their password hashes."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._hashes = {name.encode(): hashed.encode() for name, hashed in users.items()}
        self._pepper = secrets.token_bytes(32)
        self._decoys = [_decoy(hashed) for hashed in self._hashes.values()]
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def admit(self, given: Credentials) -> bool:
        """Return True if the password is right.

        The duration does not reveal whether the user exists.

        Raises:
            TooManyLoginsError: too many checks are waiting.
        """
        hashed = self._hashes.get(given.user)
        digest = self._digest(given, hashed or b"")
        if digest in self._right:
            self._right.move_to_end(digest)
            return True
        matches = await self._check(given, hashed or self._decoy_for(given.user))
        if not (matches and hashed):
            return False
        self._right[digest] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
        return True

    async def _check(self, given: Credentials, hashed: bytes) -> bool:
        if self._waiting >= _WAITING:
            raise TooManyGuessesError
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(
                    bcrypt.checkpw, given.password[:_BCRYPT_READS], hashed
                )
        finally:
            self._waiting -= 1

    def _decoy_for(self, user: bytes) -> bytes:
        """Pick a dummy hash for an unknown user.

        It is always the same one, with the cost of a known user's hash.
        """
        chosen = int.from_bytes(self._keyed(user)[:8], "big") % len(self._decoys)
        return self._decoys[chosen]

    def _digest(self, given: Credentials, hashed: bytes) -> bytes:
        """Compute the cache key of credentials; useless without the secret of this process."""
        length = len(given.user).to_bytes(8, "big")
        return self._keyed(hashed + length + given.user + given.password)

    def _keyed(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._pepper, digest_size=32).digest()


def _decoy(hashed: bytes) -> bytes:
    """Make a hash that no password has, with the cost of the given one."""
    cost = int(hashed[4:6])
    tail = "".join(secrets.choice(_BCRYPT_LETTERS) for _ in range(31))
    return bcrypt.gensalt(cost) + tail.encode()


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
