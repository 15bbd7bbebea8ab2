"""Settings of the Tempo client, and the rules that identify spans of agent-sre."""

from typing import Literal

from pydantic import Field

from exporter.httpclient.settings import HttpClientSettings
from exporter.observers.tempo.spans import SpanRules

_VERIFICATION = ["verification", "remediation.verify", "alert.verify"]


class TempoSettings(HttpClientSettings):
    """Settings of the Tempo client, and the rules that identify agent-sre's spans."""

    service: str = Field(default="agent-sre", min_length=1)
    """The service.name of agent-sre. Default agent-sre. Spans of other services, the prober
    included, are ignored."""
    verification_spans: list[str] = Field(default=_VERIFICATION)
    """Names of verification spans. The service creates none today, so the stage stays absent until
    one of these appears."""
    linear_hosts: list[str] = Field(default=["api.linear.app"])
    """Hosts of Linear; requests to them are calls to Linear. Default: Linear's own; set that of a
    simulator here."""
    trace_api: Literal["v1", "v2"] = "v1"
    """Version of the trace API: v1 is /api/traces, which every Tempo has; v2 is /api/v2/traces,
    which returns a part of a trace that is too large instead of an error. Default v1."""

    @property
    def rules(self) -> SpanRules:
        """Rules that identify the spans of agent-sre."""
        return SpanRules(
            service=self.service,
            verification=frozenset(self.verification_spans),
            linear_hosts=frozenset(host.lower() for host in self.linear_hosts),
        )
