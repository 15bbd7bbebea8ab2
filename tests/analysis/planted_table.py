"""Table of the planted bottlenecks, and what the analysis names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from exporter.analysis.bottleneck import diagnose
from exporter.analysis.finding import Diagnosis
from exporter.analysis.measurements import read_measurements
from tests.analysis.plants import read_documents

HEALTHY = "healthy"
_INTRO = """\
# Planted bottlenecks

Each row is a simulator with one bottleneck, measured by `slo-probe`'s scenarios over several seeds.
A seed sets how bad the bottleneck is. The analysis is right if the bottleneck that it names first
is the planted one, and if it names none on the healthy system.

    PLANTED_SEEDS=10 python -m pytest -q tests/analysis/test_planted_bottlenecks.py

runs the simulators and writes this page. The limits of the analysis were set on recordings of seeds
1 to 10, so the table shows that one set of limits fits them all, not an error rate.
"""


def diagnose_file(path: Path) -> Diagnosis:
    """Diagnose the recorded campaign of a plant."""
    documents: Sequence[Mapping[str, Any]] = read_documents(path)
    return diagnose([read_measurements(document) for document in documents])


def name_first(diagnosis: Diagnosis) -> str:
    """Name the worst bottleneck; healthy without one."""
    return diagnosis.bottleneck.kind.value if diagnosis.bottleneck else HEALTHY


def render_table(found: Mapping[str, Sequence[Diagnosis]]) -> str:
    """Render the page."""
    rows = ["| planted | seeds | named first | confidence |", "| --- | --- | --- | --- |"]
    for plant, diagnoses in found.items():
        names = [name_first(diagnosis) for diagnosis in diagnoses]
        named = ", ".join(f"{name} {names.count(name)}" for name in sorted(set(names)))
        firsts = [each.bottleneck.confidence.value for each in diagnoses if each.bottleneck]
        confidence = ", ".join(f"{name} {firsts.count(name)}" for name in sorted(set(firsts)))
        rows.append(f"| {plant} | {len(names)} | {named} | {confidence or '-'} |")
    return "\n".join([_INTRO, *rows, ""])
