"""Dialect OpenSLO `openslo/v1alpha`, as Sloth reads it: one SLO for each objective, no alerts."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from slos.schema.fields import WindowedQuery
from slos.schema.openslo import NO_ALERTS, Envelope, OpenSlo, mapped, one_window
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec, Origin
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import validate

API_VERSION = "openslo/v1alpha"
KIND = "SLO"


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class _Query(OpenSlo):
    source: Literal["prometheus", "sloth"]
    query_type: Annotated[Literal["promql"], Field(alias="queryType")]
    query: WindowedQuery


class _RatioMetrics(OpenSlo):
    good: _Query
    total: _Query
    counter: Any = None
    incremental: Any = None


class _Objective(OpenSlo):
    target: Decimal
    ratio_metrics: Annotated[_RatioMetrics, Field(alias="ratioMetrics")]
    display_name: Annotated[Any, Field(alias="displayName")] = None
    op: Any = None
    value: Any = None
    time_slice_target: Annotated[Any, Field(alias="timeSliceTarget")] = None


class _TimeWindow(OpenSlo):
    unit: Annotated[Literal["day"], BeforeValidator(_lower)]
    count: Annotated[int, Field(gt=0)]
    is_rolling: Annotated[Any, Field(alias="isRolling")] = None
    calendar: Any = None


class _Spec(OpenSlo):
    service: str
    description: str = ""
    budgeting_method: Annotated[Any, Field(alias="budgetingMethod")] = None
    indicator: Any = None
    objectives: Annotated[list[_Objective], Field(min_length=1)]
    time_windows: Annotated[
        list[_TimeWindow],
        AfterValidator(one_window),
        Field(alias="timeWindows", default_factory=list),
    ]


class _Document(Envelope):
    spec: _Spec


def read(document: Document, *, lenient: bool) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read one SLO for each objective; its name ends in the index of the objective."""
    found, problems = validate(document, _Document, lenient=lenient)
    if not found:
        return None, problems
    spec, origin = found.spec, Origin(API_VERSION, "openslo", where=_where, in_shares=True)
    slos = [
        {
            "name": f"{found.metadata.name}-{index}",
            "description": spec.description,
            "objective": objective.target * 100,
            "sli": {"good_events": _queries(objective.ratio_metrics)},
            "alerting": NO_ALERTS,
        }
        for index, objective in enumerate(spec.objectives)
    ]
    period = next((f"{window.count}d" for window in spec.time_windows), None)
    value = {"service": spec.service, "slos": slos, "period": period}
    return mapped(document, value, origin)


def _queries(metrics: _RatioMetrics) -> dict[str, str]:
    return {"good_query": metrics.good.query, "total_query": metrics.total.query}


def _where(location: Location) -> Location:
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
