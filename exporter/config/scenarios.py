"""Section `scenarios` of the configuration, its safety limits and its checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, create_model

from exporter.fields import DurationField, Section, Share, in_unit
from exporter.loadtest.replica_usage import DEFAULT_QUERIES, ResourceColumn
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.validity import ValidityLimits, choose_lag_limits
from exporter.model.deadlines import Targets
from exporter.observers.linear.settings import LinearSettings
from exporter.scenarios import load_scenario_modules
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.yaml.document import Document

_LINEAR_HOST = "linear.app"
_MAX_EVENTS = 100_000
_DEFAULT_MAX_EVENTS = 50_000
_MAX_REAL_ISSUES = 10_000
_ISSUES_PER_EVENT = 2
"""Issues per event: an event whose function fails opens a second one."""


class ValiditySettings(Section):
    """Limits above which a run is `invalid`: the prober, and not agent-sre, was the bottleneck."""

    send_lag: DurationField | None = None
    """Limit of the p99 of the delay between intended and actual send. Default: 10ms, or 1% of the
    smallest latency target of the specs if that is less. Events at one time, which are sent one
    after the other, may have 1% of the smallest target in any case."""
    missed: Share = Decimal("0.001")
    """Share of the events that may be sent so late that they are `unknown`. Default 0.1%."""
    prober_cpu: float = Field(default=0.8, gt=0, le=64, json_schema_extra=in_unit("processors"))
    """CPU use of the prober while it sends. Default 0.8: it runs on one processor, and beyond 80%
    of it events wait for the prober."""
    in_flight: int = Field(default=5_000, ge=1, le=100_000, json_schema_extra=in_unit("events"))
    """Events in flight at which the load is stopped. Default 5000: each takes two sockets."""

    def to_limits(self, targets: Targets) -> ValidityLimits:
        """Return the limits, with the default of the send lag by the targets."""
        by_target, burst_lag = choose_lag_limits(
            {stage: float(target.seconds) for stage, target in targets.items()}
        )
        send_lag = by_target if self.send_lag is None else float(self.send_lag.seconds)
        return ValidityLimits(
            send_lag,
            max(send_lag, burst_lag),
            float(self.missed),
            self.prober_cpu,
            self.in_flight,
        )


class ScenarioSettings(Section):
    """Settings of all scenarios. A scenario without a section of its own cannot be run."""

    linear: Literal["real", "stand-in", "none"] = "real"
    """Linear in which agent-sre opens the issues of a load: the real one, a stand-in (the
    simulator), or none. Default real, the safe assumption. Before a load, the issue of one event
    must be found as configured."""
    real_issues: int = Field(
        default=100, ge=0, le=_MAX_REAL_ISSUES, json_schema_extra=in_unit("events")
    )
    """Maximum number of events of one run while `linear` is real: each event opens an issue, or two
    if its function fails. Default 100: one burst of the burst probe."""
    normal_failures: int = Field(default=5, ge=0, le=1000, json_schema_extra=in_unit("runs"))
    """Runs of the normal probes that may fail during a load before it is stopped. Default 5. Real
    alerts fail under the same conditions."""
    max_events: int = Field(
        default=_DEFAULT_MAX_EVENTS, ge=1, le=_MAX_EVENTS, json_schema_extra=in_unit("events")
    )
    """Maximum number of events of one run, for any scenario. Default 50000: the scenario sustained
    sends 39,600 in a day."""
    keep_results: int = Field(default=20, ge=1, le=1000, json_schema_extra=in_unit("results"))
    """Results to keep per scenario, next to the journal. Default 20; the newest result for each
    number of replicas is always kept."""
    resources: dict[ResourceColumn, str] = Field(default=dict(DEFAULT_QUERIES))
    """Query of Prometheus for each resource of the replicas during a run, with one series for each
    pod, for the result file. Default: the metrics of cAdvisor for the containers of agent-sre.
    Without `prometheus` nothing is queried."""
    validity: ValiditySettings = ValiditySettings()
    """Limits above which the prober was the bottleneck of a run."""


_KEYS: dict[str, Any] = {
    name: (each.Settings, None) for name, each in load_scenario_modules().items()
}
Scenarios: Any = create_model(
    "Scenarios",
    __base__=ScenarioSettings,
    __doc__=ScenarioSettings.__doc__,
    **_KEYS,
)


@dataclass(frozen=True, slots=True)
class ScenarioEnvironment:
    """Values from the rest of a configuration.

    Attributes:
        targets: latency targets of the specs.
        linear: settings of the Linear observer, where there is one.
        has_prometheus: whether a Prometheus is configured.
        keep_runs: runs that the journal keeps.
    """

    targets: Targets
    linear: Section | None
    has_prometheus: bool
    keep_runs: int


def list_configured(section: ScenarioSettings) -> dict[str, LoadSettings]:
    """List the settings of every scenario that may be run."""
    sections = {scenario: getattr(section, scenario) for scenario in load_scenario_modules()}
    return {scenario: settings for scenario, settings in sections.items() if settings is not None}


def find_stand_in_url(section: ScenarioSettings, linear: Section | None) -> str | None:
    """Find the endpoint of the stand-in for Linear; None if there is none."""
    settings = cast("LinearSettings | None", linear)
    return settings.url if settings and section.linear == "stand-in" else None


def explain_refusal(section: ScenarioSettings, settings: LoadSettings) -> str | None:
    """Explain why a scenario must not be run as it is configured; None if it may."""
    max_events = settings.count_max_events()
    if section.linear != "real" or max_events <= section.real_issues:
        return None
    return (
        f"it sends up to {max_events:,} events, each of which opens one or two issues in Linear, "
        f"and scenarios.real_issues allows {section.real_issues:,}; use the Linear simulator and "
        "set scenarios.linear: stand-in, or lower the load"
    )


def find_scenario_problems(
    section: ScenarioSettings, environment: ScenarioEnvironment, document: Document
) -> Iterable[Problem]:
    """Find the problems of the section, and warn of scenarios that will be refused."""
    for keys, message, hint in _find_findings(section, environment):
        place = ("scenarios", *keys)
        yield Problem(document.find_position(place), f"{'.'.join(place)}: {message}", hint)
    for scenario, settings in list_configured(section).items():
        if why := explain_refusal(section, settings):
            place = ("scenarios", scenario)
            text = f"{'.'.join(place)} will be refused: {why}"
            yield Problem(document.find_position(place), text, severity=ProblemSeverity.WARNING)


def _find_findings(
    section: ScenarioSettings, environment: ScenarioEnvironment
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    """Find mistakes, as keys, message and hint."""
    linear = cast("LinearSettings | None", environment.linear)
    yield from _check_linear(section, linear)
    for scenario, settings in list_configured(section).items():
        for key, message, hint in settings.find_problems(environment.targets):
            yield (scenario, key), message, hint
        yield from _check_event_counts(scenario, settings, section, environment)
        if (
            linear is not None
            and section.linear != "none"
            and not explain_refusal(section, settings)
        ):
            yield from _check_archiving(scenario, settings, linear.requests_per_hour)
        can_query = load_scenario_modules()[scenario].NEEDS_PROMETHEUS
        if can_query and settings.needs_prometheus() and not environment.has_prometheus:
            message = "the number of replicas is read from Prometheus, which is not configured"
            yield (scenario,), message, "add prometheus: {url: ...}"


def _check_linear(
    section: ScenarioSettings, linear: LinearSettings | None
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    if linear is None or section.linear == "real":
        return
    host = urlsplit(linear.url).hostname or ""
    if host == _LINEAR_HOST or host.endswith(f".{_LINEAR_HOST}"):
        message = f"linear is {section.linear}, but observers.linear.url is at {host}"
        yield ("linear",), message, "set observers.linear.url to the simulator, or set linear: real"


def _check_event_counts(
    scenario: str,
    settings: LoadSettings,
    section: ScenarioSettings,
    environment: ScenarioEnvironment,
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    max_events, keys = settings.count_max_events(), (scenario,)
    if max_events > section.max_events:
        message = f"it sends up to {max_events:,} events, but max_events is {section.max_events:,}"
        yield keys, message, "lower the load, or raise max_events"
    if max_events > environment.keep_runs:
        message = (
            f"it sends up to {max_events:,} events, "
            f"but the journal keeps {environment.keep_runs:,} runs"
        )
        yield keys, message, "raise journal.keep_runs"


def _check_archiving(
    scenario: str, settings: LoadSettings, requests_per_hour: int
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    max_issues = settings.count_events_per_hour() * _ISSUES_PER_EVENT
    if max_issues > requests_per_hour:
        message = (
            f"archiving up to {max_issues:,} issues at {requests_per_hour:,} requests per hour "
            "takes too long"
        )
        hint = "raise observers.linear.requests_per_hour; the simulator has no limit"
        yield (scenario,), message, hint
