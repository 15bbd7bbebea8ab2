"""Names of generated metrics, labels, groups and pages, and the selectors made of them.

`slo:*` and `sloth_*` are Sloth's names, so that its dashboards work; those of the tiers are ours.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from generator.model import SLO
from slos.schema.promql import format_label_set, format_selector
from slos.schema.units import Duration

ID, SERVICE, SLO_NAME = "sloth_id", "sloth_service", "sloth_slo"
IDENTITY = (ID, SERVICE, SLO_NAME)
WINDOW = "sloth_window"
RESERVED = (*IDENTITY, WINDOW)
SLOTH_SEVERITY = "sloth_severity"
SEVERITY = "severity"
QUANTILE = "quantile"
# The three that VAL-008 requires.
QUANTILES = ("0.5", "0.95", "0.99")
# The index page. On file systems that ignore case, `readme.md` and `README.md` are one file.
_INDEX_PAGE = "readme"
_LONGEST_PAGE = 200

OBJECTIVE = "slo:objective:ratio"
ERROR_BUDGET = "slo:error_budget:ratio"
PERIOD_DAYS = "slo:time_period:days"
CURRENT_BURN_RATE = "slo:current_burn_rate:ratio"
PERIOD_BURN_RATE = "slo:period_burn_rate:ratio"
BUDGET_REMAINING = "slo:period_error_budget_remaining:ratio"
INFO = "sloth_slo_info"
PERIOD_EVENTS = "slo:period_events:total"
PERIOD_ERRORS = "slo:period_events:errors"
PERIOD_EVENTS_REMAINING = "slo:period_events:remaining"
PERIOD_COVERAGE = "slo:period_coverage:ratio"
LATENCY_TARGET = "slo:sli_latency:target"
BURN_THRESHOLD = "slo:alert_burn_rate:threshold"
ALERT_INFO = "slo:alert:info"
ALERTS, ALERT, SHORT_WINDOW, RUNBOOK_URL = "ALERTS", "alertname", "short_window", "runbook_url"

_ERROR_RATIO, _LATENCY = "slo:sli_error:ratio_rate", "slo:sli_latency:quantile_rate"
MetricNamer = Callable[[Duration], str]
"""Makes the name of a count metric from the step of its tier."""


def name_errors(step: Duration) -> str:
    """Metric of the errors counted in each step."""
    return f"slo:sli_errors:sum{step}"


def name_total(step: Duration) -> str:
    """Metric of all events counted in each step."""
    return f"slo:sli_total:sum{step}"


def name_coverage(period: Duration) -> str:
    """Metric of the share of the period that has been recorded, in each coarse step."""
    return f"slo:sli_coverage:ratio{period}"


def name_error_ratio(window: Duration) -> str:
    """Metric of the error ratio over a window."""
    return f"{_ERROR_RATIO}{window}"


def build_error_ratio_pattern() -> str:
    """Matches the names of all windows."""
    return f"{_ERROR_RATIO}.+"


def read_error_ratio_window(metric: str) -> Duration | None:
    """Window of an error ratio, from the name of its metric; None of another metric."""
    if not metric.startswith(_ERROR_RATIO):
        return None
    try:
        return Duration.parse(metric.removeprefix(_ERROR_RATIO))
    except ValueError:
        return None


def name_latency_quantile(window: Duration) -> str:
    """Metric of the latency quantiles over a window.

    Values are in the unit of the histogram; the label `quantile` names the quantile.
    """
    return f"{_LATENCY}{window}"


def build_latency_pattern() -> str:
    """Matches the names of all windows."""
    return f"{_LATENCY}.+"


def build_identity_labels(slo: SLO) -> dict[str, str]:
    """Labels that identify an SLO among those of all runs, with its service and name."""
    return {**build_key_labels(slo), SERVICE: slo.service, SLO_NAME: slo.name}


def build_key_labels(slo: SLO) -> dict[str, str]:
    """Fewest labels that identify an SLO: its id, unique in a run, and the run's labels."""
    return _build_key_labels(slo.id, slo.run_labels)


def _build_key_labels(slo_id: str, run_labels: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in run_labels.items() if name not in RESERVED}
    return {**kept, ID: slo_id}


def build_display_labels(slo: SLO) -> dict[str, str]:
    """Labels of series that people read: the user's labels and the identity labels, which win."""
    user_labels = {key: value for key, value in slo.labels.items() if key not in RESERVED}
    return {**user_labels, **build_identity_labels(slo)}


def select_series(metric: str, slo: SLO) -> str:
    """PromQL selector of the series of a recorded metric that belong to an SLO."""
    return metric + _format_key_selector(slo.id, tuple(slo.run_labels.items()))


def format_series(metric: str, labels: Mapping[str, str]) -> str:
    """PromQL selector of one series."""
    if format_selector(metric) != metric:
        return format_label_set({"__name__": metric, **labels})
    return metric + format_label_set(labels)


@lru_cache(maxsize=64)
def _format_key_selector(slo_id: str, run_labels: tuple[tuple[str, str], ...]) -> str:
    return format_label_set(_build_key_labels(slo_id, dict(run_labels)))


def name_recording_group(record: str) -> str:
    """Rule group of all standalone recordings under one name."""
    return f"slo-recording-{record}"


def name_alert_group(alert: str) -> str:
    """Rule group of a standalone alert."""
    return f"slo-alert-{alert}"


def name_runbook_page(alert: str) -> str:
    """File name of an alert's runbook page: `agent-sre-slow.md` for `AgentSRESlow`.

    A piece of the hash is added where the name would be empty, too long, or that of the index.
    """
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3-\2\4", alert)
    stem = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    if not stem or stem == _INDEX_PAGE or len(stem) > _LONGEST_PAGE:
        stem = f"{stem[:_LONGEST_PAGE]}-{hashlib.sha256(alert.encode()).hexdigest()[:6]}"
    return f"{stem.strip('-')}.md"
