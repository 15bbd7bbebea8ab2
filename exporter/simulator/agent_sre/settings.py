"""Settings and counters of the simulated agent-sre."""

from dataclasses import dataclass, field

DEFAULT_FUNCTION_URL = "http://{name}.{namespace}.svc.cluster.local/"
DEFAULT_LINEAR_URL = "https://api.linear.app/graphql"
DEFAULT_CAPACITY = 27.0
"""Events per second one process sustains (measured)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a simulator; the defaults are the measured service."""

    function_url: str = DEFAULT_FUNCTION_URL
    """URL template of a function; `{name}` and `{namespace}` are filled in unchecked."""

    namespace: str = "ai"
    """Kubernetes namespace of the functions; the service knows only its own."""

    linear_url: str = DEFAULT_LINEAR_URL
    """GraphQL endpoint of Linear; never called without a key."""

    linear_key: str | None = field(default=None, repr=False)
    """Linear API key, sent unchanged in `Authorization`; None makes no call at all."""

    linear_team: str = "BVL"
    """Key of the Linear team that owns the issues."""

    linear_timeout: float = 30.0
    """Seconds one Linear call may take; the remediation waits for it."""

    capacity: float = DEFAULT_CAPACITY
    """Events per second the virtual CPU sustains; 0 makes it infinitely fast."""

    burst_seconds: float = 3.7
    """Seconds of CPU work that may run at burst speed: about 100 events at 27 a second."""

    health_timeout: float = 5.0
    """Seconds the function's `GET /health` may take, waiting for the CPU included."""

    call_timeout: float = 60.0
    """Seconds the function's `POST /` may take, waiting for the CPU included."""

    model_seconds: float = 3.1
    """Seconds of a selection without annotation, as no model answers."""

    def build_function_url(self, name: str) -> str:
        """Build the base URL of a function, without a trailing slash; the name is not checked."""
        return self.function_url.format(name=name, namespace=self.namespace).rstrip("/")


@dataclass
class AgentCounters:
    """Counts since the start; an event counts once, for any number of function calls."""

    received: int = 0
    """`POST /` requests whose body arrived, malformed ones included."""

    processed: int = 0
    """Events answered, or to be answered, 200 `processed`."""

    calls: int = 0
    """`POST /` requests sent to functions."""

    succeeded: int = 0
    """Function calls that reported `success`."""

    unhealthy: int = 0
    """Events given up because the function's `/health` was not 200 in time."""

    issues: int = 0
    """Linear issues opened."""

    linear_failures: int = 0
    """Linear issues that could not be opened."""
