"""Traceability page: each requirement with its SLOs and alerts, their metrics and tests."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

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


_CLUSTER_INTRO = """\
Requirements of which a cluster does not validate every part, because its prober does not run the
probe, scenario or observer that exports the series. `slo-probe inventory` lists what it exports."""


def render_traceability_page(
    coverage: Coverage,
    specs: Sequence[str],
    coverage_by_cluster: Mapping[str, Coverage] = MappingProxyType({}),
) -> str:
    """Markdown page with a table for each group of requirements, by the prefix of their ids.

    Args:
        coverage: requirements and the claims that cover them.
        specs: spec files, for the header.
        coverage_by_cluster: coverage by what the prober of each cluster exports.
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
            claims = coverage.list_claims(located.requirement.id)
            head += _render_rows(located, claims, coverage.sources)
    if coverage_by_cluster:
        head += ["", "## By cluster", "", _CLUSTER_INTRO, ""]
        head += _render_cluster_table(coverage, coverage_by_cluster)
    return "\n".join([*head, ""])


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
