"""Runbook pages of a run and their index, rendered from templates."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from generator.alerting.graph import LESS
from generator.model import Artifact, Plan
from generator.outputs.runbooks import markdown, numbers, queries
from generator.outputs.runbooks.alerts import Kind, Topic, related, topics
from generator.outputs.runbooks.diagnosis import Branches, of
from generator.outputs.runbooks.queries import Look
from generator.text import notes
from generator.text.yaml_writer import MARK
from slos.schema import promql
from slos.schema.standalone import Recording
from slos.schema.units import Duration, plain

if TYPE_CHECKING:
    from jinja2 import Environment

INDEX = "README.md"
_MANY_BLANK = re.compile(r"\n(?:[ \t]*\n){2,}")


@dataclass(frozen=True, slots=True)
class View:
    """Values that the templates show of one alert.

    Attributes:
        related: the other alerts of the same SLO.
        recordings: the recordings of the run.
    """

    topic: Topic
    related: Sequence[Topic]
    recorded: Mapping[str, Recording]

    @property
    def looks(self) -> list[Look]:
        """Queries that show the extent of the trouble."""
        return queries.of(self.topic, self.recorded)

    @property
    def beside(self) -> Look:
        """Query of the firing alerts of the same service."""
        return queries.firing_beside(self.topic)

    @property
    def branches(self) -> Branches | None:
        """Causes that the data of the alert tells apart."""
        return of(self.topic)

    @property
    def promise(self) -> numbers.Promise | None:
        """Figures of the SLO; None for a standalone alert."""
        return numbers.promise(self.topic.slo) if self.topic.slo else None

    @property
    def burning(self) -> list[numbers.Burning]:
        """Figures of a burn rate alert."""
        topic = self.topic
        return list(numbers.burning(topic.slo, topic.burn)) if topic.slo and topic.burn else []

    @property
    def above(self) -> str:
        """Threshold of an error ratio alert, in percent."""
        return plain(100 * self.topic.threshold.above) if self.topic.threshold else ""

    @property
    def threshold(self) -> str:
        """Threshold of a standalone alert."""
        return plain(self.topic.plain.threshold) if self.topic.plain else ""

    @property
    def errors(self) -> str:
        """Query of the bad events, as the spec counts them."""
        slo = self.topic.slo
        return promql.render(slo.signal.errors, str(slo.windows[0])).strip() if slo else ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Selectors of the series that the SLO is counted from."""
        return queries.sources(self.topic.slo) if self.topic.slo else ()

    @property
    def spreads(self) -> list[str]:
        """Counts by label values, for each of the sources."""
        return [queries.spread(selector) for selector in self.sources]

    @property
    def held_back(self) -> bool:
        """True if this page inhibits another alert of the SLO."""
        return self.topic.severity not in LESS and any(
            each.kind in (Kind.TICKET, Kind.THRESHOLD) for each in self.related
        )

    @property
    def reach(self) -> Duration | None:
        """Range over which the sources are read."""
        return queries.reach(self.topic.slo) if self.topic.slo else None

    @property
    def group(self) -> str:
        """End of the names of the SLO's rule groups, as a pattern of Prometheus."""
        return self.topic.slo.id.replace(".", "[.]") if self.topic.slo else ""

    @property
    def dashboard(self) -> str:
        """URL of the dashboard; empty if it is a template or no URL."""
        url = self.topic.firing.annotations.get("dashboard_url", "")
        return url if re.fullmatch(r"https?://[^\s<>()\\{}\"`]+", url) else ""

    @property
    def silence(self) -> str:
        """Command that silences the alert."""
        return markdown.command(self.topic)

    @property
    def silence_length(self) -> Duration:
        """Length of the silence."""
        return markdown.length(self.topic)

    @property
    def expire(self) -> str:
        """Command that expires the silence."""
        return markdown.expire(self.topic)


def artifacts(plans: Sequence[Plan]) -> Iterator[Artifact]:
    """Build a page for each alert name, and the index of all pages."""
    every = topics(plans)
    recorded = {
        recording.record: recording
        for plan in plans
        for part in plan.parts
        if part.spec
        for recording in part.spec.recordings
    }
    for file, sharing in groupby(every, key=lambda topic: topic.file):
        views = [View(topic, related(topic, every), recorded) for topic in sharing]
        yield Artifact(PurePosixPath(file), _page(views), keeps_notes=True)
    yield Artifact(PurePosixPath(INDEX), _index(every))


def _page(views: Sequence[View]) -> str:
    sources = sorted({source for view in views for source in view.topic.sources})
    head = _head(sources, "Do not edit except between the lines at the end: change the spec")
    return _filled("page.md.j2", head=head, views=views, notes=notes, shares=numbers.SHARES)


def _index(every: Sequence[Topic]) -> str:
    by_service = sorted(every, key=lambda topic: (topic.spec.service, topic.name))
    services = [
        (service, [(topic, _says(topic)) for topic in of_service])
        for service, of_service in groupby(by_service, key=lambda topic: topic.spec.service)
    ]
    head = _head(["the specs of this folder"], "Do not edit: change the specs")
    return _filled("index.md.j2", head=head, services=services)


def _says(topic: Topic) -> str:
    """Summarize an alert in one line."""
    if topic.plain:
        return markdown.said(topic.plain.summary)
    slo = markdown.code(topic.slo.id if topic.slo else topic.name)
    match topic.kind:
        case Kind.NO_DATA:
            return f"{slo}: no events are counted"
        case Kind.THRESHOLD if topic.threshold:
            share = plain(100 * topic.threshold.above)
            return f"{slo}: more than {share} % bad over {topic.threshold.over}"
    return f"{slo}: the error budget burns too fast"


def _head(sources: Sequence[str], advice: str) -> str:
    """Render the line that marks a page as generated."""
    named = "".join(c if c.isprintable() else "?" for c in ", ".join(sources))
    return f"<!-- {MARK.removeprefix('# ')} from {named.replace('--', '-')}. {advice}. -->"


def _filled(template: str, **values: object) -> str:
    text = _environment().get_template(template).render(**values)
    # A reader of the file would take a carriage return for the end of a line.
    text = text.replace("\r", " ")
    return _MANY_BLANK.sub("\n\n", text).strip() + "\n"


@cache
def _environment() -> "Environment":
    """Load the templates. Jinja is imported here, since other output formats do not need it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        loader=PackageLoader("generator.outputs.runbooks"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown is escaped by `markdown`
    )
    for filter_ in (markdown.prose, markdown.said, markdown.inline, markdown.code, markdown.fence):
        environment.filters[filter_.__name__] = filter_
    environment.globals["look_of"] = lambda query: Look("", query)
    return environment
