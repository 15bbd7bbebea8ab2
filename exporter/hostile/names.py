"""Hostile function names, and the guard that keeps them on the canary's host. Pure.

The target puts the name into a URL. It may use the name as part of a host, as a URL, or joined to
one. In each case the only possible host is the canary's, at its own port or the honeypot's. No name
begins with `http://`: used as part of a host, it would name a host called `http`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from exporter.events import CanaryIdentity, ForbiddenEventError, may_be_ours

_ALPHABET = re.compile(r"[a-z0-9.:/@-]+")
"""No percent sign, backslash, question mark, hash or space: URL parsers differ on those."""
_SEPARATORS = re.compile(r"[:/@]+")
_SCHEME, _UP = "http", ".."
_USUAL_PORT = 80


class Trick(StrEnum):
    """Kinds of hostile names."""

    SLASH = "slash"
    PORT = "port"
    SCHEME = "scheme"


@dataclass(frozen=True, slots=True)
class Ground:
    """Host that hostile names may lead to.

    Attributes:
        canary: identity of the canary.
        port: port of the honeypot on that host.
    """

    canary: CanaryIdentity
    port: int

    @property
    def host(self) -> str:
        """Full DNS name of the canary's Service."""
        return f"{self.canary.name}.{self.canary.namespace}.svc.cluster.local"


def hostile_name(trick: Trick, run_id: str, ground: Ground) -> str:
    """Build a hostile name that holds the run's id.

    A target without input validation is led to the canary's host by it.

    Raises:
        ForbiddenEventError: the name could lead to another host; this is a bug.
    """
    host = ground.host
    names = {
        Trick.SLASH: f"{host}/../{run_id}",
        Trick.PORT: f"{host}:{ground.port}/{run_id}",
        Trick.SCHEME: f"{_SCHEME}:{ground.canary.name}@{host}:{ground.port}/{run_id}",
    }
    guard_name(names[trick], ground)
    return names[trick]


def guard_name(name: str, ground: Ground) -> None:
    """Refuse a name that may be a real function's, or may lead to another host than the canary's.

    Raises:
        ForbiddenEventError: naming the broken rules.
    """
    host = ground.host
    known = {"", _UP, _SCHEME, host, ground.canary.name, str(ground.port)}
    words = _SEPARATORS.split(name)
    rules = {
        "nothing but plain characters": _ALPHABET.fullmatch(name) is not None,
        "the canary's host is named": host in words,
        "no function can be called so": "/" in name,
        "no word but those of the canary": all(w in known or may_be_ours(w) for w in words),
        "every reading leads to the canary": all(_leads_home(u, ground) for u in readings(name)),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ForbiddenEventError(f"not sent, it breaks: {', '.join(broken)}")


def readings(name: str) -> list[str]:
    """List the URLs that a target without input validation may build from a name."""
    return [
        f"http://{name}.namespace.svc.cluster.local/",
        f"https://{name}.namespace.svc.cluster.local/",
        f"http://{name}/",
        f"http:{name}",
        f"//{name}",
        name,
        urljoin("http://", name),
    ]


def _leads_home(url: str, ground: Ground) -> bool:
    """Return True if a URL has no host, or only the canary's."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return True  # no client can follow it
    return host in (None, ground.host) and port in (None, _USUAL_PORT, ground.port)
