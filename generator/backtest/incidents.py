"""Known incidents, read from a file, and the pages that belong to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from slos.schema.fields import SpecModel
from slos.schema.problem import Position, Problem
from slos.schema.yaml.document import read_documents
from slos.schema.yaml.validation import validate_document


def parse_time(value: Any) -> datetime:  # noqa: ANN401 - whatever YAML holds
    """Parse a time of RFC 3339; without a zone it is UTC.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a time; write it like 2026-03-01T14:05:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


TimeField = Annotated[datetime, BeforeValidator(parse_time)]


class Incident(SpecModel):
    """Known incident, which should have caused a page."""

    name: str = ""
    """Name of the incident, for reports."""
    start: TimeField
    """When it began, like 2026-03-01T14:05:00Z."""
    end: TimeField
    """When it ended."""
    slos: list[str] = Field(default_factory=list)
    """Ids of the SLOs that it broke. Default: all SLOs of the backtest."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the end of the incident is not after its start")
        return self

    @property
    def start_ms(self) -> int:
        """The start as a Unix time in milliseconds."""
        return round(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """The end as a Unix time in milliseconds."""
        return round(self.end.timestamp() * 1000)


class _IncidentFile(SpecModel):
    incidents: list[Incident]


def parse_incidents(data: bytes, file: str) -> tuple[list[Incident], list[Problem]]:
    """Parse a file of incidents; all its problems are reported together."""
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        hint = "add a list `incidents`, each with start and end"
        problems = [Problem(Position(file), "no incidents in the file", hint)]
    incidents: list[Incident] = []
    for document in documents:
        found, new_problems = validate_document(document, _IncidentFile)
        problems += new_problems
        incidents += found.incidents if found else []
    return incidents, problems


@dataclass(frozen=True, slots=True)
class Detection:
    """Pages compared with incidents.

    Attributes:
        deserved_pages: pages in an incident.
        pages: all pages.
        found_incidents: incidents with a page.
        incidents: all incidents.
    """

    deserved_pages: int
    pages: int
    found_incidents: int
    incidents: int

    @property
    def precision(self) -> float | None:
        """Share of the pages that were deserved; None without pages."""
        return self.deserved_pages / self.pages if self.pages else None

    @property
    def recall(self) -> float | None:
        """Share of the incidents that paged; None without incidents."""
        return self.found_incidents / self.incidents if self.incidents else None


def compare_pages(
    pages: Sequence[tuple[int, int]], incidents: Sequence[Incident], start: int, end: int
) -> Detection:
    """Compare the times of pages with incidents; a page belongs to those that it overlaps.

    Args:
        pages: time from the first bad minute of each page to its end.
        incidents: incidents; those outside of the reported time are left out.
        start: start of the reported time.
        end: end of the reported time.
    """
    known = [each for each in incidents if each.end_ms > start and each.start_ms < end]

    def overlaps(page: tuple[int, int], incident: Incident) -> bool:
        return page[0] < incident.end_ms and incident.start_ms < page[1]

    return Detection(
        deserved_pages=sum(any(overlaps(page, each) for each in known) for page in pages),
        pages=len(pages),
        found_incidents=sum(any(overlaps(page, each) for page in pages) for each in known),
        incidents=len(known),
    )
