"""Traceability page: each requirement with its SLOs and alerts, their metrics and tests."""

import re
from collections.abc import Iterator, Mapping, Sequence

from generator import names
from generator.requirements import Claim, Coverage, LocatedRequirement
from generator.text import yaml_writer
from slos.schema.promql import list_selectors
from slos.schema.sli.plugin import PluginSli
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import SloSpec
from slos.schema.standalone import StandaloneAlert, StandaloneRecording

_NAME = re.compile(r"[A-Za-z_:][\w:]*")
_COLUMNS = ("requirement", "covered by", "metric", "source", "test")


def render_traceability_page(
    coverage: Coverage, sources: Mapping[str, str], specs: Sequence[str]
) -> str:
    """Markdown page with a table for each group of requirements, by the prefix of their ids.

    Args:
        coverage: requirements and the claims that cover them.
        sources: origin of metrics by the prefix of their names.
        specs: spec files, for the header.
    """
    mark, listed_specs = yaml_writer.GENERATED_MARK.removeprefix("# "), ", ".join(specs)
    head = [
        f"<!-- {mark} from {listed_specs}. Do not edit: change the specs. -->",
        "# Traceability",
        "",
        "Requirements, with the SLOs and alerts that cover each or the scenario that validates it.",
        "`make rules` generates this page.",
    ]
    groups: dict[str, list[LocatedRequirement]] = {}
    for located in coverage.requirements:
        groups.setdefault(located.requirement.id.partition(".")[0], []).append(located)
    for name, members in groups.items():
        head += ["", f"## {name}", "", _render_row(_COLUMNS), _render_row(["---"] * len(_COLUMNS))]
        for located in members:
            head += _render_rows(located, coverage.list_claims(located.requirement.id), sources)
    return "\n".join([*head, ""])


def _render_rows(
    located: LocatedRequirement, claims: Sequence[Claim], sources: Mapping[str, str]
) -> Iterator[str]:
    requirement_text = located.requirement.says
    if located.requirement.validated_by:
        yield _render_row(
            [requirement_text, f"validated by {located.requirement.validated_by}", "", "", ""]
        )
        requirement_text = ""
    for claim in claims:
        metrics = list(dict.fromkeys(_list_metrics(claim.watcher)))
        origins = dict.fromkeys(_find_source(metric, sources) for metric in metrics)
        yield _render_row(
            [
                requirement_text,
                _describe_watcher(claim),
                ", ".join(f"`{metric}`" for metric in metrics),
                ", ".join(origin for origin in origins if origin),
                f"`{_name_test(claim)}`",
            ]
        )
        requirement_text = ""


def _describe_watcher(claim: Claim) -> str:
    match claim.watcher:
        case SloSpec():
            return f"SLO `{claim.service}-{claim.watcher.name}`"
        case StandaloneAlert():
            return f"alert `{claim.watcher.name}`"
        case StandaloneRecording():
            return f"series `{claim.watcher.record}`"


def _list_metrics(watcher: SloSpec | StandaloneAlert | StandaloneRecording) -> Iterator[str]:
    for query in _list_queries(watcher):
        for selector in list_selectors(query):
            if found := _NAME.match(selector):
                yield found.group()


def _list_queries(watcher: SloSpec | StandaloneAlert | StandaloneRecording) -> list[str]:
    if not isinstance(watcher, SloSpec):
        return [watcher.query]
    sli = watcher.sli.get_type()
    if isinstance(sli, PluginSli):
        return []
    queries = sli.build_queries()
    if isinstance(queries, EventQueries):
        return [queries.total, queries.errors]
    return [queries.ratio]


def _find_source(metric: str, sources: Mapping[str, str]) -> str:
    """Origin of a metric, by the longest prefix that matches."""
    prefixes = [start for start in sources if metric.startswith(start)]
    return sources[max(prefixes, key=len)] if prefixes else ""


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
