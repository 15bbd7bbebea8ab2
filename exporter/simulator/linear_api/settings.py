"""What one stand-in is set up with; each field says its unit and its reason."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from exporter.fields import Address


@dataclass(frozen=True, slots=True)
class Https:
    """Where a stand-in is reached over TLS as well, as agent-sre reaches Linear.

    Attributes:
        listen: the address; port 0 picks a free one.
        folder: of `tls.crt` and `tls.key`, as a Secret of that type is mounted.
    """

    listen: Address
    folder: Path

    def context(self) -> ssl.SSLContext:
        """What serves with the certificate.

        Raises:
            OSError: there is none, or none that fits.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        return context


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All knobs of a stand-in."""

    key: str | None = field(default=None, repr=False)
    """The API key that is accepted; None accepts any, but not none."""

    team: str = "BVL"
    """Key of the only team."""

    requests_per_hour: int = 0
    """Requests that are answered, whoever asks; 0 is no limit. Linear: 2,500 for all keys of one
    user together, fewer in small workspaces."""

    complexity_per_hour: int = 0
    """Points that queries may cost, likewise; 0 is no limit. Linear: 3,000,000."""

    https: Https | None = None
    """Where it listens with TLS as well; None is nowhere."""

    keep_issues: int = 20_000
    """Issues kept; one more and the oldest is forgotten, so that memory stays bounded. Default
    20000: more than six minutes at 50 a second, and about 40 MB of such as agent-sre opens."""
