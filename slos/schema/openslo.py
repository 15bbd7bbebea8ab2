"""What the two versions of OpenSLO have in common."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from slos.schema.document import Document
from slos.schema.explain_errors import explain
from slos.schema.located import LocatedSpec, Origin
from slos.schema.problem import Problem
from slos.schema.spec import Spec

Window = TypeVar("Window")

NO_ALERTS = {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
"""OpenSLO's alert policies say something else than burn rates over windows."""


class OpenSlo(BaseModel):
    """A mapping in an OpenSLO document; it holds much that Prometheus has no use for."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


class Meta(OpenSlo):
    """The part of `metadata` that names an SLO."""

    name: str


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
