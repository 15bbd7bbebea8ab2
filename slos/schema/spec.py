"""Models of a spec, and of a spec with the place it was read from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    model_validator,
)

from slos.schema.accepted import AcceptedList
from slos.schema.alerting import Alerting, NoDataAlertSpec, Silence
from slos.schema.fields import (
    AlertText,
    Covers,
    CriterionField,
    DelayField,
    GapField,
    Labels,
    Name,
    PeriodField,
    ScrapeField,
    Selector,
    SettingName,
    SettingValue,
    SourceSelector,
    SpecModel,
    accepts_full_objective,
)
from slos.schema.problem import Position, Problem, respell_keys
from slos.schema.runbook import ServiceRunbook
from slos.schema.sli import load_sli_types
from slos.schema.sli_signal import SliType
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.yaml.document import Document, Location

_FULL = 100


def _parse_objective(value: Any, info: ValidationInfo) -> Decimal:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        text = repr(value) if isinstance(value, str) else "this"
        raise ValueError(f"{text} is not an objective; write a percentage like 99.9")  # noqa: TRY004 - pydantic takes ValueError for a finding
    objective = Decimal(value)
    is_full = objective == _FULL and accepts_full_objective(info)
    if not objective.is_finite() or not (0 < objective < _FULL or is_full):
        raise ValueError(
            f"{value} is not a valid objective; use a percentage above 0 and below 100, as 100 "
            "leaves no error budget"
        )
    return objective


class _SliModel(SpecModel):
    """Exactly one SLI type under `sli:`."""

    @model_validator(mode="after")
    def _check_single_type(self) -> Self:
        keys = [key for key in load_sli_types() if getattr(self, key) is not None]
        if len(keys) != 1:
            raise ValueError(
                f"an SLI has exactly one type, found {' and '.join(keys) or 'none'}; "
                f"known types: {', '.join(load_sli_types())}"
            )
        return self

    def get_type(self) -> SliType:
        """Return the SLI type that is set."""
        sli_values: list[SliType | None] = [getattr(self, key) for key in load_sli_types()]
        return next(sli_type for sli_type in sli_values if sli_type is not None)


if TYPE_CHECKING:
    Sli = _SliModel
else:
    Sli = create_model(
        "Sli",
        __base__=_SliModel,
        **{key: (kind | None, None) for key, kind in load_sli_types().items()},
    )


class PluginUse(SpecModel):
    """One entry of Sloth's plugin chain."""

    id: str
    """Id of the plugin in Sloth."""
    config: Any = None
    """Configuration of the plugin; the plugin defines its keys."""
    priority: int = 0
    """Priority of the plugin; plugins with lower numbers run first."""


class PluginChain(SpecModel):
    """Plugin chain of Sloth. The spelling of `overridePrevious` is that of Sloth."""

    override_previous: Annotated[StrictBool, Field(alias="overridePrevious")] = False
    """Drop the plugins of outer levels, such as the document or the command line."""
    chain: list[PluginUse] = Field(default_factory=list)
    """Plugins; those of equal priority run in this order."""


class SloSpec(SpecModel):
    """SLO of a document."""

    name: Name
    """Name of the SLO, unique in its service. The id of the SLO is `<service>-<name>`."""
    description: str = ""
    """Description of the objective; alerts quote it."""
    objective: Annotated[
        Decimal,
        BeforeValidator(_parse_objective),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
    ]
    """Percentage of events that must be good."""
    period: PeriodField | None = None
    """Ours: period of the error budget. Default: `period` of the document, then the option."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the informational series, such as the objective and the remaining budget."""
    plugins: PluginChain | None = None
    """SLO plugins of Sloth, for the sloth profile."""
    covers: Covers = Field(default_factory=list)
    """Ours: ids of the requirements that this SLO covers."""
    expected_events: Annotated[int | None, Field(ge=1)] = None
    """Ours: approximate number of events in a period. Checks compare the objective with it."""
    silence: list[Silence] = Field(default_factory=list)
    """Ours: checks that are silenced for this SLO, with the reason."""
    sli: Sli
    """Service level indicator: the definition of good and bad events."""
    alerting: Alerting
    """Alerts of the SLO."""


class Requirement(SpecModel):
    """Ours: requirement that SLOs and alerts refer to by `covers`.

    Attributes:
        id: id of the requirement, as `covers` refers to it.
        says: text of the requirement.
        validated_by: test scenario that validates a requirement without continuous monitoring.
        report: section of the load test report that documents it.
        criteria: criteria of checks that it needs, if they have other names than its id.
    """

    id: Name
    says: Annotated[str, Field(min_length=1)]
    validated_by: str = ""
    report: str = ""
    criteria: list[CriterionField] = Field(default_factory=list)


class Spec(SpecModel):
    """Document with the SLOs, alerts and recordings of one service."""

    version: Literal["prometheus/v1"]
    """Version of the format."""
    service: Name
    """Name of the service that the SLOs belong to."""
    labels: Labels = Field(default_factory=dict)
    """Default labels of every SLO in the document."""
    slo_plugins: PluginChain | None = None
    """SLO plugins of Sloth for every SLO in the document, for the sloth profile."""
    period: PeriodField | None = None
    """Ours: default period of the SLOs in the document."""
    scrape_interval: ScrapeField | None = None
    """Ours: scrape interval of the metrics that the document reads; at most `15m`."""
    delay: DelayField | None = None
    """Ours: time by which the samples of the metrics arrive late, as with remote write. Everything
    is read that much later, pages included. At most `1h`."""
    max_gap: GapField | None = None
    """Ours: longest gap between two scrapes across which events are counted; `1h` by default, at
    most `1d`."""
    runbook_url_prefix: AlertText | None = None
    """Ours: URL of the runbooks. The runbook of an alert is `<prefix>/<alert-name>.md`."""
    dashboard_url: AlertText | None = None
    """Ours: URL of the dashboard that alerts link to; `var-slo=<id>` is appended."""
    runbook: ServiceRunbook | None = None
    """Ours: runbook texts of the service, for the pages of all its alerts."""
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)
    """Ours: numbers and texts that queries, texts and examples of the document use as
    `{{.name}}`."""
    slos: list[SloSpec] = Field(default_factory=list)
    """SLOs of the service."""
    recordings: list[StandaloneRecording] = Field(default_factory=list)
    """Ours: recording rules for SLOs, alerts and dashboards."""
    alerts: list[StandaloneAlert] = Field(default_factory=list)
    """Ours: alerts that do not belong to an SLO."""
    no_data_alert: NoDataAlertSpec | None = None
    """Ours: one alert on missing data in place of those of the SLOs. `absent_alert: {disable:
    true}` leaves an SLO out of it."""
    requirements: list[Requirement] = Field(default_factory=list)
    """Ours: requirements that SLOs and alerts cover."""
    sources: dict[SourceSelector, str] = Field(default_factory=dict)
    """Ours: origin of metrics and how often they get data, by the prefix of the metric name. Labels
    in braces, like `runs_total{probe="burst_10"}`, are for queries that select them."""
    also_about: list[Selector] = Field(default_factory=list)
    """Ours: label matchers of other alerts that are routed like the alerts of this document."""
    accepted: AcceptedList = Field(default_factory=list)
    """Ours: criteria whose checks are known to fail. slo-probe counts them as accepted, not as
    failed."""
    silence: list[Silence] = Field(default_factory=list)
    """Ours: checks that are silenced for the whole document, with the reason."""

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        rules = self.slos or self.recordings or self.alerts
        if not (rules or self.requirements or self.accepted):
            raise ValueError("empty spec: 'slos' is missing or empty; add at least one SLO")
        return self


@dataclass(frozen=True, slots=True)
class ObjectMeta:
    """The metadata of the Kubernetes object that a spec was read from."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def _keep_location(location: Location) -> Location:
    return location


@dataclass(frozen=True, slots=True)
class SpecOrigin:
    """The dialect that a spec was written in.

    Attributes:
        dialect: the value of Sloth's label `sloth_spec`.
        mode: the value of Sloth's label `sloth_mode`, without the mode of the command.
        meta: the metadata of the Kubernetes object, if it was one.
        to_source_location: converts the location of a key in our spec to its location in the
            document.
        has_ratio_objective: the objective was written as a ratio, not as a percentage.
        key_spellings: the keys of the dialect for those of our spec that have other names there.
    """

    dialect: str = "prometheus/v1"
    mode: str = "prom"
    meta: ObjectMeta | None = None
    to_source_location: Callable[[Location], Location] = _keep_location
    has_ratio_objective: bool = False
    key_spellings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocatedSpec:
    """A spec with its document and its dialect."""

    spec: Spec
    document: Document
    origin: SpecOrigin = SpecOrigin()

    def find_position(self, location: Location) -> Position:
        """Find the position in the file of a key of our spec."""
        return self.document.find_position(self.origin.to_source_location(location))

    def respell_keys(self, problems: Iterable[Problem]) -> list[Problem]:
        """Write the keys in problems as the dialect has them."""
        return [respell_keys(problem, self.origin.key_spellings) for problem in problems]
