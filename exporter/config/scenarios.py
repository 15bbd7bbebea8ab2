"""Section `scenarios` of the configuration, its safety limits and its checks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, create_model

from exporter.fields import Section
from exporter.loadtest.settings import Load
from exporter.model.deadlines import Targets
from exporter.observers.linear.settings import LinearSettings
from exporter.scenarios import scenario_modules
from slos.schema.contract import Scenario
from slos.schema.problem import Problem, Severity
from slos.schema.yaml.document import Document

_LINEAR = "linear.app"
_MOST = 10_000
"""Most events of one run; twice that is what the reconciler keeps in memory."""
_ISSUES_EACH = 2
"""Issues per event: an event whose function fails opens a second one."""


class ScenarioSettings(Section):
    """Settings of all scenarios. A scenario without a section of its own cannot be run."""

    linear: Literal["real", "stand-in", "none"] = "real"
    """Where agent-sre opens the issues of a load: at Linear itself (real), at a stand-in, or it
    opens none. Default real: nothing else may be assumed. Before a load, the issue of one event
    must show where it should."""
    real_issues: int = Field(default=100, ge=0, le=_MOST)
    """The most events of one run while `linear` is real, for each opens an issue, and one whose
    function fails a second. Default 100: one burst, as the probes send it."""
    normal_failures: int = Field(default=5, ge=0, le=1000)
    """Runs of the normal probes, sent during a load, that may fail before it is stopped at once.
    Default 5: what real alerts meet as well, for as long as it goes on."""
    max_events: int = Field(default=_MOST, ge=1, le=_MOST)
    """The most events of one run, whatever a scenario plans. Default 10000."""
    keep_results: int = Field(default=20, ge=1, le=1000)
    """Results of each scenario to keep, beside the journal. Default 20; the newest of each number
    of replicas stays in any case."""


_KEYS: dict[str, Any] = {
    name.value: (each.Settings, None) for name, each in scenario_modules().items()
}
Scenarios: Any = create_model(
    "Scenarios",
    __base__=ScenarioSettings,
    **_KEYS,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Values from the rest of a configuration.

    Attributes:
        targets: latency targets of the specs.
        linear: settings of the Linear observer, where there is one.
        prometheus: whether a Prometheus is configured.
        keep_runs: runs that the journal keeps.
    """

    targets: Targets
    linear: Section | None
    prometheus: bool
    keep_runs: int


def configured(section: ScenarioSettings) -> dict[Scenario, Load]:
    """List the settings of every scenario that may be run."""
    given = {scenario: getattr(section, scenario.value) for scenario in scenario_modules()}
    return {scenario: settings for scenario, settings in given.items() if settings is not None}


def refusal(section: ScenarioSettings, settings: Load) -> str | None:
    """Explain why a scenario must not be run as it is configured; None if it may."""
    most = settings.most_events()
    if section.linear != "real" or most <= section.real_issues:
        return None
    return (
        f"it sends up to {most:,} events, each opens an issue or two at Linear itself, and "
        f"scenarios.real_issues allows {section.real_issues:,}; let a stand-in serve Linear and "
        "set scenarios.linear: stand-in, or lower the load"
    )


def scenario_problems(
    section: ScenarioSettings, around: Surroundings, document: Document
) -> Iterable[Problem]:
    """Find the problems of the section, and warn of scenarios that will be refused."""
    for keys, message, hint in _findings(section, around):
        place = ("scenarios", *keys)
        yield Problem(document.at(place), f"{'.'.join(place)}: {message}", hint)
    for scenario, settings in configured(section).items():
        if why := refusal(section, settings):
            place = ("scenarios", scenario.value)
            text = f"{'.'.join(place)} will be refused: {why}"
            yield Problem(document.at(place), text, severity=Severity.WARNING)


def _findings(
    section: ScenarioSettings, around: Surroundings
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    """Find mistakes, as keys, message and hint."""
    linear = cast("LinearSettings | None", around.linear)
    yield from _of_linear(section, linear)
    for scenario, settings in configured(section).items():
        for key, message, hint in settings.findings(around.targets):
            yield (scenario.value, key), message, hint
        yield from _of_numbers(scenario, settings, section, around)
        if linear is not None and section.linear != "none" and not refusal(section, settings):
            yield from _of_archiving(scenario, settings, linear.requests_per_hour)
    if Scenario.SCALABILITY in configured(section) and not around.prometheus:
        message = "only Prometheus knows how many replicas there are, and none is configured"
        yield (Scenario.SCALABILITY.value,), message, "add prometheus: {url: ...}"


def _of_linear(
    section: ScenarioSettings, linear: LinearSettings | None
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    if linear is None or section.linear == "real":
        return
    host = urlsplit(linear.url).hostname or ""
    if host == _LINEAR or host.endswith(f".{_LINEAR}"):
        message = f"linear is said to be {section.linear}, but observers.linear asks {host}"
        yield ("linear",), message, "name the stand-in in observers.linear.url, or set linear: real"


def _of_numbers(
    scenario: Scenario, settings: Load, section: ScenarioSettings, around: Surroundings
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    most, keys = settings.most_events(), (scenario.value,)
    if most > section.max_events:
        message = f"it sends up to {most:,} events, and max_events is {section.max_events:,}"
        yield keys, message, "lower the load, or raise max_events"
    if most > around.keep_runs:
        message = f"it sends up to {most:,} events, and the journal keeps {around.keep_runs:,} runs"
        yield keys, message, "raise journal.keep_runs"


def _of_archiving(
    scenario: Scenario, settings: Load, allowed: int
) -> Iterable[tuple[tuple[str, ...], str, str]]:
    most = settings.most_events() * _ISSUES_EACH
    if most > allowed:
        message = f"archiving up to {most:,} issues at {allowed:,} requests an hour takes too long"
        hint = "raise observers.linear.requests_per_hour; a stand-in has no limit"
        yield (scenario.value,), message, hint
