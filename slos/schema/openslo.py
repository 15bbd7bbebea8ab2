"""What the two versions of OpenSLO have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from slos.schema.document import Document
from slos.schema.explain_errors import explain
from slos.schema.located import LocatedSpec, Origin
from slos.schema.problem import Problem
from slos.schema.spec import Spec

NO_ALERTS = {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
"""OpenSLO's alert policies say something else than burn rates over windows."""


class OpenSlo(BaseModel):
    """A mapping in an OpenSLO document; it holds much that Prometheus has no use for."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


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
