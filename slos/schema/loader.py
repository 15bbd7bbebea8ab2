"""Loader of spec files, AlertWindows files and latency targets; bytes in, no disk."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from slos.schema.accepted import AcceptedCriterion, find_ended, merge_accepted
from slos.schema.alerting import AlertWindows
from slos.schema.compatibility import OLDEST_VERSION
from slos.schema.contract import Stage
from slos.schema.dialects import read_spec
from slos.schema.fields import PROMETHEUS_VERSION, DurationField, SpecModel
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.sli.probe import ProbeSli
from slos.schema.spec import LocatedSpec
from slos.schema.units import Duration
from slos.schema.yaml.document import read_documents
from slos.schema.yaml.parts import Place
from slos.schema.yaml.validation import build_camel_model, validate_document


def parse_specs(
    data: bytes,
    file: str,
    *,
    lenient: bool | None = None,
    prometheus_version: int = OLDEST_VERSION,
    left_out: AbstractSet[Place] = frozenset(),
    context: Mapping[str, Any] | None = None,
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Parse every document of a spec file.

    Args:
        data: the file's content.
        file: the file name that problems show.
        lenient: ignore unknown keys, as Sloth does; None where no option does that.
        prometheus_version: the oldest major version that runs the rules.
        left_out: parts that are not read.
        context: further context of the validation, such as `INDICATORS`.

    Returns:
        The valid specs, and the problems of the others.
    """
    documents, problems = read_documents(data, file, left_out=left_out)
    if not documents and not problems:
        hint = "write at least 'version', 'service' and 'slos'"
        problems = [Problem(Position(file), "no spec in the file", hint)]
    specs = []
    context = {PROMETHEUS_VERSION: prometheus_version, **(context or {})}
    for document in documents:
        located, spec_problems = read_spec(replace(document, context=context), lenient=lenient)
        problems += spec_problems
        if located:
            specs.append(located)
    return specs, problems


def find_targets(specs: Iterable[LocatedSpec]) -> dict[Stage, Duration]:
    """Find the `below` of every `probe` SLI with a stage, by stage.

    Where several SLOs have the same stage, the strictest target counts.
    """
    targets: dict[Stage, Duration] = {}
    for located in specs:
        for slo in located.spec.slos:
            sli = slo.sli.get_type()
            if isinstance(sli, ProbeSli) and sli.stage and sli.below:
                targets[sli.stage] = min(sli.below, targets.get(sli.stage, sli.below))
    return targets


@dataclass(frozen=True, slots=True)
class ProbeTargets:
    """Parts of specs that slo-probe reads.

    Attributes:
        stages: target of each stage.
        accepted: criteria whose failure is accepted.
    """

    stages: Mapping[Stage, Duration]
    accepted: tuple[AcceptedCriterion, ...]


def parse_probe_targets(
    files: Iterable[tuple[bytes, str]], *, now: float
) -> tuple[ProbeTargets, list[Problem]]:
    """Parse the spec files of slo-probe, each with its name.

    An accepted criterion whose date is over is a warning.
    """
    specs: list[LocatedSpec] = []
    problems: list[Problem] = []
    for data, file in files:
        specs_of_file, found = parse_specs(data, file)
        specs += specs_of_file
        problems += found
    problems += [
        Problem(located.find_position(place), message, hint, ProblemSeverity.WARNING)
        for located in specs
        for place, message, hint in find_ended(located.spec.accepted, now=now)
    ]
    accepted = merge_accepted(located.spec.accepted for located in specs)
    return ProbeTargets(find_targets(specs), accepted), problems


class _PeriodWindows(AlertWindows):
    """The windows of an `AlertWindows` object and the SLO period they are for."""

    slo_period: DurationField


class _WindowsFile(SpecModel):
    """An `AlertWindows` object; the keys are Sloth's."""

    api_version: Annotated[Literal["sloth.slok.dev/v1"], Field(alias="apiVersion")]
    kind: Literal["AlertWindows"]
    spec: _PeriodWindows


def parse_windows(data: bytes, file: str) -> tuple[dict[Duration, AlertWindows], list[Problem]]:
    """Parse the windows of a file, by their period; keys unknown to Sloth are ignored."""
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        problems = [
            Problem(Position(file), "no alert windows in the file", "add an AlertWindows object")
        ]
    windows_by_period: dict[Duration, AlertWindows] = {}
    for document in documents:
        windows, window_problems = validate_document(
            document, build_camel_model(_WindowsFile), lenient=True
        )
        problems += window_problems
        if windows:
            period = windows.spec.slo_period
            if windows_by_period.setdefault(period, windows.spec) != windows.spec:
                position = document.find_position(("spec", "sloPeriod"))
                problems.append(describe_duplicate_period(position, period))
    return windows_by_period, problems


def describe_duplicate_period(position: Position, period: Duration) -> Problem:
    """Describe two different sets of windows for one period as a problem."""
    hint = "remove one of them, or change its sloPeriod"
    return Problem(position, f"duplicate windows for the period {period}", hint)
