"""What one stand-in is set up with; each field says its unit and its reason."""

from dataclasses import dataclass, field


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

    keep_issues: int = 20_000
    """Issues kept; one more and the oldest is forgotten, so that memory stays bounded. Default
    20000: more than six minutes at 50 a second, and about 40 MB of such as agent-sre opens."""
