"""Every name that generated rules carry, spelled once.

`slo:*` and `sloth_*` are Sloth's names, so that its dashboards work; the tiers are ours.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from generator.model import SLO
from slos.schema.promql import label_set
from slos.schema.units import Duration

ID, SERVICE, SLO_NAME = "sloth_id", "sloth_service", "sloth_slo"
IDENTITY = (ID, SERVICE, SLO_NAME)
WINDOW = "sloth_window"
RESERVED = (*IDENTITY, WINDOW)
SLOTH_SEVERITY = "sloth_severity"
SEVERITY = "severity"
QUANTILE = "quantile"
# VAL-008 asks for the three.
QUANTILES = ("0.5", "0.95", "0.99")
# Of pages: file systems that take no notice of capitals have one `readme.md`.
_INDEX = "readme"
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
LATENCY_TARGET = "slo:sli_latency:target"
BURN_THRESHOLD = "slo:alert_burn_rate:threshold"
ALERT_INFO = "slo:alert:info"
ALERT, SHORT_WINDOW, RUNBOOK_URL = "alertname", "short_window", "runbook_url"

_ERROR_RATIO, _LATENCY = "slo:sli_error:ratio_rate", "slo:sli_latency:quantile_rate"
OfStep = Callable[[Duration], str]
"""A name that says in which steps is counted."""


def errors(step: Duration) -> str:
    """Errors counted in each step."""
    return f"slo:sli_errors:sum{step}"


def total(step: Duration) -> str:
    """All events counted in each step."""
    return f"slo:sli_total:sum{step}"


def error_ratio(window: Duration) -> str:
    """Share of errors over a window."""
    return f"{_ERROR_RATIO}{window}"


def error_ratio_pattern() -> str:
    """Matches the names of all windows."""
    return f"{_ERROR_RATIO}.+"


def latency_quantile(window: Duration) -> str:
    """Latency quantiles over a window, in the metric's unit, told apart by `quantile`."""
    return f"{_LATENCY}{window}"


def latency_pattern() -> str:
    """Matches the names of all windows."""
    return f"{_LATENCY}.+"


def identity(slo: SLO) -> dict[str, str]:
    """The labels that tell this SLO from every other, of this run and of others."""
    return {**key(slo), SERVICE: slo.service, SLO_NAME: slo.name}


def key(slo: SLO) -> dict[str, str]:
    """As many of them as it takes: the id is unique in a run, the run's labels tell it."""
    if not slo.run_labels:
        return {ID: slo.id}
    of_run = {name: value for name, value in slo.run_labels.items() if name not in RESERVED}
    return {**of_run, ID: slo.id}


def for_people(slo: SLO) -> dict[str, str]:
    """The labels of series that people read: the user's, less those that tell SLOs apart."""
    own = {key: value for key, value in slo.labels.items() if key not in RESERVED}
    return {**own, **identity(slo)}


def of(metric: str, slo: SLO) -> str:
    """The series of a recorded metric that belong to this SLO."""
    return metric + _selector(tuple(sorted(key(slo).items())))


def series(metric: str, labels: Mapping[str, str]) -> str:
    """One series, as PromQL writes it."""
    return metric + label_set(labels)


@lru_cache(maxsize=64)
def _selector(labels: tuple[tuple[str, str], ...]) -> str:
    return label_set(dict(labels))


def recording_group(record: str) -> str:
    """The group of all recordings under one name."""
    return f"slo-recording-{record}"


def alert_group(alert: str) -> str:
    """The group of an alert that belongs to no SLO."""
    return f"slo-alert-{alert}"


def page_file(alert: str) -> str:
    """The runbook page of an alert: `AgentSRESlow` has `agent-sre-slow.md`.

    A name that leaves too little, too much, or the name of the index gets a piece of its hash.
    """
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3-\2\4", alert)
    stem = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    if not stem or stem == _INDEX or len(stem) > _LONGEST_PAGE:
        stem = f"{stem[:_LONGEST_PAGE]}-{hashlib.sha256(alert.encode()).hexdigest()[:6]}"
    return f"{stem.strip('-')}.md"
