"""Stages of a build, each with its processor time, and what one SLO costs in each format."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import yaml

from generator import pipeline
from generator.files.output import write_folder
from generator.files.sources import read_sources
from generator.model import Artifact, SpecFile
from generator.outputs import load_formats
from generator.pipeline import BuildSettings

Result = TypeVar("Result")
_SPECS = 1_000


def measure_stages(spec: str) -> list[tuple[str, str]]:
    """Measure the stages of a build, in one process and without its start."""
    rows: list[tuple[str, str]] = []

    def measure(stage: str, function: Callable[[], Result]) -> Result:
        started = time.process_time()
        result = function()
        rows.append((stage, f"{time.process_time() - started:.2f}"))
        return result

    settings = BuildSettings()
    with TemporaryDirectory() as folder:
        specs = Path(folder, "specs")
        specs.mkdir()
        for number in range(_SPECS):
            text = spec.format(number=number, team=number % 17, objective=1 + number % 9)
            (specs / f"service-{number}.yaml").write_text(text)
        sources, _ = measure("read the files", lambda: read_sources([specs]))
        measure("parse (again in the next line)", lambda: _parse(sources, settings))
        run = pipeline.prepare_run(sources, settings)
        plans = measure("parse, plan, check", lambda: [_plan(each, run) for each in run.sources])
        merged = measure(
            "check what specs have in common", lambda: pipeline.merge_source_plans(plans, run)
        )
        artifacts = measure(
            "render", lambda: list(pipeline.render_folder(merged.plans, "prometheus", settings))
        )
        measure("write", lambda: write_folder(artifacts, Path(folder, "rules")))
        measure("compare", lambda: write_folder(artifacts, Path(folder, "rules")))
    return rows


def _parse(sources: list[SpecFile], settings: BuildSettings) -> None:
    for source in sources:
        pipeline.parse_source(source, settings)


def _plan(source: SpecFile, run: pipeline.BuildInput) -> pipeline.SourcePlan:
    return pipeline.plan_source(source, run)


def measure_formats(spec: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Measure the files, rules, recorded series and bytes of one SLO in each format."""
    settings = BuildSettings()
    data = spec.format(number=1, team=1, objective=9).encode()
    plan = pipeline.plan_build([SpecFile("1.yaml", PurePosixPath("1.yaml"), data)], settings)
    for name, format_ in load_formats().items():
        artifacts = list(pipeline.render_folder(plan.plans, name, settings))
        rules = list(_list_rules(artifacts)) if format_.ENGINE else []
        series = {(each["record"], str(each["labels"])) for each in rules if "record" in each}
        size = sum(len(each.text.encode()) for each in artifacts)
        counts = (len(artifacts), len(rules), len(series), size)
        yield (name, *(f"{count:,}" for count in counts))  # type: ignore[misc] # four counts


def _list_rules(artifacts: list[Artifact]) -> Iterator[dict[str, Any]]:
    for artifact in artifacts:
        document = yaml.safe_load(artifact.text)
        groups = document.get("groups") or document.get("spec", {}).get("groups", [])
        yield from (rule for group in groups for rule in group["rules"])
