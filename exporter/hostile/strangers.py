"""The headers of a sender who does not know the credentials. Pure, but for chance."""

import base64
import secrets
from collections.abc import Collection, Mapping

_NOBODY = "slo-probe-nobody"
"""A user that does not exist: wrong passwords of a real one may lock it out."""


def known(headers: Mapping[str, str], names: Collection[str]) -> set[str]:
    """The headers that hold credentials, as they are written."""
    lower = {name.lower() for name in names}
    return {name for name in headers if name.lower() in lower}


def without(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The other headers."""
    left_out = known(headers, names)
    return {name: value for name, value in headers.items() if name not in left_out}


def with_wrong(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The same headers with credentials of the same kind that were never valid."""
    wrong = {name: _wrong(headers[name]) for name in known(headers, names)}
    return {**headers, **wrong}


def _wrong(value: str) -> str:
    """A value of the same scheme; nothing of the secret is kept."""
    made_up = secrets.token_hex(16)
    scheme, space, _ = value.partition(" ")
    if not space:
        return made_up
    if scheme.lower() == "basic":
        return f"{scheme} {base64.b64encode(f'{_NOBODY}:{made_up}'.encode()).decode()}"
    return f"{scheme} {made_up}"
