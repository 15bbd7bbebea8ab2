"""Runbook pages of a run and their index, rendered from templates."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from generator.alerting.graph import SEVERITIES_BELOW_PAGE
from generator.model import Artifact, Plan
from generator.outputs.runbooks import markdown, numbers, queries
from generator.outputs.runbooks.alerts import (
    AlertKind,
    AlertPage,
    find_related_pages,
    list_alert_pages,
)
from generator.outputs.runbooks.causes import CauseBreakdown, break_down_alert, choose_window
from generator.outputs.runbooks.queries import RunbookQuery
from generator.rules import tiers
from generator.rules.recorded_series import RecordedSeries
from generator.text import notes
from generator.text.yaml_writer import GENERATED_MARK
from slos.schema import promql
from slos.schema.units import Duration, format_decimal

if TYPE_CHECKING:
    from jinja2 import Environment

INDEX_FILE = "README.md"
# Upper limit of the series that a page asks about.
_MAX_SOURCES = 3
_LONGEST_RANGE = Duration.from_parts(days=2)
_TEMPLATE_PARAMETER = re.compile(r"[^?&=]+=\{\{[^}]*\}\}&?")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


@dataclass(frozen=True, slots=True)
class AlertView:
    """Values that the templates show of one alert.

    Attributes:
        related: the other alerts of the same SLO.
        recorded: the series that the run records.
    """

    page: AlertPage
    related: Sequence[AlertPage]
    recorded: RecordedSeries

    @property
    def query(self) -> RunbookQuery | None:
        """Query that shows the extent of the trouble."""
        return queries.choose_query(self.page)

    @property
    def firing_query(self) -> RunbookQuery:
        """Query of the firing alerts of the same service."""
        return queries.query_firing_alerts(self.page)

    @property
    def cause_breakdown(self) -> CauseBreakdown | None:
        """Causes that the data of the alert tells apart."""
        return break_down_alert(self.page)

    @property
    def slo_figures(self) -> numbers.SLOFigures | None:
        """Figures of the SLO; None for a standalone alert."""
        return numbers.compute_slo_figures(self.page.slo) if self.page.slo else None

    @property
    def burn_figures(self) -> list[numbers.BurnFigures]:
        """Figures of a burn rate alert."""
        page = self.page
        return (
            list(numbers.compute_burn_figures(page.slo, page.burn))
            if page.slo and page.burn
            else []
        )

    @property
    def above(self) -> str:
        """Threshold of an error ratio alert, in percent."""
        return format_decimal(100 * self.page.threshold.above) if self.page.threshold else ""

    @property
    def threshold(self) -> str:
        """Threshold of a standalone alert."""
        return format_decimal(self.page.standalone.threshold) if self.page.standalone else ""

    @property
    def lookback(self) -> Duration | None:
        """Range that the value of a standalone alert covers; None for the present moment.

        A query that reaches back for days compares with an earlier state, which it does not cover.
        """
        alert = self.page.standalone
        length = self.recorded.compute_lookback(alert.query) if alert else Duration(0)
        return length if Duration(0) < length < _LONGEST_RANGE else None

    @property
    def ends_after(self) -> Duration:
        """Longest time from the end of the trouble to the end of an SLO's alert."""
        slo, alert = self.page.slo, self.page.threshold
        if slo and alert:
            return numbers.compute_end_delay(slo, alert, alert.over)
        if slo and self.page.kind is AlertKind.NO_DATA:
            hold = self.page.meta.keep_firing_for or Duration(0)
            return numbers.round_up_to_minutes(
                numbers.compute_count_delay(slo) + slo.steps.fine + hold
            )
        return max((each.ends_after for each in self.burn_figures), default=Duration(0))

    @property
    def sources(self) -> tuple[str, ...]:
        """Selectors of the series that the SLO is counted from."""
        return queries.list_source_selectors(self.page.slo) if self.page.slo else ()

    @property
    def read_series(self) -> Sequence[str]:
        """Selectors of the series that a standalone alert reads."""
        alert = self.page.standalone
        return promql.list_selectors(alert.query) if alert else ()

    @property
    def raw_sources(self) -> list[str]:
        """Selectors of the series that the sources are or are recorded from."""
        selectors = (
            raw for selector in self.sources for raw in self.recorded.list_raw_selectors(selector)
        )
        return list(dict.fromkeys(selectors))[:_MAX_SOURCES]

    @property
    def label_counts(self) -> list[str]:
        """Counts by label values, for each of the raw sources."""
        return [queries.render_label_counts(selector) for selector in self.raw_sources]

    @property
    def inhibits_others(self) -> bool:
        """True if this page inhibits another alert of the SLO."""
        return self.page.severity not in SEVERITIES_BELOW_PAGE and any(
            each.kind in (AlertKind.TICKET, AlertKind.THRESHOLD) for each in self.related
        )

    @property
    def has_page(self) -> bool:
        """True if the SLO has an alert that pages."""
        return any(each.kind is AlertKind.PAGE for each in (self.page, *self.related))

    @property
    def counts_increments(self) -> bool:
        """True if the SLO counts increments of counters, which need several samples."""
        return self.page.slo is not None and tiers.has_counter_queries(self.page.slo)

    @property
    def reach(self) -> Duration | None:
        """Range over which the sources are read."""
        return queries.compute_reach(self.page.slo) if self.page.slo else None

    @property
    def group_pattern(self) -> str:
        """End of the names of the SLO's rule groups, as a pattern of Prometheus."""
        return self.page.slo.id.replace(".", "[.]") if self.page.slo else ""

    @property
    def dashboard_url(self) -> str:
        """URL of the dashboard without the variables that are templates; empty if it is no URL."""
        url = self.page.meta.annotations.get("dashboard_url", "")
        url = _TEMPLATE_PARAMETER.sub("", url).rstrip("?&")
        return url if re.fullmatch(r"https?://[^\s<>()\\{}\"`]+", url) else ""

    def fill_query(self, query: str) -> RunbookQuery:
        """Make a query of a step, with the range of the alert for `{{.window}}`."""
        return RunbookQuery("", promql.render_template(query, str(choose_window(self.page))))

    @property
    def silence_command(self) -> str:
        """Command that silences the alert."""
        return markdown.render_silence_command(self.page)

    @property
    def expire_command(self) -> str:
        """Command that expires the silence."""
        return markdown.render_expire_command(self.page)


def build_runbook_artifacts(plans: Sequence[Plan]) -> Iterator[Artifact]:
    """Build a page for each alert name, and the index of all pages."""
    all_pages = list_alert_pages(plans)
    recorded = RecordedSeries(
        recording
        for plan in plans
        for spec_plan in plan.spec_plans
        if spec_plan.spec
        for recording in spec_plan.spec.recordings
    )
    for file, sharing_pages in groupby(all_pages, key=lambda page: page.file):
        views = [
            AlertView(page, find_related_pages(page, all_pages), recorded) for page in sharing_pages
        ]
        yield Artifact(PurePosixPath(file), _render_page(views), keeps_notes=True)
    yield Artifact(PurePosixPath(INDEX_FILE), _render_index(all_pages))


def _render_page(views: Sequence[AlertView]) -> str:
    sources = sorted({source for view in views for source in view.page.sources})
    header = _render_header(
        sources, "Do not edit except between the lines at the end: change the spec"
    )
    return _fill_template("page.md.j2", head=header, views=views, notes=notes)


def _render_index(all_pages: Sequence[AlertPage]) -> str:
    by_service = sorted(all_pages, key=lambda page: (page.spec.service, page.name))
    services = [
        _IndexSection(service, tuple(service_pages))
        for service, service_pages in groupby(by_service, key=lambda page: page.spec.service)
    ]
    header = _render_header(["the specs of this folder"], "Do not edit: change the specs")
    return _fill_template("index.md.j2", head=header, services=services)


@dataclass(frozen=True, slots=True)
class _IndexSection:
    """Alerts of one service in the index."""

    service: str
    pages: Sequence[AlertPage]

    @property
    def rows(self) -> list[tuple[AlertPage, str]]:
        """The pages and their summaries."""
        return [(page, _summarize_alert(page)) for page in self.pages]

    @property
    def access(self) -> list[str]:
        """Commands that make Prometheus and Alertmanager reachable, of all specs of the service."""
        commands = (each for page in self.pages for each in page.service_runbook.access)
        return list(dict.fromkeys(commands))


def _summarize_alert(page: AlertPage) -> str:
    """Summarize an alert in one line."""
    if page.standalone:
        return markdown.render_alert_text(page.standalone.summary)
    slo = markdown.render_code(page.slo.id if page.slo else page.name)
    match page.kind:
        case AlertKind.NO_DATA:
            return f"{slo}: no events are counted"
        case AlertKind.THRESHOLD if page.threshold:
            share = format_decimal(100 * page.threshold.above)
            return f"{slo}: more than {share} % bad over {page.threshold.over}"
    return f"{slo}: the error budget burns too fast"


def _render_header(sources: Sequence[str], advice: str) -> str:
    """Render the line that marks a page as generated."""
    source_names = "".join(c if c.isprintable() else "?" for c in ", ".join(sources))
    mark = GENERATED_MARK.removeprefix("# ")
    return f"<!-- {mark} from {source_names.replace('--', '-')}. {advice}. -->"


def _fill_template(template: str, **values: object) -> str:
    text = _load_environment().get_template(template).render(**values)
    # A reader of the file would take a carriage return for the end of a line.
    text = text.replace("\r", " ")
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


@cache
def _load_environment() -> "Environment":
    """Load the templates. Jinja is imported here, since other output formats do not need it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see above

    environment = Environment(
        loader=PackageLoader("generator.outputs.runbooks"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown is escaped by `markdown`
        auto_reload=False,
    )
    for filter_ in (
        markdown.escape_text,
        markdown.render_alert_text,
        markdown.render_inline,
        markdown.render_code,
        markdown.render_fence,
    ):
        environment.filters[filter_.__name__] = filter_
    environment.globals["make_query"] = lambda query: RunbookQuery("", query)
    return environment
