"""Base models and mapping that both versions of OpenSLO share."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from slos.schema.fields import accepts_full_objective
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec, Spec, SpecOrigin
from slos.schema.yaml.document import Document
from slos.schema.yaml.validation import explain_error

Window = TypeVar("Window")

NO_ALERTS = {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
"""Alerting without burn-rate alerts: OpenSLO's alert policies are not mapped to them."""


class OpenSloModel(BaseModel):
    """Base model of a mapping in an OpenSLO document.

    Keys of OpenSLO that change no rule are fields of type `Any`, so that any other key is an
    error.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True
    )


class OpenSloMetadata(OpenSloModel):
    """The `metadata` of an OpenSLO document; it names the SLO."""

    name: str
    display_name: Annotated[Any, Field(alias="displayName")] = None
    labels: Any = None
    annotations: Any = None


class OpenSloEnvelope(OpenSloModel):
    """The top-level keys of an OpenSLO document."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: str
    metadata: OpenSloMetadata


INDICATORS = "indicators"
"""Key of the validation context: documents of kind SLI by their name."""
INDICATOR_KIND = "SLI"

OTHER_KINDS = (
    "AlertCondition",
    "AlertNotificationTarget",
    "AlertPolicy",
    "DataSource",
    INDICATOR_KIND,
    "Service",
)
"""Kinds of OpenSLO without SLOs. An alert policy that an SLO refers to is warned of there."""


KEY_SPELLINGS = {
    "error_query": "bad",
    "good_query": "good",
    "total_query": "total",
    "error_ratio_query": "raw",
}


# A number from here on is meant as a percentage.
_LEAST_PERCENTAGE = 50


def _check_target(target: Decimal, info: ValidationInfo) -> Decimal:
    if not (0 < target < 1 or (target == 1 and accepts_full_objective(info))):
        is_percentage = _LEAST_PERCENTAGE <= target < 100  # noqa: PLR2004 - percent
        example = f"like {target / 100}" if is_percentage else "as 1 leaves no error budget"
        raise ValueError(
            f"{target} is not a valid target; use a ratio above 0 and below 1, {example}"
        )
    return target


Target = Annotated[Decimal, AfterValidator(_check_target)]
"""An objective as a ratio."""


def lower_text(value: object) -> object:
    """Convert a text to lower case; the keywords of OpenSLO are not case-sensitive."""
    return value.lower() if isinstance(value, str) else value


def check_source(value: object, key: str) -> object:
    """Return a query with its source when that may be one of Prometheus.

    Raises:
        ValueError: the query is in another language, in which nothing else is to be checked.
    """
    source = value.get(key) if isinstance(value, dict) else None
    if isinstance(source, str) and source.lower() not in ("prometheus", "sloth"):
        raise ValueError(f"the {key} {source!r} is not supported; write the query for prometheus")
    return value


def check_single_window(windows: list[Window]) -> list[Window]:
    """Return the time windows when there is at most one; both versions have a list for it.

    Raises:
        ValueError: there are several.
    """
    if len(windows) > 1:
        raise ValueError("more than one time window; remove the others")
    return windows


def list_indicators(documents: Iterable[Document]) -> dict[str, Document]:
    """List the documents of kind SLI that SLOs refer to by `indicatorRef`, by their name."""
    indicators: dict[str, Document] = {}
    names = set()
    for document in documents:
        match document.value:
            case {"apiVersion": "openslo/v1", "kind": "SLI", "metadata": {"name": str(name)}}:
                indicators.setdefault(name, document)
            case {"apiVersion": "openslo/v1", "spec": {"indicatorRef": str(name)}}:
                names.add(name)
    return {name: document for name, document in indicators.items() if name in names}


def build_located_spec(
    document: Document, value: dict[str, Any], origin: SpecOrigin
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Validate mapped content as a `Spec`; problems point at the keys of the document."""
    try:
        spec = Spec.model_validate({"version": "prometheus/v1", **value}, context=document.context)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [
            Problem(
                document.find_position(location), *explain_error({**detail, "loc": location}, Spec)
            )
            for detail in details
            for location in [origin.to_source_location(detail["loc"])]
        ]
    return LocatedSpec(spec, document, origin), []
