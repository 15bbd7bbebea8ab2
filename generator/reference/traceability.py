"""Traceability page: each requirement with its SLOs and alerts, their data and tests."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import promql_parser as ast

from generator import names
from generator.reference.claim_series import list_claim_data, list_watcher_queries
from generator.requirements import Claim, Coverage, LocatedRequirement, Watcher
from generator.rules.recorded_series import list_matchers
from generator.text import yaml_writer
from slos.schema import promql
from slos.schema.compatibility import read_metric_name
from slos.schema.promql import format_label_set, list_selectors
from slos.schema.spec import SloSpec
from slos.schema.standalone import StandaloneAlert, StandaloneRecording

_NAME = re.compile(r"[A-Za-z_:][\w:]*")
_COLUMNS = ("requirement", "watched", "covered by", "metric", "source, how often", "test")
_REPORT = "report/report.md"
"""Report of the load scenarios, beside this page."""
_COMMAND = re.compile(r"`[^`]+`")
Since = Mapping[str, datetime | None]
"""Times of the oldest samples of selectors; None for those without any."""


def list_data_selectors(coverage: Coverage) -> list[str]:
    """List the selectors of all series that cover a requirement, directly or through recordings."""
    return list(
        dict.fromkeys(
            selector for claim in coverage.claims for selector in list_claim_data(coverage, claim)
        )
    )


_CLUSTER_INTRO = """\
Requirements of which a cluster does not validate every part, because its prober does not run the
probe, scenario or observer that exports the series. `slo-probe inventory` lists what it exports."""


def render_traceability_page(
    coverage: Coverage,
    specs: Sequence[str],
    *,
    since: Since | None = None,
    coverage_by_cluster: Mapping[str, Coverage] = MappingProxyType({}),
) -> str:
    """Markdown page with a table for each group of requirements, by the prefix of their ids.

    Args:
        coverage: requirements and the claims that cover them.
        specs: spec files, for the header.
        since: times of the oldest samples, where a Prometheus was asked for them.
        coverage_by_cluster: coverage by what the prober of each cluster exports.
    """
    mark, listed_specs = yaml_writer.GENERATED_MARK.removeprefix("# "), ", ".join(specs)
    page = [
        f"<!-- {mark} from {listed_specs}. Do not edit: change the specs. -->",
        "# Traceability",
        "",
        "Requirements, with the SLOs and alerts that cover each or the scenario that validates it.",
        "A requirement is watched if an alert fires when it is not met. The sources are those of",
        "the series that a rule reads, also through recorded series.",
        "`make rules` generates this page.",
    ]
    table = _Table(coverage, since)
    groups: dict[str, list[LocatedRequirement]] = {}
    for located in coverage.requirements:
        groups.setdefault(located.requirement.id.partition(".")[0], []).append(located)
    columns = (*_COLUMNS, *([] if since is None else ["data since"]))
    for name, members in groups.items():
        page += ["", f"## {name}", "", _render_row(columns), _render_row(["---"] * len(columns))]
        for located in members:
            page += [_render_row(row) for row in table.list_rows(located)]
    if coverage_by_cluster:
        page += ["", "## By cluster", "", _CLUSTER_INTRO, ""]
        page += _render_cluster_table(coverage, coverage_by_cluster)
    return "\n".join([*page, ""])


def _render_cluster_table(
    coverage: Coverage, coverage_by_cluster: Mapping[str, Coverage]
) -> Iterator[str]:
    columns = ["requirement", *coverage_by_cluster]
    yield _render_row(columns)
    yield _render_row(["---"] * len(columns))
    for located in coverage.requirements:
        requirement = located.requirement
        claims = coverage.list_claims(requirement.id)
        cells = [
            _describe_validation(claims, each.list_claims(requirement.id))
            for each in coverage_by_cluster.values()
        ]
        if any(cells):
            group = requirement.id.partition(".")[0]
            yield _render_row([f"{group}: {requirement.says}", *(cell or "yes" for cell in cells)])


def _describe_validation(claims: Sequence[Claim], kept: Sequence[Claim]) -> str:
    """Describe what of a requirement is not validated; empty if all is."""
    lost = [claim for claim in claims if claim.watcher not in [each.watcher for each in kept]]
    if not lost:
        return ""
    without = ", ".join(dict.fromkeys(map(_describe_watcher, lost)))
    return f"in part, without {without}" if kept else "not validated"


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of requirements."""

    coverage: Coverage
    since: Since | None

    def list_rows(self, located: LocatedRequirement) -> Iterator[list[str]]:
        claims = self.coverage.list_claims(located.requirement.id)
        validation = located.requirement.validated_by
        watch = _describe_watch(claims, validation)
        for until, paths in self._list_accepted_paths(located).items():
            where = f" on {' and '.join(paths)}" if paths else ""
            watch += f", accepted{where} until {until}"
        first_cells = [located.requirement.says, watch]
        if validation:
            since_cells = [] if self.since is None else [""]
            yield [*first_cells, f"validated by {validation}", "", "", "", *since_cells]
            first_cells = ["", ""]
        if located.requirement.report:
            link = f"[{located.requirement.report}]({_REPORT}#{located.requirement.report})"
            since_cells = [] if self.since is None else [""]
            yield [*first_cells, f"documented in the report, {link}", "", "", "", *since_cells]
            first_cells = ["", ""]
        for claim in claims:
            yield [*first_cells, *self._list_claim_cells(claim)]
            first_cells = ["", ""]

    def _list_accepted_paths(self, located: LocatedRequirement) -> dict[str, list[str]]:
        """List the paths on which a failure is accepted, by the end; none for all of them."""
        paths: dict[str, list[str]] = {}
        for entry in self.coverage.list_accepted(located.requirement):
            paths.setdefault(str(entry.until), []).extend([entry.path] if entry.path else [])
        return paths

    def _list_claim_cells(self, claim: Claim) -> Iterator[str]:
        metrics = dict.fromkeys(
            name.group()
            for query in list_watcher_queries(claim.watcher)
            for selector in list_selectors(query)
            if (name := _NAME.match(selector))
        )
        selectors = list_claim_data(self.coverage, claim)
        texts = dict.fromkeys(
            text
            for selector in selectors
            for origin in _find_origins(selector, self.coverage.sources)
            for text in origin.split("; ")
        )
        yield _describe_watcher(claim)
        yield ", ".join(f"`{metric}`" for metric in metrics)
        yield "; ".join(texts)
        yield f"`{_name_test(claim)}`"
        if self.since is not None:
            yield _describe_since([self.since.get(selector) for selector in selectors])


def _describe_since(times: Sequence[datetime | None]) -> str:
    """Describe from when on all series of a watcher that have data have some."""
    known = [time for time in times if time]
    if not known:
        return "no data" if times else ""
    missing = len(times) - len(known)
    return f"{max(known):%Y-%m-%d %H:%M} UTC" + (
        f", {missing} of {len(times)} selectors without data" if missing else ""
    )


def _describe_watch(claims: Sequence[Claim], validation: str) -> str:
    """Describe whether alerts watch a requirement, or a command or a person validates it."""
    if any(_has_alert(claim.watcher) for claim in claims):
        return "in part" if validation else "yes"
    if not validation:
        return "recorded, no alert" if claims else "no"
    return "no, by command" if _COMMAND.search(validation) else "no, by hand"


def _has_alert(watcher: Watcher) -> bool:
    """Tell whether an alert fires on the values; that on missing data does not."""
    if not isinstance(watcher, SloSpec):
        return isinstance(watcher, StandaloneAlert)
    alerting = watcher.alerting
    burn_alerts = (alerting.page_alert, alerting.ticket_alert)
    return bool(alerting.threshold_alerts) or not all(each.disable for each in burn_alerts)


def _describe_watcher(claim: Claim) -> str:
    match claim.watcher:
        case SloSpec():
            return f"SLO `{claim.service}-{claim.watcher.name}`"
        case StandaloneAlert():
            return f"alert `{claim.watcher.name}`"
        case StandaloneRecording():
            labels = claim.watcher.labels
            return f"series `{claim.watcher.record}{format_label_set(labels) if labels else ''}`"


def _name_test(claim: Claim) -> str:
    match claim.watcher:
        case SloSpec():
            return f"{claim.service}-{claim.watcher.name}-*"
        case StandaloneAlert():
            return names.name_alert_group(claim.watcher.name)
        case StandaloneRecording():
            return names.name_recording_group(claim.watcher.record).replace(":", "-")


def _render_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _find_origins(selector: str, sources: Mapping[str, str]) -> list[str]:
    """Find the texts of the sources that fit best: most labels, then the longest name."""
    fitting: dict[tuple[int, int], list[str]] = {}
    for source, text in sources.items():
        name, labels = _read_source(source)
        if promql.read_selector_metric(selector).startswith(name) and _names_values(
            selector, labels
        ):
            fitting.setdefault((len(labels), len(name)), []).append(text)
    return fitting[max(fitting)] if fitting else []


def _read_source(source: str) -> tuple[str, dict[str, str]]:
    node = promql.parse_query(source)
    if not isinstance(node, ast.VectorSelector):
        return source, {}
    labels = {each.name: each.value for each in node.matchers.matchers if each.name != "__name__"}
    return read_metric_name(node), labels


def _names_values(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector has a matcher for each of these labels, and all match its value."""
    found = {label: list_matchers(selector, label) for label in labels}
    return all(
        found[label] and all(promql.matches_value(each, value) for each in found[label])
        for label, value in labels.items()
    )
