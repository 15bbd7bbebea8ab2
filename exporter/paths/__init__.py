"""API and registry of delivery paths: one plug-in file each.

A path file has its `PATH`, the value of the label `path`; `KEEPS_EVENT_ID`; `Settings`; and `Path`,
which sends.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol, cast

from pydantic import PlainValidator

from exporter.fields import Section
from exporter.httpclient.client import Reply, Sender
from exporter.model.alert import Alert, CanaryIdentity
from exporter.model.deadlines import AlertProbeSettings, Targets
from exporter.model.run import Leftover
from exporter.schedule.clock import Clock
from slos.schema.contract import LeftoverKind
from slos.schema.plugin_loader import load_modules_by_id


def _return_no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class PathContext:
    """Endpoint, senders and headers for requests to agent-sre.

    Attributes:
        url: where agent-sre takes CloudEvents.
        canary: the one function that an alert may name.
        sender: sends to any host.
        target_sender: sends to agent-sre, with the TLS settings of the target.
        clock: the clock.
        read_headers: returns the headers that agent-sre asks for, such as credentials; called for
            each request.
    """

    url: str
    canary: CanaryIdentity
    sender: Sender
    target_sender: Sender
    clock: Clock
    read_headers: Callable[[], Mapping[str, str]] = _return_no_headers


class PathSettings(Section):
    """Settings of a path."""

    def find_deadline_problems(
        self,
        deadlines: AlertProbeSettings,  # noqa: ARG002 - for overrides that use them
        targets: Targets,  # noqa: ARG002 - for overrides that use them
    ) -> Iterable[tuple[str, str, str]]:
        """Find deadlines of a probe that do not fit the path, as key, message and hint."""
        return ()

    def find_end_problem(self) -> tuple[str, str] | None:
        """Find why the end of an alert does not reach agent-sre on this path: message and hint."""
        return None


class Path(Protocol):
    """A delivery path, as probes and the reconciler use it."""

    NAME: str
    """Value of the label `path`."""
    SYNCHRONOUS: bool
    """True if the reply comes from agent-sre itself, after its work."""
    clock_at_webhook: bool
    """True if latencies count from the moment at which the notification was sent out."""
    leftover_kind: LeftoverKind | None
    """Kind of leftover that it can clean up."""
    settings_difference: str | None
    """Known differences between its settings and those of the systems on it."""

    def list_leftovers(self, alert: Alert) -> tuple[Leftover, ...]:
        """List the leftovers of an alert on the path, known before it is sent."""

    async def send_alert(self, alert: Alert) -> Reply:
        """Send a fired alert; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """

    async def send_resolved(self, alert: Alert) -> Reply:
        """Send the end of an alert; errors as for a fired one."""

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Clean up leftovers; return those that could not be cleaned up."""


class PathModule(Protocol):
    """API of a file in this folder."""

    PATH: str
    KEEPS_EVENT_ID: bool
    """True if agent-sre gets the event with the id that the prober gave it."""
    Settings: type[PathSettings]
    """Settings of the path; one that has none needs no section in the configuration."""
    Path: Callable[[PathSettings, PathContext], Path]


def keeps_event_id(path: str) -> bool:
    """Return whether events keep their id on a path; a path that is gone is assumed to keep it."""
    module = load_path_modules().get(path)
    return module is None or module.KEEPS_EVENT_ID


@cache
def load_path_modules() -> dict[str, PathModule]:
    """Load all delivery paths, by the value of the label `path`."""
    return cast("dict[str, PathModule]", load_modules_by_id(__name__, "PATH"))


def _parse_path(value: object) -> str:
    if isinstance(value, str) and value in load_path_modules():
        return value
    known = ", ".join(load_path_modules())
    raise ValueError(f"{value!r} is not a path to agent-sre; known paths: {known}")


class _PathNames:
    """JSON Schema of a path: the plug-ins are loaded when it is built."""

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, Any]:
        return {"type": "string", "enum": [*load_path_modules()]}


PathField = Annotated[str, PlainValidator(_parse_path), _PathNames()]
