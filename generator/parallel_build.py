"""Parallel build: the plan of a build of many specs, with the files of each plan rendered at once.

Specs are planned and rendered in several processes. What is known from the last build is not
planned again. Neither changes the result: a plan that depends on other specs is not known, and a
file that is not as the last build left it is an error, after which everything is planned again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from generator import pipeline
from generator.collisions import SpecNames
from generator.files import build_cache, processes
from generator.files.build_cache import Entry
from generator.lint._run import SpecInRun
from generator.lint._subject import NamedAlert
from generator.model import PackedArtifact, Plan, SpecFile
from generator.outputs import load_formats
from generator.pipeline import BuildInput, BuildPlan, BuildSettings, SourcePlan
from generator.requirements import Coverage
from slos.schema.problem import Position, Problem, ProblemSeverity

# Fewer specs are built before another process has started.
_FEWEST_OF_A_JOB = 25
# As the key is usually written. Checks of inhibitions read the specs of all files.
_INHIBITS = b"inhibits"


@dataclass(frozen=True, slots=True)
class ParallelBuild:
    """Build of many specs into a folder, in several processes and with a cache.

    Attributes:
        folder: output folder.
        formats: output formats.
        jobs: number of processes; None for as many as are of use.
        uses_cache: whether files that the last build wrote are not made again.
    """

    folder: Path
    formats: tuple[str, ...]
    jobs: int | None = None
    uses_cache: bool = True

    def count_jobs(self, specs: int) -> int:
        """Number of processes for a number of spec files."""
        if self.jobs is not None:
            return min(self.jobs, max(specs, 1))
        return max(1, min(processes.count_processors(), specs // _FEWEST_OF_A_JOB))

    def is_worthwhile(self, specs: int) -> bool:
        """Tell whether so many spec files are worth it."""
        return self.jobs is not None or specs >= 2 * _FEWEST_OF_A_JOB


@dataclass(frozen=True, slots=True)
class _RenderedSource:
    """Plan of a source and its files in each format; without what only the files need."""

    source_plan: SourcePlan
    files: dict[str, list[PackedArtifact]]


def plan_parallel_build(
    sources: Sequence[SpecFile], settings: BuildSettings, build: ParallelBuild
) -> BuildPlan:
    """Plan a build, with its files and the entries for the next build."""
    run = pipeline.prepare_run(sources, settings)
    keeps_plans = any(load_formats()[each].render_run for each in build.formats)
    keeps_specs = any(_INHIBITS in source.data for source in sources)
    keys = _compute_keys(run, build)
    known = build_cache.read_entries(build.folder) if build.uses_cache else {}

    def render_source(number: int) -> _RenderedSource:
        entry = known.get(keys[number])
        source_plan = pipeline.plan_source(run.sources[number], run)
        files = _read_files(entry) if entry else _render_files(source_plan.plan, run, build)
        if not keeps_plans:
            source_plan = replace(source_plan, plan=None)
        if not keeps_specs:
            specs = tuple(replace(each, spec=None, slos=()) for each in source_plan.specs)
            source_plan = replace(source_plan, specs=specs)
        return _RenderedSource(replace(source_plan, slos=()), files)

    unknown = [n for n, key in enumerate(keys) if keeps_plans or keeps_specs or key not in known]
    # The processes have all that this one has loaded for the first.
    first = map(render_source, unknown[:1])
    jobs = build.count_jobs(len(unknown))
    others = processes.map_in_processes(render_source, unknown[1:], jobs)
    by_number = dict(zip(unknown, chain(first, others), strict=True))
    rendered = [by_number.get(n) or _read_entry(known[key]) for n, key in enumerate(keys)]
    if not keeps_specs and any(each.source_plan.inhibits for each in rendered):
        return pipeline.plan_build(sources, settings)
    build_plan = pipeline.merge_source_plans([each.source_plan for each in rendered], run)
    entries = {
        key: known.get(key) or _build_entry(each)
        for key, each in zip(keys, rendered, strict=True)
        if key in known or each.source_plan.is_independent
    }
    files = {
        name: [file for each in rendered for file in each.files[name]] for name in build.formats
    }
    return replace(build_plan, rendered=files, entries=entries)


def _compute_keys(run: BuildInput, build: ParallelBuild) -> list[str]:
    """Compute a digest for each source of all that its files are made of.

    Indicators and SLI plugins are left out: a source that needs them has no entry.
    """
    run_settings = run.settings.run_settings
    settings = replace(
        run.settings,
        indicators={},
        sli_plugins={},
        run_settings=replace(run_settings, recorded_metrics=frozenset()),
    )
    metrics = sorted(run_settings.recorded_metrics)
    common = (build_cache.compute_fingerprint(), repr(settings), metrics, build.formats)
    start = hashlib.sha256(repr(common).encode())
    keys = []
    for source in run.sources:
        digest = start.copy()
        digest.update(repr((source.display_name, str(source.path))).encode())
        digest.update(source.data)
        keys.append(digest.hexdigest())
    return keys


def _render_files(
    plan: Plan | None, run: BuildInput, build: ParallelBuild
) -> dict[str, list[PackedArtifact]]:
    plans, formats = ([plan] if plan else []), load_formats()
    return {
        name: [
            PackedArtifact.pack(artifact)
            for each in plans
            for artifact in formats[name].render_plan(each, run.settings.output)
        ]
        for name in build.formats
    }


def _build_entry(rendered: _RenderedSource) -> Entry:
    """Build the entry of a source, of plain values."""
    source_plan = rendered.source_plan
    names = source_plan.names or SpecNames(())
    return {
        "path": str(source_plan.path),
        "problems": [
            (*_list_values(each.position), each.message, each.hint, each.severity, each.check)
            for each in source_plan.problems
        ],
        "has_names": source_plan.names is not None,
        "names": [(*_list_values(position), name) for name, position in names.unique],
        "objects": [
            (*_list_values(position), name) for name, position in filter(None, [names.own_object])
        ],
        "specs": [
            (each.index, [(a.path, a.owner, a.name, a.position) for a in each.alerts])
            for each in source_plan.specs
        ],
        "files": {
            name: [(str(file.path), file.digest, file.is_object) for file in files]
            for name, files in rendered.files.items()
        },
    }


def _list_values(position: Position) -> tuple[str, int, int]:
    return position.file, position.line, position.column


def _read_entry(entry: Entry) -> _RenderedSource:
    """Read the plan of a source, without what only its files need."""
    named = [(name, Position(*place)) for *place, name in entry["names"]]
    objects = [(name, Position(*place)) for *place, name in entry["objects"]]
    names = SpecNames(tuple(named), objects[0] if objects else None)
    source_plan = SourcePlan(
        path=PurePosixPath(entry["path"]),
        plan=None,
        slos=(),
        problems=tuple(
            Problem(Position(file, line, column), message, hint, ProblemSeverity(severity), check)
            for file, line, column, message, hint, severity, check in entry["problems"]
        ),
        names=names if entry["has_names"] else None,
        coverage=Coverage(),
        specs=tuple(
            SpecInRun(None, (), tuple(_read_alert(*values) for values in alerts), index)
            for index, alerts in entry["specs"]
        ),
        is_independent=True,
    )
    return _RenderedSource(source_plan, _read_files(entry))


def _read_alert(path: Sequence[str | int], owner: str, name: str, position: str) -> NamedAlert:
    return NamedAlert(tuple(path), owner, name, position)


def _read_files(entry: Entry) -> dict[str, list[PackedArtifact]]:
    return {
        name: [PackedArtifact(PurePosixPath(path), *values) for path, *values in files]
        for name, files in entry["files"].items()
    }
