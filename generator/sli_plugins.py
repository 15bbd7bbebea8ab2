"""SLI plugins: Python functions that write the query of an SLO, like Sloth's Go plugins."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from traceback import extract_tb

from pydantic import ValidationError

from slos.schema.problem import Position, Problem
from slos.schema.sli.plugin import PluginSli
from slos.schema.sli.raw import RawSli
from slos.schema.spec import LocatedSpec, Sli, SloSpec
from slos.schema.yaml.validation import explain_error

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SliPlugin:
    """SLI plugin; `write(meta, labels, options)` returns a raw query, a template over the window.

    Attributes:
        id: id of the plugin in specs.
        file: source file or entry point, for problems.
        write: the function.
    """

    id: str
    file: str
    write: Callable[[Texts, Texts, Texts], str]


def apply_plugins(
    located: LocatedSpec, plugins: Mapping[str, SliPlugin]
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Replace the plugins of a spec by their queries; None and the problems when one fails."""
    if not any(isinstance(slo.sli.get_type(), PluginSli) for slo in located.spec.slos):
        return located, []
    slos: list[SloSpec] = []
    problems: list[Problem] = []
    for index, slo in enumerate(located.spec.slos):
        sli = slo.sli.get_type()
        if not isinstance(sli, PluginSli):
            slos.append(slo)
        elif sli.id not in plugins:
            problems.append(
                _build_unknown_plugin_problem(
                    located.find_position(("slos", index, "sli", "plugin", "id")), sli.id
                )
            )
        else:
            query, plugin_problems = _call_plugin(located, slo, sli, plugins[sli.id])
            position = located.find_position(("slos", index, "sli", "plugin"))
            problems += [_move_to_slo(each, position) for each in plugin_problems]
            slos += [_with_query(slo, query)] if query else []
    if problems:
        return None, problems
    return replace(located, spec=located.spec.model_copy(update={"slos": slos})), []


@contextmanager
def redirect_output() -> Iterator[None]:
    """Redirect stdout to stderr while a plugin runs; its output is not part of the rules."""
    with redirect_stdout(sys.stderr):
        yield


def describe_plugin_error(error: BaseException, file: str) -> Problem:
    """Describe an error that a plugin raised, at the line of its file."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) else (lines or [0])[-1]
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    position = Position(file, line or 0, 1 if line else 0)
    if isinstance(error, SystemExit):
        hint = "raise an exception with the reason instead"
        return Problem(position, "plugin called sys.exit()", hint)
    return Problem(position, f"plugin failed: {type(error).__name__}: {reason or 'no message'}")


def _call_plugin(
    located: LocatedSpec, slo: SloSpec, sli: PluginSli, plugin: SliPlugin
) -> tuple[RawSli | None, list[Problem]]:
    spec, context = located.spec, located.document.context
    # The objective is a text with six decimals, as Go plugins get it.
    meta = {"service": spec.service, "slo": slo.name, "objective": f"{float(slo.objective):f}"}
    try:
        with redirect_output():
            query = plugin.write(meta, dict(spec.labels), dict(sli.options))
        return RawSli.model_validate({"error_ratio_query": query}, context=context), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        explanations = [explain_error(detail, RawSli) for detail in details]
        return None, [
            Problem(Position(plugin.file), f"plugin returned no query: {message}", hint)
            for message, hint in explanations
        ]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's program raises is a finding
        return None, [describe_plugin_error(error, plugin.file)]


def _move_to_slo(problem: Problem, position: Position) -> Problem:
    """Move a problem of a plugin to the SLO it was called for."""
    hint = f"{problem.hint}; " if problem.hint else ""
    return replace(problem, position=position, hint=f"{hint}see {problem.position}")


def _with_query(slo: SloSpec, query: RawSli) -> SloSpec:
    return slo.model_copy(update={"sli": Sli.model_validate({"raw": query})})


def _build_unknown_plugin_problem(position: Position, id_: str) -> Problem:
    return Problem(
        position,
        f"unknown SLI plugin {id_!r}; plugins in Go are not supported",
        "write it in Python and name its folder with --plugins, "
        "or write its query as an 'events' or 'raw' SLI",
    )
