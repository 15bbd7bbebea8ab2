"""Variables of dashboards: data source, service, SLO, and values of labels."""

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
# Matches series without the label as well.
_ANY = ".*"


def source() -> dashboard.DatasourceVariable:
    """Build the variable of the Prometheus data source.

    The default is the usual uid of the cluster.
    """
    current = VariableOption(selected=True, text=_UID, value=_UID)
    variable = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.current(current)


def service() -> dashboard.QueryVariable:
    """Build the variable of services with SLOs or standalone alerts; several may be selected."""
    # The rules of the sloth profile record only the first of these metrics.
    either = f'{{__name__=~"{names.OBJECTIVE}|{names.ALERT_INFO}"}}'
    return several("service", f"label_values({either}, {names.SERVICE})")


def service_with_slos() -> dashboard.QueryVariable:
    """Build the variable of services that have SLOs; several may be selected."""
    return several("service", f"label_values({names.OBJECTIVE}, {names.SERVICE})")


def slo() -> dashboard.QueryVariable:
    """Build the variable of one SLO of the services."""
    series = f'{names.OBJECTIVE}{{{names.SERVICE}=~"$service"}}'
    return _query("slo", f"label_values({series}, {names.ID})").label("SLO")


def run_labels(facts: Facts, *, one: bool) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label of the run, of a single value or of several."""
    for label in facts.run_labels:
        name, query = panels.variable(label), f"label_values({names.OBJECTIVE}, {label})"
        yield (_query(name, query) if one else several(name, query)).label(label)


def grouping(facts: Facts) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label that splits SLOs; it is empty for an SLO without them."""
    for label in facts.grouping:
        series = f'{names.CURRENT_BURN_RATE}{{{names.ID}="$slo"}}'
        name = panels.variable(label)
        yield several(name, f"label_values({series}, {label})").label(label)


def several(name: str, query: str) -> dashboard.QueryVariable:
    """Build a variable with several values, at first all."""
    variable = _query(name, query).multi(multi=True).include_all(include_all=True)
    return variable.all_value(_ANY).current(_ALL)


def add(
    board: dashboard.Dashboard,
    variables: Iterable[dashboard.QueryVariable | dashboard.DatasourceVariable],
) -> None:
    """Add variables to a dashboard, in this order."""
    for variable in variables:
        board.with_variable(variable)


def _query(name: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(name.capitalize()).query(query)
    variable.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC)
