"""Plan of the parts of specs that have no errors, for `--keep-going`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from generator import pipeline
from generator.model import SpecFile
from slos.schema.problem import Problem, filter_errors, sort_problems
from slos.schema.yaml.document import list_names


def plan_partial_build(
    sources: Sequence[SpecFile], settings: pipeline.BuildSettings, errors: Sequence[Problem] = ()
) -> pipeline.BuildPlan:
    """Plan every source without the SLOs, alerts, recordings and documents that have errors.

    Without one part another one can have an error, such as an alert that reads a recording, so
    parts are left out until there is no error.

    Args:
        sources: spec files.
        settings: settings of the build.
        errors: errors of files that were left out before.
    """
    left_out, all_sources = list(errors), sources
    all_indicators = pipeline.collect_indicators(all_sources)
    while True:
        lost_names = _list_lost_names(all_sources, sources)
        lost = all_indicators.keys() - pipeline.collect_indicators(sources).keys()
        build_plan = pipeline.plan_build(
            sources,
            replace(settings, indicators=dict.fromkeys(lost)),
            is_partial=bool(left_out),
            lost_names=lost_names,
        )
        found = filter_errors(build_plan.problems)
        # Without files that have nothing right, nothing is left.
        is_empty = not build_plan.plans and not any(each.position.line for each in found)
        remaining = [kept for source in sources if (kept := _leave_out_errors(source, found))]
        if is_empty:
            problems = sort_problems((*left_out, *build_plan.problems))
            return replace(build_plan, problems=tuple(problems))
        if remaining == sources:
            errors = tuple(sort_problems(left_out))
            return replace(build_plan, left_out_errors=errors, left_out_names=lost_names)
        left_out += found
        sources = remaining


def _leave_out_errors(source: SpecFile, errors: Iterable[Problem]) -> SpecFile | None:
    """Leave out the parts of a source that have errors; None if nothing remains."""
    positions = [e.position for e in errors if e.position.file == source.display_name]
    return pipeline.leave_out_parts(source, positions)


def _list_lost_names(
    all_sources: Sequence[SpecFile], sources: Iterable[SpecFile]
) -> frozenset[str]:
    """Metrics of recordings and ids of SLOs of which every definition is left out."""
    left_out = {source.display_name: source.left_out for source in sources}
    if all(left_out.get(source.display_name) == frozenset() for source in all_sources):
        return frozenset()
    lost, defined = Counter[str](), Counter[str]()
    for source in all_sources:
        defined.update(list_names(source.data, None))
        lost.update(list_names(source.data, left_out.get(source.display_name)))
    return frozenset(name for name in lost if lost[name] == defined[name])
