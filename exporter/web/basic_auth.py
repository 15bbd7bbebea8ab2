"""HTTP basic authentication against bcrypt hashes, without stalling the probes.

A check costs a tenth of a second of one core, on purpose. So it runs beside the event loop,
one at a time, and what was right once is remembered: a scrape costs it only once.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import bcrypt

_REMEMBERED = 64
"""Right credentials that are remembered: far more than scrapers a prober has."""
_WAITING = 16
"""Checks that may wait their turn; a guesser shall not fill memory or the core's day."""
_BCRYPT_READS = 72
"""Bytes of a password that bcrypt takes in; the tools that make hashes drop the rest as well."""
_BCRYPT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who someone says to be."""

    user: bytes
    password: bytes = field(repr=False)


class TooManyGuessesError(Exception):
    """So many checks wait already that one more is not begun."""


def credentials(header: str | None) -> Credentials | None:
    """Read an `Authorization` header; None for none, another scheme, or nonsense."""
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
    """The users of a server."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._hashes = {name.encode(): hashed.encode() for name, hashed in users.items()}
        self._pepper = secrets.token_bytes(32)
        self._decoys = [_decoy(hashed) for hashed in self._hashes.values()]
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def admit(self, given: Credentials) -> bool:
        """Whether a password is right. How long it takes does not tell whether the user exists.

        Raises:
            TooManyGuessesError: too many checks wait already.
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
        """A hash for an unknown user: always the same one, at the cost of some known user's."""
        chosen = int.from_bytes(self._keyed(user)[:8], "big") % len(self._decoys)
        return self._decoys[chosen]

    def _digest(self, given: Credentials, hashed: bytes) -> bytes:
        """What is remembered of right credentials; useless without the key of this process."""
        length = len(given.user).to_bytes(8, "big")
        return self._keyed(hashed + length + given.user + given.password)

    def _keyed(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._pepper, digest_size=32).digest()


def _decoy(hashed: bytes) -> bytes:
    """A hash that no password has, as dear to check as the given one."""
    cost = int(hashed[4:6])
    tail = "".join(secrets.choice(_BCRYPT_LETTERS) for _ in range(31))
    return bcrypt.gensalt(cost) + tail.encode()
