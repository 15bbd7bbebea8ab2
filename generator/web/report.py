"""Review of SLOs over a period: kept or broken, incidents, worst hours, deserved pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator import names
from generator.clients.slo_status import Labels
from generator.web.formats import load_templates
from generator.web.report_period import ReportPeriod
from slos.schema.promql import format_label_set

HOUR = 3600
PAGE_WORTH = 0.01
"""Share of the budget that an incident spends, from which on its page is deserved."""
_MERGED_GAP = 3600
"""Seconds between two alerts of one incident, at most."""
_WORST_HOURS = 10
_PAGES = ("page", "critical")


@dataclass(frozen=True, slots=True)
class Hour:
    """Hour of an SLO.

    Attributes:
        end: its end.
        weight: its events; 1 where events are not counted.
        failed: those that failed.
    """

    end: float
    weight: float
    failed: float


@dataclass(frozen=True, slots=True)
class AlertFiring:
    """Time during which an alert fired."""

    alert: str
    severity: str
    start: float
    end: float

    @property
    def is_page(self) -> bool:
        """True if the alert is a page."""
        return self.severity in _PAGES


@dataclass(frozen=True, slots=True)
class BudgetIncident:
    """Alerts of an SLO that fired together or shortly after each other.

    Attributes:
        firings: what fired, the oldest first.
        spent: share of the budget that was spent from an hour before until the end.
    """

    firings: Sequence[AlertFiring]
    spent: float

    @property
    def start(self) -> float:
        """Start of the first alert."""
        return self.firings[0].start

    @property
    def end(self) -> float:
        """End of the last alert."""
        return max(firing.end for firing in self.firings)

    @property
    def pages(self) -> int:
        """Number of pages."""
        return sum(firing.is_page for firing in self.firings)

    @property
    def is_deserved(self) -> bool:
        """True if it was worth a page."""
        return self.spent >= PAGE_WORTH


@dataclass(frozen=True)
class Review:
    """SLO, or a group of one, over the period.

    Attributes:
        labels: labels of the SLO.
        group: labels of the group.
        objective: its objective.
        hours: hours with data, the oldest first.
        firings: alerts that fired, the oldest first.
        is_counted: True if events are counted.
    """

    labels: Labels
    group: Labels
    objective: float
    hours: Sequence[Hour]
    firings: Sequence[AlertFiring]
    is_counted: bool

    @property
    def title(self) -> str:
        """Id, with the labels of the group."""
        group = format_label_set(self.group) if self.group else ""
        return self.labels.get(names.ID, "") + group

    @cached_property
    def weight(self) -> float:
        """Sum of the weights."""
        return sum(hour.weight for hour in self.hours)

    @cached_property
    def failed(self) -> float:
        """Number of failed events."""
        return sum(hour.failed for hour in self.hours)

    @property
    def good(self) -> float | None:
        """Share of good events; None without events."""
        return 1 - self.failed / self.weight if self.weight else None

    @cached_property
    def allowed(self) -> float:
        """Number of events that may fail."""
        return self.weight * (1 - self.objective)

    @property
    def spent(self) -> float:
        """Share of the budget of this period that was spent."""
        if self.allowed:
            return self.failed / self.allowed
        return float("inf") if self.failed else 0.0

    @property
    def is_kept(self) -> bool | None:
        """True if the objective was kept; None without events."""
        return None if self.good is None else self.spent <= 1

    @cached_property
    def incidents(self) -> list[BudgetIncident]:
        """Incidents, the oldest first; no hour belongs to two of them."""
        return list(self._list_incidents())

    @property
    def spent_outside(self) -> float:
        """Share of the budget that was spent outside of incidents."""
        return max(0.0, self.spent - sum(each.spent for each in self.incidents))

    def compute_spent(self, hour: Hour) -> float:
        """Compute the share of the budget that an hour spent."""
        return hour.failed / self.allowed if self.allowed else 0.0

    def _list_incidents(self) -> Iterable[BudgetIncident]:
        merged: list[list[AlertFiring]] = []
        for firing in sorted(self.firings, key=lambda each: each.start):
            if merged and firing.start - max(each.end for each in merged[-1]) <= _MERGED_GAP:
                merged[-1].append(firing)
            else:
                merged.append([firing])
        taken = float("-inf")
        for firings in merged:
            end = max(firing.end for firing in firings)
            hours = [
                hour
                for hour in self.hours
                if hour.end > max(taken, firings[0].start - HOUR) and hour.end - HOUR < end
            ]
            taken = max([taken, *(hour.end for hour in hours)])
            yield BudgetIncident(firings, sum(map(self.compute_spent, hours)))


@dataclass(frozen=True)
class PeriodReport:
    """Review of all SLOs of a source over a period.

    Attributes:
        period: the period.
        source: name or URL of the source.
        reviews: reviews, those of broken objectives first.
    """

    period: ReportPeriod
    source: str
    reviews: Sequence[Review]

    @property
    def broken(self) -> list[Review]:
        """Reviews of broken objectives."""
        return [review for review in self.reviews if review.is_kept is False]

    @property
    def unknown(self) -> list[Review]:
        """Reviews without events."""
        return [review for review in self.reviews if review.is_kept is None]

    @cached_property
    def incidents(self) -> list[tuple[Review, BudgetIncident]]:
        """Incidents of all SLOs, the most expensive first."""
        found = [(review, incident) for review in self.reviews for incident in review.incidents]
        return sorted(found, key=lambda each: (-each[1].spent, each[1].start))

    @property
    def worst_hours(self) -> list[tuple[Review, Hour, float]]:
        """Hours of all SLOs that spent most of a budget."""
        found = (
            (review, hour, review.compute_spent(hour))
            for review in self.reviews
            for hour in review.hours
            if hour.failed
        )
        return sorted(found, key=lambda each: (-each[2], each[1].end))[:_WORST_HOURS]

    @property
    def pages(self) -> int:
        """Number of pages."""
        return sum(incident.pages for _, incident in self.incidents)

    @property
    def deserved_pages(self) -> int:
        """Number of pages of incidents that were worth one."""
        return sum(incident.pages for _, incident in self.incidents if incident.is_deserved)


def sort_reviews(reviews: Iterable[Review]) -> list[Review]:
    """Sort reviews: broken objectives first, then by the budget that was spent."""
    return sorted(reviews, key=lambda each: (each.is_kept is None, -each.spent, each.title))


def draw_burn_down(review: Review, period: ReportPeriod) -> dict[str, Any]:
    """Draw the budget over the period as points of a polyline, 220 by 44."""
    left, lowest = 1.0, min(0.0, 1 - review.spent)
    height = max(1 - lowest, 1e-9)
    points = ["0.0,1.0"]
    for hour in review.hours:
        left -= review.compute_spent(hour)
        x = 220 * (hour.end - period.start) / (period.end - period.start)
        points.append(f"{x:.1f},{1 + 42 * (1 - max(left, lowest)) / height:.1f}")
    return {"points": " ".join(points), "zero": f"{1 + 42 / height:.1f}"}


def render_report(report: PeriodReport, *, as_markdown: bool) -> str:
    """Render the report as Markdown or as one HTML file without references to others."""
    template = "report.md" if as_markdown else "report.html"
    text: str = (
        load_templates()
        .get_template(template)
        .render(
            report=report,
            period=report.period,
            worth=PAGE_WORTH,
            draw=draw_burn_down,
            markdown=escape_markdown,
        )
    )
    return text


def escape_markdown(text: str) -> str:
    """Escape text for a cell of a table in Markdown."""
    line = " ".join(text.split())
    for character in "\\`*_{}[]<>|#!&":
        line = line.replace(character, f"\\{character}")
    return line
