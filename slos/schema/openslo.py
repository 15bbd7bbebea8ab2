"""What the two versions of OpenSLO have in common."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slos.schema.document import Document
from slos.schema.explain_errors import explain
from slos.schema.located import LocatedSpec, Origin
from slos.schema.problem import Problem
from slos.schema.spec import Spec

Window = TypeVar("Window")

NO_ALERTS = {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
"""OpenSLO's alert policies say something else than burn rates over windows."""


class OpenSlo(BaseModel):
    """A mapping in an OpenSLO document.

    It holds much that Prometheus has no use for: keys of OpenSLO's that change no rule are
    fields of type `Any`, so that what is left over is a mistake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Meta(OpenSlo):
    """The part of `metadata` that names an SLO."""

    name: str
    display_name: Annotated[Any, Field(alias="displayName")] = None
    labels: Any = None
    annotations: Any = None


class Envelope(OpenSlo):
    """The outermost keys of a document."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: str
    metadata: Meta


def one_window(windows: list[Window]) -> list[Window]:
    """Refuse a second time window: both versions write them as a list and mean one."""
    if len(windows) > 1:
        raise ValueError("an SLO has one time window; remove the others")
    return windows


def mapped(
    document: Document, value: dict[str, Any], origin: Origin
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Our spec from a document's content; what is wrong with it is told at the document's keys."""
    try:
        spec = Spec.model_validate({"version": "prometheus/v1", **value})
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [
            Problem(document.at(where), *explain({**detail, "loc": where}, Spec))
            for detail in details
            for where in [origin.where(detail["loc"])]
        ]
    return LocatedSpec(spec, document, origin), []
