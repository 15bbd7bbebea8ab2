"""Request headers without valid credentials. Pure, except for random values."""

import base64
import secrets
from collections.abc import Collection, Mapping

_NOBODY = "slo-probe-nobody"
"""A user that does not exist: wrong passwords of a real user could lock that user out."""


def known(headers: Mapping[str, str], names: Collection[str]) -> set[str]:
    """Find the headers that hold credentials, in the case in which they are written."""
    lower = {name.lower() for name in names}
    return {name for name in headers if name.lower() in lower}


def without(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers without credentials."""
    left_out = known(headers, names)
    return {name: value for name, value in headers.items() if name not in left_out}


def with_wrong(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers with credentials of the same scheme that were never valid."""
    wrong = {name: _wrong(headers[name]) for name in known(headers, names)}
    return {**headers, **wrong}


def _wrong(value: str) -> str:
    """Build a value of the same authentication scheme; it contains nothing of the secret."""
    made_up = secrets.token_hex(16)
    scheme, space, _ = value.partition(" ")
    if not space:
        return made_up
    if scheme.lower() == "basic":
        return f"{scheme} {base64.b64encode(f'{_NOBODY}:{made_up}'.encode()).decode()}"
    return f"{scheme} {made_up}"
