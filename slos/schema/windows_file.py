"""Parser of Sloth's `AlertWindows` files: the burn-rate windows of one SLO period each."""

from typing import Annotated, Literal

from pydantic import Field

from slos.schema.alerting import AlertWindows
from slos.schema.camel import camel
from slos.schema.document import read_documents
from slos.schema.explain_errors import validate
from slos.schema.problem import Position, Problem
from slos.schema.units import Duration
from slos.schema.wire import DurationField, Wire


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
