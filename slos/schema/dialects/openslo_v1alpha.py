"""Dialect OpenSLO `openslo/v1alpha`, as Sloth reads it: one SLO for each objective, no alerts."""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from slos.schema import openslo
from slos.schema.fields import WindowedQuery
from slos.schema.openslo import (
    NO_ALERTS,
    OpenSloEnvelope,
    OpenSloModel,
    build_located_spec,
    check_single_window,
    check_source,
    lower_text,
)
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec, SpecOrigin
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import validate_document

API_VERSION = "openslo/v1alpha"
KIND = "SLO"
OTHER_KINDS = openslo.OTHER_KINDS
KEY_SPELLINGS = openslo.KEY_SPELLINGS


class _Query(OpenSloModel):
    source: Literal["prometheus", "sloth"]
    query_type: Annotated[Literal["promql"], Field(alias="queryType")]
    query: WindowedQuery

    _check_source = model_validator(mode="before")(partial(check_source, key="source"))


class _RatioMetrics(OpenSloModel):
    good: _Query
    total: _Query
    counter: Any = None
    incremental: Any = None


class _AlphaObjective(OpenSloModel):
    target: openslo.Target
    ratio_metrics: Annotated[_RatioMetrics, Field(alias="ratioMetrics")]
    display_name: Annotated[Any, Field(alias="displayName")] = None
    op: Any = None
    value: Any = None
    time_slice_target: Annotated[Any, Field(alias="timeSliceTarget")] = None


class _AlphaTimeWindow(OpenSloModel):
    unit: Annotated[Literal["day"], BeforeValidator(lower_text)]
    count: Annotated[int, Field(gt=0)]
    is_rolling: Annotated[Any, Field(alias="isRolling")] = None
    calendar: Any = None


class _AlphaSpec(OpenSloModel):
    service: str
    description: str = ""
    budgeting_method: Annotated[Any, Field(alias="budgetingMethod")] = None
    indicator: Any = None
    objectives: Annotated[list[_AlphaObjective], Field(min_length=1)]
    time_windows: Annotated[
        list[_AlphaTimeWindow],
        AfterValidator(check_single_window),
        Field(alias="timeWindows", default_factory=list),
    ]


class _AlphaDocument(OpenSloEnvelope):
    spec: _AlphaSpec


def read_document(
    document: Document, *, lenient: bool | None
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read one SLO for each objective; its name ends in the index of the objective."""
    openslo_document, problems = validate_document(document, _AlphaDocument, lenient=lenient)
    if not openslo_document:
        return None, problems
    spec, origin = (
        openslo_document.spec,
        SpecOrigin(
            API_VERSION, "openslo", to_source_location=_to_source_location, has_ratio_objective=True
        ),
    )
    slos = [
        {
            "name": f"{openslo_document.metadata.name}-{index}",
            "description": spec.description,
            "objective": objective.target * 100,
            "sli": {"good_events": _build_queries(objective.ratio_metrics)},
            "alerting": NO_ALERTS,
        }
        for index, objective in enumerate(spec.objectives)
    ]
    period = next((f"{window.count}d" for window in spec.time_windows), None)
    value = {"service": spec.service, "slos": slos, "period": period}
    return build_located_spec(document, value, origin)


def _build_queries(metrics: _RatioMetrics) -> dict[str, str]:
    return {"good_query": metrics.good.query, "total_query": metrics.total.query}


def _to_source_location(location: Location) -> Location:
    match location:
        case ("slos", int(), "name", *_):
            return "metadata", "name"
        case ("slos", int() as index, "sli", *_):
            return "spec", "objectives", index, "ratioMetrics"
        case ("slos", int() as index, "objective", *_):
            return "spec", "objectives", index, "target"
        case ("slos", int() as index, *_):
            return "spec", "objectives", index
        case ("period", *_):
            return "spec", "timeWindows", 0
    return "spec", *location
