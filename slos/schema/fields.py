"""Base model and field types of all models of a spec."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from slos.schema.golang import check_alert_text
from slos.schema.promql import (
    check_selector,
    check_template,
    check_windowed_template,
    is_metric,
)
from slos.schema.settings import setting_name
from slos.schema.units import Duration, parse_ratio
from slos.schema.yaml.scalars import Written

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# The classic rule, which Prometheus 2.x requires; only 3.x accepts any UTF-8.
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_AT_ALL = re.compile(r"0(?:ms|[smhdwy])?")
_METRIC_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


class Wire(BaseModel):
    """Base model of a mapping in a spec: unknown keys are refused, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _text_of_scalar(value: Any, written: str | None = None) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Convert a scalar of labels to text; a number or boolean keeps its source text."""
    if written is not None:
        return written
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else value


def _texts_of_scalars(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        written = value.texts if isinstance(value, Written) else {}
        each = ((key, item, *written.get(key, (None, None))) for key, item in value.items())
        return {
            _text_of_scalar(key, own): _text_of_scalar(item, text) for key, item, own, text in each
        }
    return {} if value is None else value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a name; start and end with a letter or digit, "
            "and use only letters, digits, '.', '_' and '-' between"
        )
    return value


def _label_name(value: str) -> str:
    if not _LABEL_NAME.fullmatch(value) or value.startswith("__"):
        raise ValueError(
            f"{value!r} is not a label name; use letters, digits and '_', "
            "not starting with a digit or '__'"
        )
    return value


def _metric_name(value: str) -> str:
    if not _METRIC_NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a metric name; use letters, digits, '_' and ':', "
            "and put labels into 'selector'"
        )
    if not is_metric(value):
        raise ValueError(f"{value!r} is a word of PromQL; no query can read such a metric")
    return value


def _duration(value: Any) -> Duration:  # noqa: ANN401
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str | int | Decimal):
        raise ValueError("this is not a duration; write it like 30s, 5m, 1h30m or 28d")  # noqa: TRY004 - pydantic takes ValueError for a finding
    return Duration.parse(str(value))


def _hold(value: Any) -> Duration:  # noqa: ANN401
    """Parse a duration that may be `0s`."""
    if isinstance(value, str | int) and _NOT_AT_ALL.fullmatch(str(value)):
        return Duration(0)
    return _duration(value)


def _share(value: Any) -> Decimal:  # noqa: ANN401
    if not isinstance(value, str | int | Decimal):
        raise ValueError("this is not a share; write it like 5% or 0.05")  # noqa: TRY004 - likewise
    return parse_ratio(value)


# JSON Schema for editors; the validators check more and have better messages.
_SCALAR = {"type": ["string", "number", "boolean"]}
_TEXTS = WithJsonSchema({"type": ["object", "null"], "additionalProperties": _SCALAR})
_LENGTH = WithJsonSchema(
    {"type": "string", "pattern": r"^([0-9]+(y|w|d|h|m|s|ms))+$", "examples": ["30s", "5m", "28d"]}
)
_LENGTH_OR_0 = WithJsonSchema(
    {
        "type": ["string", "integer"],
        "pattern": r"^(0|([0-9]+(y|w|d|h|m|s|ms))+)$",
        "maximum": 0,
        "examples": ["2m", "0s"],
    }
)
_SHARE = WithJsonSchema({"type": ["number", "string"], "pattern": r"%$", "examples": ["5%", 0.05]})

Name = Annotated[str, AfterValidator(_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
MetricName = Annotated[str, AfterValidator(_metric_name)]
SettingName = Annotated[str, AfterValidator(setting_name)]
Covers = list[Name]
Labels = Annotated[dict[LabelName, str], BeforeValidator(_texts_of_scalars), _TEXTS]
AlertText = Annotated[str, AfterValidator(check_alert_text)]
AlertLabels = Annotated[dict[LabelName, AlertText], BeforeValidator(_texts_of_scalars), _TEXTS]
Annotations = Annotated[dict[LabelName, AlertText], BeforeValidator(_texts_of_scalars), _TEXTS]
Options = Annotated[dict[str, str], BeforeValidator(_texts_of_scalars), _TEXTS]
DurationField = Annotated[Duration, BeforeValidator(_duration), _LENGTH]
HoldField = Annotated[Duration, BeforeValidator(_hold), _LENGTH_OR_0]
"""The `for` or `keep_firing_for` of an alert; may be 0."""
Ratio = Annotated[Decimal, BeforeValidator(_share), _SHARE]
Selector = Annotated[str, AfterValidator(check_selector)]
Query = Annotated[str, AfterValidator(check_template)]
WindowedQuery = Annotated[str, AfterValidator(check_windowed_template)]
