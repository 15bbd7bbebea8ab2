"""Traceability page: each requirement with its SLOs and alerts, their metrics and tests."""

import re
from collections.abc import Iterator, Mapping, Sequence

from generator import names
from generator.requirements import Asked, Claim, Coverage
from generator.text import yaml_writer
from slos.schema.promql import selectors
from slos.schema.sli.plugin import PluginSli
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import SloSpec
from slos.schema.standalone import PlainAlert, Recording

_NAME = re.compile(r"[A-Za-z_:][\w:]*")
_COLUMNS = ("line", "watched by", "metric", "data from", "test")


def page(coverage: Coverage, sources: Mapping[str, str], specs: Sequence[str]) -> str:
    """Markdown page with a table for each group of requirements, by the prefix of their ids.

    Args:
        coverage: requirements and the claims that cover them.
        sources: origin of metrics by the prefix of their names.
        specs: spec files, for the header.
    """
    named = ", ".join(specs)
    head = [
        f"<!-- {yaml_writer.MARK.removeprefix('# ')} from {named}. Do not edit: change the specs. -->",
        "# Traceability",
        "",
        "Each line of the story: who watches it all the time, or which scenario validates it.",
        "Made by `make rules`.",
    ]
    groups: dict[str, list[Asked]] = {}
    for asked in coverage.asked:
        groups.setdefault(asked.requirement.id.partition(".")[0], []).append(asked)
    for name, members in groups.items():
        head += ["", f"## {name}", "", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
        for asked in members:
            head += _rows(asked, coverage.of(asked.requirement.id), sources)
    return "\n".join([*head, ""])


def _rows(asked: Asked, claims: Sequence[Claim], sources: Mapping[str, str]) -> Iterator[str]:
    says = asked.requirement.says
    if asked.requirement.validated_by:
        yield _row([says, f"validated by {asked.requirement.validated_by}", "", "", ""])
        says = ""
    for claim in claims:
        metrics = list(dict.fromkeys(_metrics(claim.watcher)))
        origins = dict.fromkeys(_source(metric, sources) for metric in metrics)
        yield _row(
            [
                says,
                _watcher(claim),
                ", ".join(f"`{metric}`" for metric in metrics),
                ", ".join(origin for origin in origins if origin),
                f"`{_test(claim)}`",
            ]
        )
        says = ""


def _watcher(claim: Claim) -> str:
    match claim.watcher:
        case SloSpec():
            return f"SLO `{claim.service}-{claim.watcher.name}`"
        case PlainAlert():
            return f"alert `{claim.watcher.name}`"
        case Recording():
            return f"series `{claim.watcher.record}`"


def _metrics(watcher: SloSpec | PlainAlert | Recording) -> Iterator[str]:
    for query in _queries(watcher):
        for selector in selectors(query):
            if found := _NAME.match(selector):
                yield found.group()


def _queries(watcher: SloSpec | PlainAlert | Recording) -> list[str]:
    if not isinstance(watcher, SloSpec):
        return [watcher.query]
    sli = watcher.sli.chosen()
    if isinstance(sli, PluginSli):
        return []
    queries = sli.queries()
    if isinstance(queries, EventQueries):
        return [queries.total, queries.errors]
    return [queries.ratio]


def _source(metric: str, sources: Mapping[str, str]) -> str:
    """Origin of a metric, by the longest prefix that matches."""
    fitting = [start for start in sources if metric.startswith(start)]
    return sources[max(fitting, key=len)] if fitting else ""


def _test(claim: Claim) -> str:
    match claim.watcher:
        case SloSpec():
            return f"{claim.service}-{claim.watcher.name}-*"
        case PlainAlert():
            return names.alert_group(claim.watcher.name)
        case Recording():
            return names.recording_group(claim.watcher.record).replace(":", "-")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
