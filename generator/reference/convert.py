"""Conversion of specs to Sloth's `prometheus/v1`; keys that Sloth lacks become comments."""

import json
from collections.abc import Iterator, Sequence

from generator.profiles.sloth.unsupported import (
    list_command_line_keys,
    list_standalone_keys,
    list_unsupported_keys,
)
from generator.text import yaml_writer
from slos.schema.alerting import Alerting, BurnAlertSpec
from slos.schema.problem import Problem, ProblemSeverity, filter_errors
from slos.schema.query_analysis import NotSummableError
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import LocatedSpec, PluginChain, SloSpec
from slos.schema.units import format_decimal


def to_sloth(specs: Sequence[LocatedSpec]) -> tuple[str, list[Problem]]:
    """Convert specs to one text, a YAML document each, with a problem for everything left out."""
    documents, problems = [], []
    for located in specs:
        if not located.spec.slos:
            problems.append(_build_no_slos_warning(located))
            continue
        found = list(_find_problems(located))
        problems += found
        if all(problem.severity is ProblemSeverity.WARNING for problem in found):
            documents.append("\n".join([*_render_document(located), ""]))
    if specs and not documents and not filter_errors(problems):
        position, hint = specs[0].document.find_position(), "add an SLO; Sloth supports only SLOs"
        problems.append(Problem(position, "no SLOs to convert", hint))
    return "---\n".join([*_join_documents(specs, documents)]), problems


def _join_documents(specs: Sequence[LocatedSpec], documents: Sequence[str]) -> Iterator[str]:
    """Documents, the first one with the header that marks the file as generated."""
    files = dict.fromkeys(located.document.file for located in specs if located.spec.slos)
    for number, document in enumerate(documents):
        yield (
            document
            if number
            else yaml_writer.render_document(
                tuple(files), document.removesuffix("\n").split("\n"), command="convert"
            )
        )


def _build_no_slos_warning(located: LocatedSpec) -> Problem:
    return Problem(
        located.document.find_position(),
        "spec without SLOs",
        "the spec is omitted; Sloth requires an SLO",
        ProblemSeverity.WARNING,
    )


def _find_problems(located: LocatedSpec) -> Iterator[Problem]:
    for key in list_standalone_keys(located.spec):
        message = f"Sloth does not support {key!r}"
        yield Problem(
            located.find_position((key,)), message, "the key is omitted", ProblemSeverity.WARNING
        )
    for index, slo in enumerate(located.spec.slos):
        unsupported_keys = _list_unsupported_keys(located, slo)
        if unsupported_keys:
            yield Problem(
                located.find_position(("slos", index, "name")),
                f"Sloth does not support {', '.join(unsupported_keys)}",
                "omitted; a comment in the output names each key",
                ProblemSeverity.WARNING,
            )
        sli = slo.sli.get_type()
        try:
            sli.build_queries()
        except NotSummableError as error:
            message, _, hint = str(error).partition("; ")
            yield Problem(located.find_position(("slos", index, "sli")), message, hint)


def _list_unsupported_keys(located: LocatedSpec, slo: SloSpec) -> list[str]:
    return [*list_unsupported_keys(located.spec, slo), *list_command_line_keys(located.spec, slo)]


def _render_document(located: LocatedSpec) -> Iterator[str]:
    spec = located.spec
    yield "version: prometheus/v1"
    yield f"service: {yaml_writer.format_scalar(spec.service)}"
    yield from yaml_writer.render_mapping("labels", spec.labels)
    yield from _render_plugin_chain("slo_plugins", spec.slo_plugins)
    yield "slos:"
    for slo in spec.slos:
        first, *others = _render_slo(slo, _list_unsupported_keys(located, slo))
        yield f"  - {first}"
        yield from yaml_writer.indent_lines(others, 4)


def _render_slo(slo: SloSpec, unsupported_keys: list[str]) -> Iterator[str]:
    yield f"name: {yaml_writer.format_scalar(slo.name)}"
    for unsupported_key in unsupported_keys:
        yield f"# Not supported by Sloth: {unsupported_key}"
    yield from yaml_writer.render_block("description", slo.description) if slo.description else []
    yield f"objective: {format_decimal(slo.objective)}"
    yield from yaml_writer.render_mapping("labels", slo.labels)
    yield from _render_plugin_chain("plugins", slo.plugins)
    yield "sli:"
    yield from yaml_writer.indent_lines(_render_sli(slo), 2)
    yield "alerting:"
    yield from yaml_writer.indent_lines(_render_alerting(slo.alerting), 2)


def _render_sli(slo: SloSpec) -> Iterator[str]:
    queries = slo.sli.get_type().build_queries()
    if isinstance(queries, EventQueries):
        yield "events:"
        yield from yaml_writer.indent_lines(
            yaml_writer.render_block("error_query", queries.errors), 2
        )
        yield from yaml_writer.indent_lines(
            yaml_writer.render_block("total_query", queries.total), 2
        )
    else:
        yield "raw:"
        yield from yaml_writer.indent_lines(
            yaml_writer.render_block("error_ratio_query", queries.ratio), 2
        )


def _render_alerting(alerting: Alerting) -> Iterator[str]:
    yield f"name: {yaml_writer.format_scalar(alerting.name)}"
    yield from yaml_writer.render_mapping("labels", alerting.labels)
    yield from yaml_writer.render_mapping("annotations", alerting.annotations)
    yield from _render_alert("page_alert", alerting.page_alert)
    yield from _render_alert("ticket_alert", alerting.ticket_alert)


def _render_alert(key: str, alert: BurnAlertSpec) -> Iterator[str]:
    lines = [
        *(["disable: true"] if alert.disable else []),
        *yaml_writer.render_mapping("labels", alert.labels),
        *yaml_writer.render_mapping("annotations", alert.annotations),
    ]
    if lines:
        yield f"{key}:"
        yield from yaml_writer.indent_lines(lines, 2)


def _render_plugin_chain(key: str, chain: PluginChain | None) -> Iterator[str]:
    if chain is None:
        return
    yield f"{key}:"
    yield f"  overridePrevious: {str(chain.override_previous).lower()}"
    yield "  chain:" if chain.chain else "  chain: []"
    for use in chain.chain:
        yield f"    - id: {yaml_writer.format_scalar(use.id)}"
        yield f"      priority: {use.priority}"
        if use.config is not None:
            # JSON is YAML, and Sloth reads a configuration as JSON.
            yield f"      config: {json.dumps(use.config, default=float)}"
