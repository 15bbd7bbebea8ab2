"""Parse spec files, AlertWindows files and the latency targets in specs (bytes in, no disk)."""

from typing import Annotated, Literal

from pydantic import Field

from slos.schema.alerting import AlertWindows
from slos.schema.contract import Stage
from slos.schema.dialects import read_spec
from slos.schema.fields import DurationField, Wire
from slos.schema.problem import Position, Problem
from slos.schema.sli.probe import ProbeSli
from slos.schema.spec import LocatedSpec
from slos.schema.units import Duration
from slos.schema.yaml.document import read_documents
from slos.schema.yaml.validation import camel, validate


def parse_specs(
    data: bytes, file: str, *, lenient: bool = False
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Parse every document of a spec file.

    Args:
        data: the file's content.
        file: the file name that problems show.
        lenient: ignore unknown keys, as Sloth does.

    Returns:
        The valid specs, and the problems of the others.
    """
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        hint = "write at least 'version', 'service' and 'slos'"
        problems = [Problem(Position(file), "the file holds no spec", hint)]
    specs = []
    for document in documents:
        located, found = read_spec(document, lenient=lenient)
        problems += found
        if located:
            specs.append(located)
    return specs, problems


def load_targets(data: bytes, file: str) -> tuple[dict[Stage, Duration], list[Problem]]:
    """Parse a spec file and return the `below` of every `probe` SLI with a stage, by stage.

    Where several SLOs have the same stage, the strictest target counts.
    """
    targets: dict[Stage, Duration] = {}
    specs, problems = parse_specs(data, file)
    for located in specs:
        for slo in located.spec.slos:
            sli = slo.sli.chosen()
            if isinstance(sli, ProbeSli) and sli.stage and sli.below:
                targets[sli.stage] = min(sli.below, targets.get(sli.stage, sli.below))
    return targets, problems


class _PeriodWindows(AlertWindows):
    """The windows of an `AlertWindows` object and the SLO period they are for."""

    slo_period: DurationField


class _WindowsFile(Wire):
    """An `AlertWindows` object; the keys are Sloth's."""

    api_version: Annotated[Literal["sloth.slok.dev/v1"], Field(alias="apiVersion")]
    kind: Literal["AlertWindows"]
    spec: _PeriodWindows


def parse_windows(data: bytes, file: str) -> tuple[dict[Duration, AlertWindows], list[Problem]]:
    """Parse the windows of a file, by their period; keys unknown to Sloth are ignored."""
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        problems = [Problem(Position(file), "the file holds no windows", "write an AlertWindows")]
    found: dict[Duration, AlertWindows] = {}
    for document in documents:
        windows, wrong = validate(document, camel(_WindowsFile), lenient=True)
        problems += wrong
        if windows:
            period = windows.spec.slo_period
            if found.setdefault(period, windows.spec) != windows.spec:
                at = document.at(("spec", "sloPeriod"))
                problems.append(already_known(at, period))
    return found, problems


def already_known(at: Position, period: Duration) -> Problem:
    """Describe two different sets of windows for one period as a problem."""
    hint = "remove one of the two, or give it another sloPeriod"
    return Problem(at, f"the period {period} has other windows already", hint)
