"""Models of a spec, and of a spec with the place it was read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    WithJsonSchema,
    create_model,
    model_validator,
)

from slos.schema.alerting import Alerting, Silence
from slos.schema.fields import (
    AlertText,
    Covers,
    DurationField,
    Labels,
    Name,
    Selector,
    SettingName,
    SpecModel,
)
from slos.schema.problem import Position
from slos.schema.runbook import ServiceRunbook
from slos.schema.sli import load_sli_types
from slos.schema.sli_signal import SliType
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.yaml.document import Document, Location


def _parse_objective(value: Any) -> Decimal:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        text = repr(value) if isinstance(value, str) else "this"
        raise ValueError(f"{text} is not an objective; write a percentage like 99.9")  # noqa: TRY004 - pydantic takes ValueError for a finding
    objective = Decimal(value)
    if not objective.is_finite() or not 0 < objective < 100:  # noqa: PLR2004 - percent
        raise ValueError(
            f"{value} is out of reach; an objective lies above 0 and below 100, "
            "for 100 % leaves no error budget and 0 % promises nothing"
        )
    return objective


class _SliModel(SpecModel):
    """Exactly one SLI type under `sli:`."""

    @model_validator(mode="after")
    def _check_single_type(self) -> Self:
        keys = [key for key in load_sli_types() if getattr(self, key) is not None]
        if len(keys) != 1:
            raise ValueError(
                f"an SLI has exactly one type, here it has {' and '.join(keys) or 'none'}; "
                f"known here: {', '.join(load_sli_types())}"
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
    """Its name, as Sloth has it."""
    config: Any = None
    """What it is told; the plugin says what that may be."""
    priority: int = 0
    """Lower ones come first."""


class PluginChain(SpecModel):
    """Sloth's `slo_plugins`; the odd spelling of `overridePrevious` is Sloth's."""

    override_previous: Annotated[StrictBool, Field(alias="overridePrevious")] = False
    """Leave out the plugins of everything around it."""
    chain: list[PluginUse] = Field(default_factory=list)
    """The plugins, in order within a priority."""


class SloSpec(SpecModel):
    """One SLO as written."""

    name: Name
    """Unique in its service; the id is `<service>-<name>`."""
    description: str = ""
    """The promise in words; alerts quote it."""
    objective: Annotated[
        Decimal,
        BeforeValidator(_parse_objective),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
    ]
    """How many percent of the events must be good."""
    period: DurationField | None = None
    """Ours: the budget's period; without it the spec's, then the run's."""
    labels: Labels = Field(default_factory=dict)
    """Added to the series that people read, and to nothing that counts."""
    plugins: PluginChain | None = None
    """Sloth's SLO plugins, for the sloth profile."""
    covers: Covers = Field(default_factory=list)
    """Ours: the requirements this SLO keeps watch over."""
    expected_events: Annotated[int | None, Field(ge=1)] = None
    """Ours: about how many events a period has, so that too tight an objective is noticed."""
    silence: list[Silence] = Field(default_factory=list)
    """Ours: checks that are not to speak up about this SLO, with the reason."""
    sli: Sli
    """What is counted."""
    alerting: Alerting
    """Who is told when."""


class Requirement(SpecModel):
    """Ours: one line of what was asked for; SLOs and alerts say which lines they cover.

    Attributes:
        id: what `covers` names it by.
        says: the line, as it was asked.
        validated_by: where it cannot be watched continuously: the scenario that validates it.
    """

    id: Name
    says: Annotated[str, Field(min_length=1)]
    validated_by: str = ""


class Spec(SpecModel):
    """One document: the SLOs of one service, and what else is watched."""

    version: Literal["prometheus/v1"]
    """The kind of document."""
    service: Name
    """Whose promises these are."""
    labels: Labels = Field(default_factory=dict)
    """Those of every SLO here that does not say otherwise."""
    slo_plugins: PluginChain | None = None
    """Sloth's SLO plugins for every SLO here, for the sloth profile."""
    period: DurationField | None = None
    """Ours: the period of every SLO here that has none of its own."""
    scrape_interval: DurationField | None = None
    """Ours: how often the metrics behind these SLOs are scraped."""
    runbook_url_prefix: AlertText | None = None
    """Ours: where the runbooks are; an alert's page is `<prefix>/<alert-name>.md`."""
    dashboard_url: AlertText | None = None
    """Ours: the dashboard that alerts link to; `var-slo=<id>` is added to it."""
    runbook: ServiceRunbook | None = None
    """Ours: what people know of the service, for the pages of all its alerts."""
    settings: dict[SettingName, Decimal] = Field(default_factory=dict)
    """Ours: numbers that queries, texts and examples of this spec name as `{{.name}}`."""
    slos: list[SloSpec] = Field(default_factory=list)
    """The promises."""
    recordings: list[StandaloneRecording] = Field(default_factory=list)
    """Ours: series that are recorded for SLOs, alerts and people."""
    alerts: list[StandaloneAlert] = Field(default_factory=list)
    """Ours: alerts on anything that is no promise with a budget."""
    requirements: list[Requirement] = Field(default_factory=list)
    """Ours: what was asked for, line by line."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Ours: where metrics come from, by the start of their names."""
    also_about: list[Selector] = Field(default_factory=list)
    """Ours: labels of others' alerts about this service, which are routed like those built here."""
    silence: list[Silence] = Field(default_factory=list)
    """Ours: checks that are not to speak up about anything in this spec, with the reason."""

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not (self.slos or self.recordings or self.alerts or self.requirements):
            raise ValueError(
                "the spec watches nothing: 'slos' is missing or empty; write at least one SLO"
            )
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
        to_source_location: converts the location of a key in our spec to its location in the document.
        has_ratio_objective: the objective was written as a ratio, not as a percentage.
    """

    dialect: str = "prometheus/v1"
    mode: str = "prom"
    meta: ObjectMeta | None = None
    to_source_location: Callable[[Location], Location] = _keep_location
    has_ratio_objective: bool = False


@dataclass(frozen=True, slots=True)
class LocatedSpec:
    """A spec with its document and its dialect."""

    spec: Spec
    document: Document
    origin: SpecOrigin = SpecOrigin()

    def find_position(self, location: Location) -> Position:
        """Find the position in the file of a key of our spec."""
        return self.document.find_position(self.origin.to_source_location(location))
