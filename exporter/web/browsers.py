"""Checks of requests that a browser may send for another site: their host and their origin."""

import contextlib
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_cross_origin(method: str, headers: Mapping[str, str]) -> bool:
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


def is_known_host(header: str | None, names: Collection[str]) -> bool:
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
