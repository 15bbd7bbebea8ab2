"""Settings and counters of the Linear simulator."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from exporter.fields import Address


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """Address and certificate of the endpoint over TLS, which agent-sre uses.

    Attributes:
        listen: the address; port 0 picks a free one.
        folder: folder of `tls.crt` and `tls.key`, as a Secret of that type is mounted.
    """

    listen: Address
    folder: Path

    def build_context(self) -> ssl.SSLContext:
        """Build the TLS context with the certificate.

        Raises:
            OSError: there is no certificate, or it does not match the key.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        return context


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a simulator."""

    key: str | None = field(default=None, repr=False)
    """API key that is accepted; None accepts any, but not a missing one."""

    team: str = "BVL"
    """Key of the only team."""

    requests_per_hour: int = 0
    """Requests that are answered, over all clients; 0 is no limit. Linear: 2,500 for all keys of
    one user together, fewer in small workspaces."""

    complexity_per_hour: int = 0
    """Points that queries may cost, likewise; 0 is no limit. Linear: 3,000,000."""

    https: HttpsSettings | None = None
    """Endpoint over TLS; None is none."""

    keep_issues: int = 20_000
    """Maximum number of kept issues; then the oldest is dropped, so that memory stays bounded.
    Default 20000: more than six minutes at 50 a second, and about 40 MB of issues as agent-sre
    opens them."""


@dataclass
class LinearCounters:
    """Counts since the start."""

    requests: int = 0
    """All requests."""

    unauthorized: int = 0
    rate_limited: int = 0
    """Refused by a limit, or by the fault `ratelimited`."""

    failed: int = 0
    """Cut off or spoiled by another fault."""

    rejected: int = 0
    """Queries that Linear would not accept, or arguments that it would refuse."""

    last_rejection: str = ""
    """Message of the first error of the last of these."""

    searches: int = 0
    """Pages of issues returned."""

    created: int = 0
    archived: int = 0
    """Issues that were archived; a repeated archive does not count."""

    forgotten: int = 0
    """Issues dropped because there were too many."""
