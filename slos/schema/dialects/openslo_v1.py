"""Dialect OpenSLO `openslo/v1`. Features that Prometheus rules cannot express are problems.

Queries must have `{{.window}}` as their range; OpenSLO does not define one.
"""

import re
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from slos.schema import openslo
from slos.schema.fields import WindowedQuery
from slos.schema.openslo import (
    INDICATORS,
    NO_ALERTS,
    OpenSloEnvelope,
    OpenSloModel,
    build_located_spec,
    check_single_window,
    check_source,
    lower_text,
)
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.promql import wrap_query
from slos.schema.spec import LocatedSpec, SpecOrigin
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import validate_document

API_VERSION = "openslo/v1"
KIND = "SLO"
OTHER_KINDS = openslo.OTHER_KINDS
KEY_SPELLINGS = openslo.KEY_SPELLINGS

_FIXED_LENGTH = re.compile(r"[0-9]+[mhdw]")
_CALENDAR_LENGTH = re.compile(r"[0-9]+[MQY]")


def _check_fixed_length(duration: str) -> str:
    if not _FIXED_LENGTH.fullmatch(duration):
        fault = "has no fixed length" if _CALENDAR_LENGTH.fullmatch(duration) else "is no duration"
        raise ValueError(f"{duration!r} {fault}; write minutes, hours, days or weeks, like 28d")
    return duration


def _check_budgeting_method(method: str) -> str:
    if method != "Occurrences":
        raise ValueError(
            f"the budgeting method {method!r} is not supported; "
            "use Occurrences, or a 'threshold' SLI of prometheus/v1 for slices of time"
        )
    return method


class _QuerySpec(OpenSloModel):
    """The query of a metric source; other keys belong to the data source and are ignored."""

    model_config = ConfigDict(extra="ignore")

    query: WindowedQuery


class _MetricSource(OpenSloModel):
    type: Annotated[Literal["prometheus"], BeforeValidator(lower_text)] = "prometheus"
    spec: _QuerySpec
    metric_source_ref: Annotated[Any, Field(alias="metricSourceRef")] = None

    _check_type = model_validator(mode="before")(partial(check_source, key="type"))


class _OpenSloMetric(OpenSloModel):
    metric_source: Annotated[_MetricSource, Field(alias="metricSource")]

    @property
    def query(self) -> str:
        return self.metric_source.spec.query


class _RatioMetric(OpenSloModel):
    good: _OpenSloMetric | None = None
    bad: _OpenSloMetric | None = None
    total: _OpenSloMetric | None = None
    raw: _OpenSloMetric | None = None
    counter: Any = None
    raw_type: Annotated[
        Literal["success", "failure"] | None, BeforeValidator(lower_text), Field(alias="rawType")
    ] = None

    @model_validator(mode="after")
    def _check_ratio(self) -> Self:
        keys = [key for key in ("good", "bad", "total", "raw") if getattr(self, key)]
        if keys not in (["good", "total"], ["bad", "total"], ["raw"]):
            raise ValueError(
                f"incomplete ratio with {' and '.join(keys) or 'no queries'}; "
                "write good and total, bad and total, or raw"
            )
        if (self.raw is None) != (self.raw_type is None):
            raise ValueError("raw without rawType; add rawType: success or failure")
        return self

    def build_sli(self) -> dict[str, Any]:
        """Build the SLI of our spec that means the same."""
        if self.bad and self.total:
            queries = {"error_query": self.bad.query, "total_query": self.total.query}
            return {"events": queries}
        if self.good and self.total:
            queries = {"good_query": self.good.query, "total_query": self.total.query}
            return {"good_events": queries}
        query = self.raw.query if self.raw else ""
        error_ratio = query if self.raw_type == "failure" else f"1 - {wrap_query(query)}"
        return {"raw": {"error_ratio_query": error_ratio}}


class _IndicatorSpec(OpenSloModel):
    ratio_metric: Annotated[_RatioMetric | None, Field(alias="ratioMetric")] = None
    threshold_metric: Annotated[Any, Field(alias="thresholdMetric")] = None
    description: Any = None

    @model_validator(mode="after")
    def _check_ratio_metric(self) -> Self:
        if not self.ratio_metric:
            raise ValueError(
                "only ratioMetric is supported; "
                "write a thresholdMetric as a 'threshold' SLI of prometheus/v1"
            )
        return self


class _Indicator(OpenSloModel):
    spec: _IndicatorSpec
    metadata: Any = None


class _TimeWindow(OpenSloModel):
    duration: Annotated[str, AfterValidator(_check_fixed_length)]
    is_rolling: Annotated[bool, Field(alias="isRolling")] = True
    calendar: Any = None

    @model_validator(mode="after")
    def _check_rolling(self) -> Self:
        if self.calendar is not None or not self.is_rolling:
            raise ValueError(
                "calendar windows are not supported; use a rolling window with isRolling: true"
            )
        return self


class _Objective(OpenSloModel):
    target: openslo.Target | None = None
    target_percent: Annotated[Decimal | None, Field(alias="targetPercent")] = None
    display_name: Annotated[Any, Field(alias="displayName")] = None
    op: Any = None
    value: Any = None
    time_slice_target: Annotated[Any, Field(alias="timeSliceTarget")] = None
    time_slice_window: Annotated[Any, Field(alias="timeSliceWindow")] = None
    composite_weight: Annotated[Any, Field(alias="compositeWeight")] = None

    @model_validator(mode="after")
    def _check_single_target(self) -> Self:
        if (self.target is None) == (self.target_percent is None):
            raise ValueError("an objective has one target; write target or targetPercent")
        return self

    def compute_percent(self) -> Decimal | None:
        """Compute the objective as an exact percentage."""
        return self.target_percent if self.target is None else self.target * 100


class _Spec(OpenSloModel):
    service: str
    description: str = ""
    indicator: _Indicator | None = None
    indicator_ref: Annotated[str | None, Field(alias="indicatorRef")] = None
    budgeting_method: Annotated[
        str, AfterValidator(_check_budgeting_method), Field(alias="budgetingMethod")
    ]
    objectives: Annotated[list[_Objective], Field(min_length=1)]
    time_window: Annotated[
        list[_TimeWindow],
        AfterValidator(check_single_window),
        Field(alias="timeWindow", default_factory=list),
    ]
    alert_policies: Annotated[list[Any] | None, Field(alias="alertPolicies")] = None

    @model_validator(mode="after")
    def _check_indicator(self) -> Self:
        if self.indicator and self.indicator_ref:
            raise ValueError("both 'indicator' and 'indicatorRef'; remove one of them")
        if not self.indicator and not self.indicator_ref:
            raise ValueError("no indicator; add 'indicator', or 'indicatorRef' with a name")
        return self


class _Document(OpenSloEnvelope):
    spec: _Spec


class _IndicatorDocument(OpenSloEnvelope):
    spec: _IndicatorSpec


def read_document(
    document: Document, *, lenient: bool | None
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read one SLO for each objective; its name ends in the index of the objective."""
    openslo_document, problems = validate_document(document, _Document, lenient=lenient)
    if not openslo_document:
        return None, problems
    spec = openslo_document.spec
    indicator, problems = _find_indicator(document, spec, lenient=lenient)
    if not indicator or not indicator.ratio_metric:
        return None, problems
    sli = indicator.ratio_metric.build_sli()
    slos = [
        {
            "name": f"{openslo_document.metadata.name}-{index}",
            "description": spec.description,
            "objective": objective.compute_percent(),
            "sli": sli,
            "alerting": NO_ALERTS,
        }
        for index, objective in enumerate(spec.objectives)
    ]
    period = next((window.duration for window in spec.time_window), None)
    value = {"service": spec.service, "slos": slos, "period": period}
    to_location = _to_source_location if spec.indicator else _to_location_with_ref
    origin = SpecOrigin(API_VERSION, "openslo", to_source_location=to_location)
    located, problems = build_located_spec(document, value, origin)
    return located, [*problems, *_report_dropped_policies(document, spec)]


def _find_indicator(
    document: Document, spec: _Spec, *, lenient: bool | None
) -> tuple[_IndicatorSpec | None, list[Problem]]:
    """Find the indicator of an SLO: its own, or that of the SLI document that it names."""
    if spec.indicator:
        return spec.indicator.spec, []
    name = spec.indicator_ref or ""
    indicators = document.context.get(INDICATORS, {})
    found = indicators.get(name)
    if not found:
        position = document.find_position(("spec", "indicatorRef"))
        if name in indicators:
            message = f"the SLI {name!r} has an error and is left out"
            return None, [Problem(position, message, f"correct {name}")]
        hint = "add the file with this SLI to the command, or write it under 'indicator'"
        return None, [Problem(position, f"no document of kind SLI has the name {name!r}", hint)]
    read, problems = validate_document(
        replace(found, context=document.context), _IndicatorDocument, lenient=lenient
    )
    return read.spec if read else None, problems


def _report_dropped_policies(document: Document, spec: _Spec) -> list[Problem]:
    if not spec.alert_policies:
        return []
    position = document.find_position(("spec", "alertPolicies"))
    message = "alert policies are not supported; the SLO has no alerts"
    hint = "write the SLO as prometheus/v1 with 'alerting'"
    return [Problem(position, message, hint, ProblemSeverity.WARNING)]


def _to_location_with_ref(location: Location) -> Location:
    found = _to_source_location(location)
    return ("spec", "indicatorRef") if found == ("spec", "indicator") else found


def _to_source_location(location: Location) -> Location:
    match location:
        case ("slos", int(), "name", *_):
            return "metadata", "name"
        case ("slos", int(), "sli", *_):
            return "spec", "indicator"
        case ("slos", int() as index, "objective", *_):
            return "spec", "objectives", index, "target"
        case ("slos", int() as index, *_):
            return "spec", "objectives", index
        case ("period", *_):
            return "spec", "timeWindow", 0
    return "spec", *location
