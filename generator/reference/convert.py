"""Conversion of specs to Sloth's `prometheus/v1`; keys that Sloth lacks become comments."""

import json
from collections.abc import Iterator, Sequence

from generator.profiles.sloth.resolve import list_standalone_keys, list_unsupported_keys
from generator.text import yaml_writer
from generator.text.yaml_writer import Block, Comment, Raw, TextMapping, YamlValue
from slos.schema.alerting import Alerting, BurnAlertSpec
from slos.schema.problem import Problem, ProblemSeverity, filter_errors
from slos.schema.query_analysis import NotSummableError
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import LocatedSpec, PluginChain, SloSpec, Spec
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
    return [*list_unsupported_keys(located.spec, slo), *_list_command_line_keys(located.spec, slo)]


def _render_document(located: LocatedSpec) -> list[str]:
    spec = located.spec
    return yaml_writer.render_mapping(
        {
            "version": Raw("prometheus/v1"),
            "service": spec.service,
            "labels": TextMapping(spec.labels),
            "slo_plugins": _map_plugin_chain(spec.slo_plugins),
            "slos": [_map_slo(slo, _list_unsupported_keys(located, slo)) for slo in spec.slos],
        }
    )


def _map_slo(slo: SloSpec, unsupported_keys: list[str]) -> YamlValue:
    comments = (Comment(f"Not supported by Sloth: {key}") for key in unsupported_keys)
    description = {"description": Block(slo.description)} if slo.description else {}
    return {
        "name": slo.name,
        **{comment: comment for comment in comments},
        **description,
        "objective": Raw(format_decimal(slo.objective)),
        "labels": TextMapping(slo.labels),
        "plugins": _map_plugin_chain(slo.plugins),
        "sli": _map_sli(slo),
        "alerting": _map_alerting(slo.alerting),
    }


def _map_sli(slo: SloSpec) -> YamlValue:
    queries = slo.sli.get_type().build_queries()
    if isinstance(queries, EventQueries):
        errors, total = Block(queries.errors), Block(queries.total)
        return {"events": {"error_query": errors, "total_query": total}}
    return {"raw": {"error_ratio_query": Block(queries.ratio)}}


def _map_alerting(alerting: Alerting) -> YamlValue:
    return {
        "name": alerting.name or Raw('""'),
        "labels": TextMapping(alerting.labels),
        "annotations": TextMapping(alerting.annotations),
        "page_alert": _map_alert(alerting.page_alert),
        "ticket_alert": _map_alert(alerting.ticket_alert),
    }


def _map_alert(alert: BurnAlertSpec) -> YamlValue:
    return {
        "disable": Raw("true" if alert.disable else ""),
        "labels": TextMapping(alert.labels),
        "annotations": TextMapping(alert.annotations),
    }


def _map_plugin_chain(chain: PluginChain | None) -> YamlValue:
    if chain is None:
        return {}
    uses: list[YamlValue] = [
        {
            "id": use.id,
            "priority": Raw(use.priority),
            # JSON is YAML, and Sloth reads a configuration as JSON.
            "config": Raw("" if use.config is None else json.dumps(use.config, default=float)),
        }
        for use in chain.chain
    ]
    return {
        "overridePrevious": Raw(str(chain.override_previous).lower()),
        "chain": uses or Raw("[]"),
    }


def _list_command_line_keys(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys that Sloth has as options of a run, each with the option."""
    period, keys = slo.period or spec.period, []
    if period:
        keys.append(f"period (use --default-slo-period {period} of Sloth)")
    if slo.alerting.windows:
        keys.append("alerting.windows (use an AlertWindows file with --slo-period-windows-path)")
    return keys
