"""Refusals to start a scenario. Pure."""

from exporter.load.config import ScenarioSettings, configured, refusal
from exporter.loadtest.result import Denial, Denied
from exporter.loadtest.settings import Load
from exporter.scenarios import scenario_modules
from slos.schema.contract import Scenario


def wanted(name: str, section: ScenarioSettings) -> tuple[Scenario, Load] | Denied:
    """Select a scenario by name with its settings, or return why it must not run."""
    if name not in {scenario.value for scenario in scenario_modules()}:
        known = ", ".join(scenario_modules())
        return Denied(Denial.UNKNOWN, f"there is no scenario {name!r}; there are {known}")
    scenario = Scenario(name)
    settings = configured(section).get(scenario)
    if settings is None:
        how = f"add scenarios: {{{name}: {{}}}} to the configuration"
        return Denied(Denial.UNKNOWN, f"the scenario {name} is not configured; {how}")
    why = refusal(section, settings)
    return Denied(Denial.REFUSED, f"{name}: {why}") if why else (scenario, settings)
