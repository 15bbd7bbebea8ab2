"""Front page of the prober: its state, verdicts over time, runs, leaks and scenarios.

What changes while the prober runs is copied by `FrontPage`; a thread then renders it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from urllib.parse import quote, urlencode

import jinja2

from exporter.config.web import PageLinks
from exporter.fields import RUN_PLACEHOLDERS
from exporter.leakdetection.explanation import LeakJudgement
from exporter.model.run import Run, format_timestamp
from exporter.prober.history import FAILURES_SIZE, HISTORY_SIZE
from exporter.prober.verdict_counts import RANGES
from exporter.web.count_chart import HEIGHT, CountChart
from exporter.web.explanations import REASONS, WHERE_TO_LOOK
from exporter.web.scenario_rows import ScenarioRow
from exporter.web.waterfall import build_waterfall
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import LeakVerdict, LeftoverKind, Stage, Verdict

STALLED = "stalled"
"""State of a prober whose scheduler has no heartbeat."""
REFRESH_SECONDS = 10
_SHOWN_RUNS = 20
_STYLES = {Verdict.OK: "ok", Verdict.LATE: "odd", Verdict.UNKNOWN: "unknown"}
_SYMBOLS = {"ok": "✓", "odd": "▲", "unknown": "○", "bad": "●"}
_LEAK_STYLES = {
    LeakVerdict.INSUFFICIENT: "unknown",
    LeakVerdict.PASS: "ok",
    LeakVerdict.SUSPECT: "odd",
    LeakVerdict.LEAK: "bad",
}
_PER_MILLE = 1000
_LEAST_WIDTH = 4
"""Least width of a bar of a waterfall, in thousandths."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Choices of a reader of the page.

    Attributes:
        range: range of the charts, one of `RANGES`; empty for the one that fits.
        is_all: whether all runs are shown, not only the newest.
        is_refreshed: whether the page loads itself again.
    """

    range: str = ""
    is_all: bool = False
    is_refreshed: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Choice":
        """Read the choice from a query string; unknown values count as not chosen."""
        chosen = query.get("range", "")
        return cls(
            chosen if chosen in RANGES else "",
            query.get("show") == "all",
            query.get("refresh") == "on",
        )

    def link(self, **changes: object) -> str:
        """Return the link to the page with another choice."""
        choice = replace(self, **changes)  # type: ignore[arg-type]
        query = {
            "range": choice.range,
            "show": "all" if choice.is_all else "",
            "refresh": "on" if choice.is_refreshed else "",
        }
        return "?" + urlencode({name: value for name, value in query.items() if value})


@dataclass(frozen=True, slots=True)
class FrontPage:
    """State that the front page shows.

    Attributes:
        state: state of the prober in a few words.
        now: wall clock seconds.
        runs: the last runs, the newest first.
        failures: the last runs with another verdict than `ok`, the newest first.
        charts: verdicts over time.
        range: name of the range of the charts.
        choice: what the reader has chosen.
        targets: target of each stage that has one, in seconds.
        links: links to other programs.
        not_configured: criteria that the configuration leaves nothing to check for.
        accepted: criteria whose failure is accepted.
        backlog: the clean-up that is left to do; empty if there is none.
        leaks: the last judgement of leaks of each workload.
        scenarios: load scenarios; None on standby.
    """

    state: str
    now: float
    runs: Sequence[Run] = ()
    failures: Sequence[Run] = ()
    charts: Sequence[CountChart] = ()
    range: str = "hour"
    choice: Choice = field(default_factory=Choice)
    targets: Mapping[Stage, float] = field(default_factory=dict)
    links: PageLinks = field(default_factory=PageLinks)
    not_configured: Sequence[str] = ()
    accepted: Sequence[AcceptedCriterion] = ()
    backlog: str = ""
    leaks: Mapping[str, LeakJudgement] = field(default_factory=dict)
    scenarios: Sequence[ScenarioRow] | None = None

    @property
    def is_stalled(self) -> bool:
        """True if nothing is sent although it should be."""
        return self.state == STALLED

    def render(self) -> str:
        """Render the page as HTML; all values are escaped."""
        limit = None if self.choice.is_all else _SHOWN_RUNS
        newest = self._list_newest()
        return _load_template().render(
            page=self,
            runs=self.runs[:limit],
            failures=self.failures[:limit],
            failing=[run for run in newest if run.verdict is not Verdict.OK],
            slow=[run for run in newest if self._is_slow(run)],
            history_size=HISTORY_SIZE,
            failures_size=FAILURES_SIZE,
            ranges=list(RANGES),
            height=HEIGHT,
            refresh_seconds=REFRESH_SECONDS,
            counted=sum(sum(chart.totals.values()) for chart in self.charts),
            failed=sum(
                sum(chart.totals.values()) - chart.totals.get(Verdict.OK, 0)
                for chart in self.charts
            ),
        )

    def _list_newest(self) -> list[Run]:
        """List the newest run of each probe and path."""
        newest: dict[tuple[str, str], Run] = {}
        for run in self.runs:
            newest.setdefault((run.probe, run.path), run)
        return list(newest.values())

    def _is_slow(self, run: Run) -> bool:
        """Return whether a run is `ok` but missed a latency target."""
        return run.verdict is Verdict.OK and build_waterfall(run, self.targets).is_missed


def list_run_links(run: Run, links: PageLinks) -> list[tuple[str, str]]:
    """List the links of a run to other programs, those whose values are known."""
    issues = [each.handle for each in run.leftovers if each.kind is LeftoverKind.LINEAR_ISSUE]
    values = dict(
        zip(RUN_PLACEHOLDERS, (run.id, run.trace_id, next(iter(issues), None)), strict=True)
    )
    templates = (("Trace in Tempo", links.tempo), ("Linear issue", links.linear))
    urls = [(name, _fill_url(template, values)) for name, template in templates if template]
    return [(name, url) for name, url in urls if url]


def _fill_url(template: str, values: Mapping[str, str | None]) -> str:
    """Fill the placeholders of a URL; empty if a value is not known."""
    for name, value in values.items():
        if f"{{{name}}}" in template and not value:
            return ""
        template = template.replace(f"{{{name}}}", quote(value or "", safe=""))
    return template


def format_age(seconds: float) -> str:
    """Format the time that has passed since something with one unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def _choose_style(verdict: Verdict) -> str:
    return _STYLES.get(verdict, "bad")


def _scale(seconds: float, length: float) -> int:
    """Scale seconds of a waterfall to thousandths of its length."""
    return round(_PER_MILLE * seconds / length) if length else 0


def _scale_bar(start: float, seconds: float, length: float) -> tuple[int, int]:
    """Scale a bar to its start and its width; it is never too narrow to be seen."""
    width = max(_LEAST_WIDTH, _scale(seconds, length))
    return min(_scale(start, length), _PER_MILLE - _LEAST_WIDTH), width


@cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web", "templates"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "age": format_age,
        "time": lambda wall: format_timestamp(wall)[:19].replace("T", " "),
        "style": _choose_style,
        "leak_style": lambda verdict: _LEAK_STYLES[verdict],
        "symbol": lambda style: _SYMBOLS[style],
        "words": lambda text: str(text).replace("_", " "),
        "explain": lambda run: REASONS[run.reason],
        "where": lambda verdict: WHERE_TO_LOOK[verdict],
        "waterfall": build_waterfall,
        "run_links": list_run_links,
        "scale": _scale,
        "scale_bar": _scale_bar,
    }
    return environment.get_template("front_page.html")
