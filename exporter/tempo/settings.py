"""The settings of the Tempo source."""

from typing import Literal

from pydantic import Field

from exporter.http_source.settings import SourceSettings
from exporter.tempo.parts import Rules

_VERIFICATION = ["verification", "remediation.verify", "alert.verify"]


class TempoSettings(SourceSettings):
    """Where the traces of agent-sre are, and how its spans are told apart."""

    service: str = Field(default="agent-sre", min_length=1)
    """The service.name of agent-sre. Default agent-sre. Spans of others, the prober's own among
    them, are passed over."""
    verification_spans: list[str] = Field(default=_VERIFICATION)
    """Names a verification span may have. The service opens none today, so the stage stays
    absent until one of these appears."""
    linear_hosts: list[str] = Field(default=["api.linear.app"])
    """Hosts whose calls are calls to Linear. Default: Linear's own; name a stand-in's here."""
    trace_api: Literal["v1", "v2"] = "v1"
    """Which way a trace is read: v1 is /api/traces, which every Tempo has; v2 is /api/v2/traces,
    which gives a trace that is too large in part instead of not at all. Default v1."""

    @property
    def rules(self) -> Rules:
        """What tells the spans apart."""
        return Rules(
            service=self.service,
            verification=frozenset(self.verification_spans),
            linear_hosts=frozenset(host.lower() for host in self.linear_hosts),
        )
