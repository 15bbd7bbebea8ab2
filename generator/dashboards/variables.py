"""The variables of dashboards: data source, service, SLO, and the values of labels."""

from collections.abc import Iterable, Iterator

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from generator import names, panels
from generator.dashboards.facts import Facts
from generator.dashboards.parts import SOURCE

_UID = "prometheus"
_ALL = VariableOption(selected=True, text="All", value="$__all")
# Of a series without the label, `.*` takes the nothing that it has.
_ANY = ".*"


def source() -> dashboard.DatasourceVariable:
    """Which Prometheus; at first the one whose uid is the custom of the cluster."""
    current = VariableOption(selected=True, text=_UID, value=_UID)
    variable = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.current(current)


def service() -> dashboard.QueryVariable:
    """Any number of services that have SLOs, or alerts of their own."""
    # Sloth's own rules have the former only.
    either = f'{{__name__=~"{names.OBJECTIVE}|{names.ALERT_INFO}"}}'
    return several("service", f"label_values({either}, {names.SERVICE})")


def service_with_slos() -> dashboard.QueryVariable:
    """Any number of services of which each has an SLO to choose."""
    return several("service", f"label_values({names.OBJECTIVE}, {names.SERVICE})")


def slo() -> dashboard.QueryVariable:
    """One SLO of the services."""
    series = f'{names.OBJECTIVE}{{{names.SERVICE}=~"$service"}}'
    return _query("slo", f"label_values({series}, {names.ID})").label("SLO")


def run_labels(facts: Facts, *, one: bool) -> Iterator[dashboard.QueryVariable]:
    """The labels of the run: of one SLO one value, of several any."""
    for label in facts.run_labels:
        name, query = panels.variable(label), f"label_values({names.OBJECTIVE}, {label})"
        yield (_query(name, query) if one else several(name, query)).label(label)


def grouping(facts: Facts) -> Iterator[dashboard.QueryVariable]:
    """The labels that split SLOs; an SLO that has none of them has no values."""
    for label in facts.grouping:
        series = f'{names.CURRENT_BURN_RATE}{{{names.ID}="$slo"}}'
        name = panels.variable(label)
        yield several(name, f"label_values({series}, {label})").label(label)


def several(name: str, query: str) -> dashboard.QueryVariable:
    """Any number of values, at first all."""
    variable = _query(name, query).multi(multi=True).include_all(include_all=True)
    return variable.all_value(_ANY).current(_ALL)


def add(
    board: dashboard.Dashboard,
    variables: Iterable[dashboard.QueryVariable | dashboard.DatasourceVariable],
) -> None:
    """Put variables into a dashboard, in this order."""
    for variable in variables:
        board.with_variable(variable)


def _query(name: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(name.capitalize()).query(query)
    variable.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC)
