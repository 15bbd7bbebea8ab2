"""Base model and field types of all models of a spec."""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    WithJsonSchema,
)

from slos.schema.compatibility import (
    OLDEST_VERSION,
    UTF8_VERSION,
    describe_classic_name,
    is_classic_grouping,
    is_classic_label,
    is_classic_metric,
)
from slos.schema.contract import Criterion
from slos.schema.golang import check_alert_text
from slos.schema.promql import (
    check_query,
    check_selector,
    check_template,
    check_windowed_template,
    is_equality_selector,
    is_metric_name,
)
from slos.schema.settings import check_setting_name
from slos.schema.units import DURATION_SCHEMA, SHARE_SCHEMA, Duration, is_zero_duration, parse_ratio
from slos.schema.yaml.scalars import WrittenMapping

Entry = TypeVar("Entry")

PROMETHEUS_VERSION = "prometheus_version"
"""Key of the validation context: major version of the Prometheus that a document is for."""
FULL_OBJECTIVE = "full_objective"
"""Key of the validation context: whether an objective may be 100 %, as in Sloth."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# Parts of a selector or of a call in place of a name.
_SELECTOR_PARTS = re.compile(r"[{}()\[\]]")


@dataclass(frozen=True, slots=True)
class DurationLimit:
    """Longest value of a duration, above which it is a mistake.

    Attributes:
        longest: the longest value.
        hint: what to do about a longer one.
    """

    longest: Duration
    hint: str

    def check(self, value: Duration) -> Duration:
        """Return a duration that is not above the limit.

        Raises:
            ValueError: it is.
        """
        if value > self.longest:
            raise ValueError(f"{value} is longer than {self.longest}; {self.hint}")
        return value


class SpecModel(BaseModel):
    """Base model of a mapping in a spec: unknown keys are refused, instances are immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True
    )


def _convert_scalar(value: Any, written: str | None = None) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Convert a scalar of labels to text; a number or boolean keeps its source text."""
    if written is not None:
        return written
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else value


def _convert_scalars(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        written = value.texts if isinstance(value, WrittenMapping) else {}
        each = ((key, item, *written.get(key, (None, None))) for key, item in value.items())
        return {
            _convert_scalar(key, key_text): _convert_scalar(item, item_text)
            for key, item, key_text, item_text in each
        }
    return {} if value is None else value


def check_unique(values: list[Entry]) -> list[Entry]:
    """Return a list when no entry is there twice.

    Raises:
        ValueError: one is.
    """
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{str(value)!r} is listed twice; remove one of them")
    return values


def _check_source_selector(selector: str) -> str:
    """Return a selector of sources: the beginning of a metric name, and values of labels.

    Raises:
        ValueError: it is not a selector, or has a matcher other than `=`.
    """
    if not is_equality_selector(selector):
        raise ValueError(
            f"{selector!r} is not the beginning of a metric name, with or without labels; write it "
            'like http_ or http_requests_total{code="500"}'
        )
    return selector


def check_criterion(value: Any, known: Sequence[str] = tuple(Criterion)) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a criterion that is known.

    Raises:
        ValueError: it is not.
    """
    if value not in known:
        close = difflib.get_close_matches(str(value), known, n=1)
        hint = f"did you mean {str(close[0])!r}?" if close else f"known: {', '.join(known)}"
        raise ValueError(f"unknown criterion {value!r}; {hint}")
    return value


def _check_setting_value(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a value of a setting that is a number or a text.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueErrors
            "should be a number or a text; a text may be in quotes"
        )
    return value


def _check_reason(reason: str) -> str:
    """Return a reason that is not blank.

    Raises:
        ValueError: it is blank.
    """
    if not reason.strip():
        raise ValueError("empty reason; explain why this is acceptable")
    return reason


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a name; start and end with a letter or digit, "
            "and use only letters, digits, '.', '_' and '-' between"
        )
    return value


def _check_annotation_name(value: str) -> str:
    if not is_classic_label(value):
        raise ValueError(
            f"{value!r} is not a label name; use letters, digits and '_', not starting with a digit"
        )
    return value


def _check_label_name(value: str) -> str:
    if value == "__name__":
        raise ValueError("'__name__' is the name of the metric; use another label")
    return _check_annotation_name(value)


def accepts_full_objective(info: ValidationInfo) -> bool:
    """Return whether the rules of a document may have an objective without an error budget."""
    return bool((info.context or {}).get(FULL_OBJECTIVE))


def read_prometheus_version(info: ValidationInfo) -> int:
    """Read the major version of Prometheus that a document is for."""
    return int((info.context or {}).get(PROMETHEUS_VERSION, OLDEST_VERSION))


def _validate_promql(check: Callable[[str, int], str]) -> AfterValidator:
    """Build a validator of PromQL that a version of Prometheus parses."""

    def validate(value: str, info: ValidationInfo) -> str:
        return check(value, read_prometheus_version(info))

    return AfterValidator(validate)


def _check_source_name(value: str, info: ValidationInfo) -> str:
    """Return the name of a metric that an SLI reads; Prometheus 3 has any text as name."""
    if is_classic_metric(value) or not _is_quotable(value):
        return _check_metric_name(value)
    return _check_utf8_name(value, info)


def _check_grouping_label(value: str, info: ValidationInfo) -> str:
    """Return a label that an SLI is grouped by; Prometheus 3 has any text as name."""
    if is_classic_grouping(value) or not _is_quotable(value):
        return _check_label_name(value)
    return _check_utf8_name(value, info)


def _is_quotable(name: str) -> bool:
    return name != "" and not _SELECTOR_PARTS.search(name)


def _check_utf8_name(name: str, info: ValidationInfo) -> str:
    if read_prometheus_version(info) < UTF8_VERSION:
        raise ValueError(f"the name {name!r} needs Prometheus 3; {describe_classic_name(name)}")
    return name


def _check_metric_name(value: str) -> str:
    if not is_classic_metric(value):
        raise ValueError(
            f"{value!r} is not a metric name; use letters, digits, '_' and ':', "
            "and put labels into 'selector'"
        )
    if not is_metric_name(value):
        raise ValueError(f"{value!r} is a keyword of PromQL; rename the metric")
    return value


def _parse_duration(value: Any) -> Duration:  # noqa: ANN401
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str | int | Decimal):
        raise ValueError("this is not a duration; write it like 30s, 5m, 1h30m or 28d")  # noqa: TRY004 - pydantic takes ValueError for a finding
    return Duration.parse(str(value))


def _parse_hold(value: Any) -> Duration:  # noqa: ANN401
    """Parse a duration that may be `0s`."""
    if isinstance(value, str | int) and is_zero_duration(str(value)):
        return Duration(0)
    return _parse_duration(value)


def _parse_share(value: Any) -> Decimal:  # noqa: ANN401
    if not isinstance(value, str | int | Decimal):
        raise ValueError("this is not a ratio; write it like 5% or 0.05")  # noqa: TRY004 - likewise
    return parse_ratio(value)


# JSON Schema for editors; the validators check more and have better messages.
_SCALAR_SCHEMA = {"type": ["string", "number", "boolean"]}
_TEXTS_SCHEMA = WithJsonSchema({"type": ["object", "null"], "additionalProperties": _SCALAR_SCHEMA})
_HOLD_SCHEMA = WithJsonSchema(
    {
        "type": ["string", "integer"],
        "pattern": r"^(0|([0-9]+(y|w|d|h|m|s|ms))+)$",
        "maximum": 0,
        "examples": ["2m", "0s"],
    }
)

PERIOD_LIMIT = DurationLimit(
    Duration.from_parts(days=366), "use a period of at most a year, like 28d or 90d"
)
SCRAPE_LIMIT = DurationLimit(
    Duration.from_parts(minutes=15), "scrape more often, as the windows of a page need two scrapes"
)
DELAY_LIMIT = DurationLimit(
    Duration.from_parts(hours=1), "use a shorter delay, as every alert fires that much later"
)
GAP_LIMIT = DurationLimit(
    Duration.from_parts(days=1), "use a shorter gap, as the rules read all samples of that time"
)
HOLD_LIMIT = DurationLimit(
    Duration.from_parts(days=7), "use a shorter time, as a restart of Prometheus can end it"
)

Name = Annotated[str, AfterValidator(_check_name)]
Reason = Annotated[str, AfterValidator(_check_reason)]
CriterionField = Annotated[Criterion, BeforeValidator(check_criterion)]
LabelName = Annotated[str, AfterValidator(_check_label_name)]
AnnotationName = Annotated[str, AfterValidator(_check_annotation_name)]
GroupingLabel = Annotated[str, AfterValidator(_check_grouping_label)]
"""Label that a query groups by."""
MetricName = Annotated[str, AfterValidator(_check_metric_name)]
SourceName = Annotated[str, AfterValidator(_check_source_name)]
"""Name of a metric that an SLI reads."""
SourceSelector = Annotated[str, AfterValidator(_check_source_selector)]
"""Beginning of a metric name, with values of labels."""
SettingName = Annotated[str, AfterValidator(check_setting_name)]
SettingValue = Annotated[Decimal | str, BeforeValidator(_check_setting_value)]
GroupingLabels = Annotated[list[GroupingLabel], AfterValidator(check_unique)]
Covers = Annotated[list[Name], AfterValidator(check_unique)]
Labels = Annotated[dict[LabelName, str], BeforeValidator(_convert_scalars), _TEXTS_SCHEMA]
ResultLabels = Annotated[dict[GroupingLabel, str], BeforeValidator(_convert_scalars), _TEXTS_SCHEMA]
"""Labels of the result of a query."""
AlertText = Annotated[str, AfterValidator(check_alert_text)]
AlertLabels = Annotated[
    dict[LabelName, AlertText], BeforeValidator(_convert_scalars), _TEXTS_SCHEMA
]
Annotations = Annotated[
    dict[AnnotationName, AlertText], BeforeValidator(_convert_scalars), _TEXTS_SCHEMA
]
Options = Annotated[dict[str, str], BeforeValidator(_convert_scalars), _TEXTS_SCHEMA]
DurationField = Annotated[
    Duration, BeforeValidator(_parse_duration), WithJsonSchema(DURATION_SCHEMA)
]
HoldField = Annotated[Duration, BeforeValidator(_parse_hold), _HOLD_SCHEMA]
"""Duration that may be 0."""
PeriodField = Annotated[DurationField, AfterValidator(PERIOD_LIMIT.check)]
ScrapeField = Annotated[DurationField, AfterValidator(SCRAPE_LIMIT.check)]
DelayField = Annotated[HoldField, AfterValidator(DELAY_LIMIT.check)]
GapField = Annotated[DurationField, AfterValidator(GAP_LIMIT.check)]
AlertHoldField = Annotated[HoldField, AfterValidator(HOLD_LIMIT.check)]
"""The `for` or `keep_firing_for` of an alert."""
Ratio = Annotated[Decimal, BeforeValidator(_parse_share), WithJsonSchema(SHARE_SCHEMA)]
Selector = Annotated[str, _validate_promql(check_selector)]
Query = Annotated[str, _validate_promql(check_template)]
PlainQuery = Annotated[str, _validate_promql(check_query)]
"""Query of a rule outside an SLO, which has no window."""
WindowedQuery = Annotated[str, _validate_promql(check_windowed_template)]
