"""Conversion of specs to Sloth's `prometheus/v1`; keys that Sloth lacks become comments."""

import json
from collections.abc import Iterator, Sequence

from generator.profiles.sloth.unsupported import beside_slos, for_command_line, left_out
from generator.text import yaml_writer
from slos.schema.alerting import Alerting, BurnAlert
from slos.schema.problem import Problem, Severity, errors
from slos.schema.query_analysis import NotSummable
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import LocatedSpec, PluginChain, SloSpec
from slos.schema.units import plain


def to_sloth(specs: Sequence[LocatedSpec]) -> tuple[str, list[Problem]]:
    """Convert specs to one text, a YAML document each, with a problem for everything left out."""
    documents, problems = [], []
    for located in specs:
        if not located.spec.slos:
            problems.append(_without_slos(located))
            continue
        found = list(_problems(located))
        problems += found
        if all(problem.severity is Severity.WARNING for problem in found):
            documents.append("\n".join([*_document(located), ""]))
    if specs and not documents and not errors(problems):
        at, hint = specs[0].document.at(), "Sloth has SLOs only; write one"
        problems.append(
            Problem(at, "no spec here has an SLO, so there is nothing to convert", hint)
        )
    return "---\n".join([*_head(specs, documents)]), problems


def _head(specs: Sequence[LocatedSpec], documents: Sequence[str]) -> Iterator[str]:
    """Documents, the first one with the header that marks the file as generated."""
    files = dict.fromkeys(located.document.file for located in specs if located.spec.slos)
    for number, document in enumerate(documents):
        yield (
            document
            if number
            else yaml_writer.document(
                tuple(files), document.removesuffix("\n").split("\n"), again="convert"
            )
        )


def _without_slos(located: LocatedSpec) -> Problem:
    return Problem(
        located.document.at(),
        "the spec has no SLOs, and Sloth refuses one without",
        "it is left out",
        Severity.WARNING,
    )


def _problems(located: LocatedSpec) -> Iterator[Problem]:
    for key in beside_slos(located.spec):
        message = f"Sloth has nothing like {key!r}"
        yield Problem(located.at((key,)), message, "it is left out", Severity.WARNING)
    for index, slo in enumerate(located.spec.slos):
        unsaid = _unsaid(located, slo)
        if unsaid:
            yield Problem(
                located.at(("slos", index, "name")),
                f"Sloth cannot say {', '.join(unsaid)}",
                "it is left out, and a comment says so",
                Severity.WARNING,
            )
        sli = slo.sli.chosen()
        try:
            sli.queries()
        except NotSummable as error:
            message, _, hint = str(error).partition("; ")
            yield Problem(located.at(("slos", index, "sli")), message, hint)


def _unsaid(located: LocatedSpec, slo: SloSpec) -> list[str]:
    return [*left_out(located.spec, slo), *for_command_line(located.spec, slo)]


def _document(located: LocatedSpec) -> Iterator[str]:
    spec = located.spec
    yield "version: prometheus/v1"
    yield f"service: {yaml_writer.scalar(spec.service)}"
    yield from yaml_writer.mapping("labels", spec.labels)
    yield from _chain("slo_plugins", spec.slo_plugins)
    yield "slos:"
    for slo in spec.slos:
        first, *others = _slo(slo, _unsaid(located, slo))
        yield f"  - {first}"
        yield from yaml_writer.indented(others, 4)


def _slo(slo: SloSpec, unsaid: list[str]) -> Iterator[str]:
    yield f"name: {yaml_writer.scalar(slo.name)}"
    for each in unsaid:
        yield f"# Sloth cannot say: {each}"
    yield from yaml_writer.block("description", slo.description) if slo.description else []
    yield f"objective: {plain(slo.objective)}"
    yield from yaml_writer.mapping("labels", slo.labels)
    yield from _chain("plugins", slo.plugins)
    yield "sli:"
    yield from yaml_writer.indented(_sli(slo), 2)
    yield "alerting:"
    yield from yaml_writer.indented(_alerting(slo.alerting), 2)


def _sli(slo: SloSpec) -> Iterator[str]:
    queries = slo.sli.chosen().queries()
    if isinstance(queries, EventQueries):
        yield "events:"
        yield from yaml_writer.indented(yaml_writer.block("error_query", queries.errors), 2)
        yield from yaml_writer.indented(yaml_writer.block("total_query", queries.total), 2)
    else:
        yield "raw:"
        yield from yaml_writer.indented(yaml_writer.block("error_ratio_query", queries.ratio), 2)


def _alerting(alerting: Alerting) -> Iterator[str]:
    yield f"name: {yaml_writer.scalar(alerting.name)}"
    yield from yaml_writer.mapping("labels", alerting.labels)
    yield from yaml_writer.mapping("annotations", alerting.annotations)
    yield from _alert("page_alert", alerting.page_alert)
    yield from _alert("ticket_alert", alerting.ticket_alert)


def _alert(key: str, alert: BurnAlert) -> Iterator[str]:
    lines = [
        *(["disable: true"] if alert.disable else []),
        *yaml_writer.mapping("labels", alert.labels),
        *yaml_writer.mapping("annotations", alert.annotations),
    ]
    if lines:
        yield f"{key}:"
        yield from yaml_writer.indented(lines, 2)


def _chain(key: str, chain: PluginChain | None) -> Iterator[str]:
    if chain is None:
        return
    yield f"{key}:"
    yield f"  overridePrevious: {str(chain.override_previous).lower()}"
    yield "  chain:" if chain.chain else "  chain: []"
    for use in chain.chain:
        yield f"    - id: {yaml_writer.scalar(use.id)}"
        yield f"      priority: {use.priority}"
        if use.config is not None:
            # JSON is YAML, and Sloth reads a configuration as JSON.
            yield f"      config: {json.dumps(use.config, default=float)}"
