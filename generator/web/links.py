"""Links of the pages: to SLOs, and to other programs."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode, urlsplit

from generator import names
from generator.clients.slo_status import Labels


def build_slo_query(source: str, labels: Labels, others: Iterable[Labels]) -> str:
    """Build the query string that identifies an SLO.

    Ids are parameters, as `..` or a slash in a path would be another path. Labels are added where
    several SLOs of a source share the id.

    Args:
        source: name of the source.
        labels: labels of the SLO.
        others: labels of all SLOs of the source with this id.
    """
    slo_id = labels.get(names.ID, "")
    differing = sorted(
        name for name in labels if any(other.get(name) != labels[name] for other in others)
    )
    pairs = [("source", source), ("id", slo_id)]
    return urlencode([*pairs, *(("label", f"{name}={labels[name]}") for name in differing)])


def build_prometheus_link(url: str, query: str, range_: str) -> str:
    """Build the link to a graph of Prometheus."""
    return f"{url.rstrip('/')}/graph?" + urlencode(
        {"g0.expr": query, "g0.tab": "0", "g0.range_input": range_}
    )


def build_grafana_link(url: str, labels: Labels) -> str:
    """Build the link to the dashboard of an SLO."""
    variables = {
        "var-service": labels.get(names.SERVICE, ""),
        "var-slo": labels.get(names.ID, ""),
    }
    return f"{url.rstrip('/')}/d/slo-detail?{urlencode(variables)}"


def check_link(url: str) -> str:
    """Return the URL of a label if it is a web address; any other scheme might run a script."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def format_query(parameters: Mapping[str, str]) -> str:
    """Format parameters, without those that are empty."""
    return urlencode({name: value for name, value in parameters.items() if value}, quote_via=quote)
