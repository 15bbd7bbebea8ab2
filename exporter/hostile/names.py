"""Function names that are more than a name, and the guard that keeps them with the canary. Pure.

The target puts the name into a URL. Whichever way it reads such a name (put into a host, taken as
a URL, joined to one), the only host to come out is the canary's, at its own port or the decoy's.
That is why no name begins with `http://`: put into a host, it would make one called `http`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from exporter.events import CanaryIdentity, ForbiddenEventError, may_be_ours

_ALPHABET = re.compile(r"[a-z0-9.:/@-]+")
"""No percent sign, backslash, question mark, hash or space: readers differ on those."""
_SEPARATORS = re.compile(r"[:/@]+")
_SCHEME, _UP = "http", ".."
_USUAL_PORT = 80


class Trick(StrEnum):
    """What is wrong with a name."""

    SLASH = "slash"
    PORT = "port"
    SCHEME = "scheme"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where hostile names may lead.

    Attributes:
        canary: whose host they name.
        port: of the decoy on that host.
    """

    canary: CanaryIdentity
    port: int

    @property
    def host(self) -> str:
        """The canary's name in full."""
        return f"{self.canary.name}.{self.canary.namespace}.svc.cluster.local"


def hostile_name(trick: Trick, run_id: str, ground: Ground) -> str:
    """A name that leads a target that does not check it to the canary's host, with the run's id.

    Raises:
        ForbiddenEventError: it could lead elsewhere; a bug, never a user's mistake.
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
    """Refuse a name that could be a real function's, or lead anywhere but to the canary's host.

    Raises:
        ForbiddenEventError: naming the broken rule.
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
    """The URLs that a careless target may make of a name."""
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
    """Whether a URL has no host, and so leads nowhere, or the canary's."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return True  # no client can follow it
    return host in (None, ground.host) and port in (None, _USUAL_PORT, ground.port)
