"""The same history counted by Prometheus and by VictoriaMetrics, each with the rules for it.

docs/engines.md has the result as a table with a column for each version. `UPDATE_GOLDENS=1` writes
the columns of the programs found; other versions are measured by putting them first on PATH.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from generator.model import Engine
from generator.pipeline import BuildSettings
from generator.settings import RunSettings
from tests.benchmarks.counters import ERRORS, TOTAL
from tests.benchmarks.methods import Method
from tests.benchmarks.traffic import MINUTE, START
from tests.benchmarks.tsdb import find_tool
from tests.e2e.engine_shapes import MINUTES, EngineShape, build_shapes
from tests.e2e.engines import (
    Labels,
    RecordedSeries,
    read_version,
    record_on_prometheus,
    record_on_victoria,
)
from tests.generator.command_line import run_slo_rules
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engines.md"
_TITLE = "| errors counted in budgets / pages |"
_END = START + (MINUTES - 1) * MINUTE
_BUDGETS, _PAGES = "sum10m", "sum1m"

SHAPES = build_shapes()
RECORD: Mapping[Engine, Callable[..., RecordedSeries]] = {
    Engine.PROMETHEUS: record_on_prometheus,
    Engine.VICTORIA_METRICS: record_on_victoria,
}
# Counts of pages estimate what happened around a failed scrape, and count no first values.
_MISSED_BY_PAGES = {"missed scrapes": 0.05, "gaps": 0.5, "first errors": 0.1}


@dataclass(frozen=True, slots=True)
class EngineResult:
    """Series that an engine recorded."""

    engine: Engine
    series: RecordedSeries

    @property
    def version(self) -> str:
        """Name and version of the engine."""
        return read_version(self.engine)

    def count_events(self, shape: EngineShape, kind: str, tier: str) -> float:
        """Count what all steps of a tier hold."""
        return sum(self.get_series(shape, f"slo:sli_{kind}:{tier}").values())

    def get_series(self, shape: EngineShape, name: str) -> Mapping[int, float]:
        """Return the only series of a shape with a name."""
        (found,) = [
            samples
            for labels, samples in self.series[name].items()
            if ("shape", shape.name) in labels
        ]
        return found

    def measure_errors(self, shape: EngineShape, tier: str) -> float:
        """Measure how far the number of errors is from the truth, relative to it."""
        truth = shape.count_events(ERRORS)
        counted = self.count_events(shape, "errors", tier)
        return counted / truth - 1 if truth else counted


def _build_method(engine: Engine) -> Method:
    """Rules of one SLO that is split by shape."""
    queries = {
        "error_query": f"sum by (shape) (rate({ERRORS}[{{{{.window}}}}]))",
        "total_query": f"sum by (shape) (rate({TOTAL}[{{{{.window}}}}]))",
    }
    spec = build_spec(build_slo(name="a", objective=99, period="30d", sli={"events": queries}))
    settings = BuildSettings(run_settings=RunSettings(engine=engine))
    (plan,) = build_plans(spec, settings=settings).plans
    return Method(engine.value, plan.groups, frozenset(), "", "")


@pytest.fixture(scope="module")
def results() -> Mapping[Engine, EngineResult]:
    recorded = {}
    for engine, record in RECORD.items():
        with TemporaryDirectory(prefix="engines-") as temporary:
            series = record(SHAPES, _build_method(engine), Path(temporary), end=_END)
        recorded[engine] = EngineResult(engine, series)
    return recorded


def _read_matrix(text: str) -> dict[str, dict[str, str]]:
    """Cells of the table on the page, by shape and version."""
    lines = text[text.index(_TITLE) :].partition("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def _render_matrix(matrix: Mapping[str, Mapping[str, str]], versions: Sequence[str]) -> str:
    lines = [f"{_TITLE} {' | '.join(versions)} |", "|---" * (len(versions) + 1) + "|"]
    for shape, cells in matrix.items():
        row = [shape, *(cells.get(version, "") for version in versions)]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _render_cell(result: EngineResult, shape: EngineShape) -> str:
    errors = (result.measure_errors(shape, tier) for tier in (_BUDGETS, _PAGES))
    return " / ".join(f"{100 * each:+.1f} %" if abs(each) >= 5e-4 else "0" for each in errors)


def test_the_page_shows_what_each_engine_counts(results: Mapping[Engine, EngineResult]) -> None:
    text = PAGE.read_text()
    shown = _read_matrix(text)
    measured = {
        shape.description: {each.version: _render_cell(each, shape) for each in results.values()}
        for shape in SHAPES
    }
    if os.environ.get("UPDATE_GOLDENS"):
        merged = {shape: shown.get(shape, {}) | cells for shape, cells in measured.items()}
        versions = sorted({version for cells in merged.values() for version in cells})
        old = text[text.index(_TITLE) :].partition("\n\n")[0]
        PAGE.write_text(text.replace(old, _render_matrix(merged, versions)))
        shown = merged
    print(_render_matrix(measured, [each.version for each in results.values()]))  # noqa: T201
    for shape, cells in measured.items():
        assert shown[shape] == shown[shape] | cells


@pytest.mark.parametrize("engine", RECORD)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_budgets_count_every_event_once(
    results: Mapping[Engine, EngineResult], engine: Engine, shape: EngineShape
) -> None:
    for kind, metric in (("errors", ERRORS), ("total", TOTAL)):
        counted = results[engine].count_events(shape, kind, _BUDGETS)
        assert counted == pytest.approx(shape.count_events(metric), rel=2e-3)


@pytest.mark.parametrize("engine", RECORD)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_pages_never_count_too_much_and_miss_no_more_than_the_page_says(
    results: Mapping[Engine, EngineResult], engine: Engine, shape: EngineShape
) -> None:
    missed = results[engine].measure_errors(shape, _PAGES)
    assert -_MISSED_BY_PAGES.get(shape.name, 0.01) <= missed <= 0.005


def test_every_series_is_recorded_on_both_under_the_same_labels(
    results: Mapping[Engine, EngineResult],
) -> None:
    theirs = results[Engine.VICTORIA_METRICS].series
    assert len(theirs) > 15
    for name, series in results[Engine.PROMETHEUS].series.items():
        assert series, name
        assert _select_labels(series) == _select_labels(theirs[name]), name


def _select_labels(series: Mapping[Labels, object]) -> set[Labels]:
    return set(series)


@pytest.mark.parametrize("engine", RECORD)
@pytest.mark.parametrize(
    ("window", "minutes", "tier"),
    [("5m", 5, _PAGES), ("2h", 120, _PAGES), ("1d", 1440, _BUDGETS)],
)
def test_windows_hold_all_steps_up_to_the_newest_that_can_be_read(
    results: Mapping[Engine, EngineResult], engine: Engine, window: str, minutes: int, tier: str
) -> None:
    result, shape = results[engine], SHAPES[0]
    step = {_PAGES: MINUTE, _BUDGETS: 10 * MINUTE}[tier]
    late = step if engine.writes_late else 0
    errors, total = (
        result.get_series(shape, f"slo:sli_{kind}:{tier}") for kind in ("errors", "total")
    )
    ratios = result.get_series(shape, f"slo:sli_error:ratio_rate{window}")
    # A short window that is not full yet is filled up with good events.
    times = [at for at in ratios if tier == _BUDGETS or at - late - minutes * MINUTE > START]
    assert len(times) > 20
    for at in times:
        held = [t for t in total if -minutes * MINUTE < t - (at - late) <= 0]
        expected = sum(errors[t] for t in held) / sum(total[t] for t in held)
        assert ratios[at] == pytest.approx(expected)


def test_vmalert_takes_every_rule_of_this_repository(tmp_path: Path) -> None:
    options = ("--format", "prometheus", "--engine", Engine.VICTORIA_METRICS.value)
    built = run_slo_rules("build", ROOT / "slos", "-o", tmp_path, *options)
    assert built.exit_code == 0, built.output
    assert len(list(tmp_path.glob("*.yaml"))) > 3
    done = _check_rules_in_vmalert(tmp_path)
    if "unknown fields in rule: keep_firing_for" in done.stderr:  # an old vmalert
        for file in tmp_path.glob("*.yaml"):
            kept = re.sub(r"^ +keep_firing_for: .*\n", "", file.read_text(), flags=re.MULTILINE)
            file.write_text(kept)
        done = _check_rules_in_vmalert(tmp_path)
    assert done.returncode == 0, done.stderr.splitlines()[-1]


def _check_rules_in_vmalert(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_tool("vmalert"), "-dryRun", f"-rule={folder}/*.yaml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
