"""Breakdown of the end-to-end time into parts that do not overlap. Pure.

The stages overlap: all but the function count from the send. The parts are the time until the
Linear issue, from there to the first contact of the function, and the function. A part is certain,
or known within bounds; its bounds are those of the two times that it lies between. Where no issue
was observed, the first two are one part. What agent-sre does within a part is not seen from
outside: the time until the issue is that of Linear and of all work before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.analysis.measurements import Event, Step
from exporter.model.bounds import Bounds
from slos.schema.contract import Stage


class Part(StrEnum):
    """Part of the end-to-end time."""

    UNTIL_ISSUE = "until_issue"
    ISSUE_TO_CONTACT = "issue_to_contact"
    UNTIL_CONTACT = "until_contact"
    """The first two, where no issue was observed."""
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class PartTime:
    """Mean time of a part over the events of a step.

    Attributes:
        part: the part.
        bounds: mean of the lower and of the upper bounds in seconds.
        share: share of the end-to-end time of the events that show it, as bounds.
        events: number of events that show it.
    """

    part: Part
    bounds: Bounds
    share: Bounds
    events: int


def break_down(step: Step) -> list[PartTime]:
    """Break the end-to-end time of a step down; empty without events that show it."""
    found: dict[Part, list[tuple[Bounds, float]]] = {}
    for event in step.events:
        if event.total:
            for part, bounds in _list_parts(event):
                found.setdefault(part, []).append((bounds, event.total))
    return [_summarize(part, found[part]) for part in Part if part in found]


def _list_parts(event: Event) -> Iterable[tuple[Part, Bounds]]:
    issue = event.stages.get(Stage.LINEAR_ISSUE_CREATION.value)
    contact = event.stages.get(Stage.REMEDIATION_SELECTION.value)
    function = event.stages.get(Stage.LAMBDA_EXECUTION.value)
    if issue is not None:
        yield Part.UNTIL_ISSUE, issue
    if contact is not None and issue is not None:
        low, high = max(0.0, contact.low - issue.high), max(0.0, contact.high - issue.low)
        yield Part.ISSUE_TO_CONTACT, Bounds(low, high)
    elif contact is not None:
        yield Part.UNTIL_CONTACT, contact
    if function is not None:
        yield Part.FUNCTION, function


def _summarize(part: Part, times: Sequence[tuple[Bounds, float]]) -> PartTime:
    """Summarize a part over the events that show it."""
    count, total = len(times), sum(total for _, total in times)
    low = sum(bounds.low for bounds, _ in times)
    high = sum(bounds.high for bounds, _ in times)
    share = Bounds(min(1.0, low / total), min(1.0, high / total))
    return PartTime(part, Bounds(low / count, high / count), share, count)
