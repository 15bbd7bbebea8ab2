"""Rows and summary of the overview: all SLOs of all sources, the worst first."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from generator import names
from generator.clients.slo_status import Labels
from generator.status.slo_states import SLOState, SLOStatus
from generator.web.links import build_slo_query
from generator.web.queries import SourceState

WRONG = (SLOState.PAGE, SLOState.EXHAUSTED, SLOState.ALERT, SLOState.BURNING)
"""States that somebody should look at."""


@dataclass(frozen=True, slots=True)
class Row:
    """SLO of the overview.

    Attributes:
        source: name of its source.
        query: query string of its page.
        worst: status of its worst group, or of the whole.
        groups: number of its groups.
        history: burn rates of the last day.
    """

    source: str
    query: str
    worst: SLOStatus
    groups: int
    history: Sequence[float | None]

    @property
    def text(self) -> str:
        """Text that a search looks in."""
        alerts = (alert.name for alert in self.worst.alerts)
        labels = (f"{name}={value}" for name, value in self.worst.labels.items())
        return " ".join((self.worst.title, self.source, *alerts, *labels)).lower()


@dataclass(frozen=True, slots=True)
class Filter:
    """Choice of the rows.

    Attributes:
        search: words that all have to be in a row.
        service: service; all if empty.
        state: state, or `wrong` for all that need attention; all if empty.
        source: source; all if empty.
        label: label as `name=value`; all if empty.
        sort: sort order, one of `SORTS`.
    """

    search: str = ""
    service: str = ""
    state: str = ""
    source: str = ""
    label: str = ""
    sort: str = "worst"

    def matches(self, row: Row) -> bool:
        """Tell whether a row is chosen."""
        status = row.worst
        name, _, value = self.label.partition("=")
        return (
            (not self.service or status.labels.get(names.SERVICE) == self.service)
            and (not self.source or row.source == self.source)
            and (
                not self.state
                or status.state == self.state
                or (self.state == "wrong" and status.state in WRONG)
            )
            and (not self.label or status.labels.get(name.strip()) == value.strip().strip('"'))
            and all(word in row.text for word in self.search.lower().split())
        )


def _number(value: float | None, *, last: float = math.inf) -> float:
    return last if value is None else value


SORTS: dict[str, tuple[str, Callable[[Row], Any]]] = {
    "worst": ("what is wrong first", lambda row: row.worst.rank),
    "name": ("name", lambda row: (row.worst.id, row.source)),
    "budget": ("budget left", lambda row: (_number(row.worst.budget), row.worst.id)),
    "burn": ("burn rate", lambda row: (-_number(row.worst.burn, last=-1), row.worst.id)),
    "objective": ("objective", lambda row: (-_number(row.worst.objective, last=0), row.worst.id)),
}


def list_rows(states: Iterable[SourceState]) -> list[Row]:
    """List the rows of all SLOs, the worst first."""
    rows = [row for state in states for row in _list_source_rows(state)]
    return sorted(rows, key=lambda row: row.worst.rank)


def _list_source_rows(state: SourceState) -> Iterator[Row]:
    labels_by_id: dict[str, list[Labels]] = defaultdict(list)
    for statuses in state.statuses:
        labels_by_id[statuses[0].id].append(statuses[0].labels)
    for statuses in state.statuses:
        worst = statuses[0]
        yield Row(
            state.name,
            build_slo_query(state.name, worst.labels, labels_by_id[worst.id]),
            worst,
            len(statuses) if worst.group else 0,
            state.burn_history.get(frozenset(worst.labels.items()), ()),
        )


def choose_rows(rows: Iterable[Row], chosen: Filter) -> list[Row]:
    """Choose and sort rows."""
    _, key = SORTS.get(chosen.sort, SORTS["worst"])
    return sorted(filter(chosen.matches, rows), key=key)


def list_services(rows: Iterable[Row]) -> list[str]:
    """List the services of the rows."""
    return sorted({row.worst.labels.get(names.SERVICE, "") for row in rows} - {""})


@dataclass(frozen=True, slots=True)
class Summary:
    """Line on top: whether all is well, and whether the monitoring is.

    Attributes:
        counts: number of SLOs in each state, the worst first.
        problems: what is wrong with the monitoring, one sentence for each.
        facts: what is known of the monitoring.
    """

    counts: dict[SLOState, int]
    problems: Sequence[str]
    facts: Sequence[str]

    @property
    def total(self) -> int:
        """Number of SLOs."""
        return sum(self.counts.values())

    @property
    def wrong(self) -> int:
        """Number of SLOs that need attention."""
        return sum(self.counts.get(state, 0) for state in WRONG)

    @property
    def is_well(self) -> bool:
        """True if all is well."""
        return self.total > 0 and not self.problems and not self.wrong


def build_summary(states: Sequence[SourceState], rows: Sequence[Row]) -> Summary:
    """Build the summary of all sources."""
    counts = Counter(row.worst.state for row in rows)
    several = len(states) > 1
    problems, facts = [], []
    for state in states:
        prefix = f"{state.name}: " if several else ""
        problems += [prefix + text for text in _list_problems(state)]
        facts += [prefix + text for text in _list_facts(state)]
    young = sum(_is_young(row.worst) for row in rows)
    if young:
        problems.append(f"{_count_slos(young)} no budget yet; the first one takes up to 20 minutes")
    if counts[SLOState.NO_DATA] > young:
        problems.append(f"{_count_slos(counts[SLOState.NO_DATA] - young)} no data")
    return Summary({state: counts[state] for state in SLOState if counts[state]}, problems, facts)


def _is_young(status: SLOStatus) -> bool:
    """Tell whether an SLO has a burn rate but no budget, as in the first minutes of its rules."""
    return status.state == SLOState.NO_DATA and status.burn is not None


def _count_slos(number: int) -> str:
    return f"{number} SLO has" if number == 1 else f"{number} SLOs have"


def _list_problems(state: SourceState) -> Iterator[str]:
    yield from state.problems
    if state.problems:
        return
    if not state.statuses:
        yield "no SLO is recorded; rules of slo-rules or Sloth need up to 5 minutes once loaded"
        return
    monitoring = state.monitoring
    if monitoring.is_stale:
        age = "" if monitoring.age is None else f"; the newest is {monitoring.age:.0f} s old"
        yield f"no rule has recorded a burn rate lately{age}"
    if state.lost:
        ids = sorted(each.get(names.ID, "") for each in state.lost)
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""  # noqa: PLR2004 - one line
        yield f"recorded within a day, but not now: {', '.join(ids[:3])}{more}"
    if monitoring.targets_down:
        yield f"{monitoring.targets_down} of {monitoring.targets} targets cannot be scraped"
    if monitoring.failures:
        yield f"{monitoring.failures} evaluations of rules failed in 15 minutes"
    for alert in state.alerts:
        if _read_severity(alert) not in ("", "none", "info"):
            yield f"{alert.get(names.ALERT, '')} fires ({_read_severity(alert)})"


def _list_facts(state: SourceState) -> Iterator[str]:
    monitoring = state.monitoring
    if monitoring.age is not None and not monitoring.is_stale:
        yield f"rules evaluated {monitoring.age:.0f} s ago"
    if monitoring.targets and not monitoring.targets_down:
        yield f"{monitoring.targets} targets up"
    if monitoring.failures == 0:
        yield "no rule fails"


def _read_severity(alert: Labels) -> str:
    return alert.get(names.SLOTH_SEVERITY) or alert.get(names.SEVERITY, "")
