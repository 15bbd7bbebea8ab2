"""The value of a page is the error ratio of its shortest window, whichever condition holds."""

from pathlib import Path

from generator.model import AlertingRule
from tests.generator.promtool import PromtoolEvaluation
from tests.generator.spec_pipeline import build_single_plan
from tests.schema.specs import build_slo, build_spec

SLI = {
    "events": {
        "error_query": 'sum(rate(hits{code="500"}[{{.window}}]))',
        "total_query": "sum(rate(hits[{{.window}}]))",
    }
}
SPEC = build_spec(build_slo(name="a", objective=99, period="30d", sli=SLI))
# A sample every 30 s: six hours without errors, then an outage of half an hour.
GOOD, OUTAGE = 720, 60


def evaluate_page(folder: Path, series: dict[str, str], values: dict[str, float]) -> None:
    """Expect the values of the page at some times, in percent; it fires at each of them."""
    (page,) = (
        rule
        for group in build_single_plan(SPEC).groups
        for rule in group.rules
        if isinstance(rule, AlertingRule) and rule.labels.get("sloth_severity") == "page"
    )
    evaluation = PromtoolEvaluation(SPEC, series)
    for time, value in values.items():
        evaluation.expect_value(time, f"sum({page.expr})", value)
    evaluation.run_promtool(folder)


def test_the_value_falls_after_recovery_while_a_slower_condition_still_holds(
    tmp_path: Path,
) -> None:
    series = {
        'hits{code="200"}': f"0+30x{GOOD} 21600+0x{OUTAGE - 1} 21600+30x60",
        'hits{code="500"}': f"0+0x{GOOD} 30+30x{OUTAGE - 1} 1800+0x60",
    }
    evaluate_page(tmp_path, series, {"6h15m": 100, "6h40m": 0, "6h55m": 0})


def test_a_page_stays_while_there_are_no_events_in_its_shortest_window(tmp_path: Path) -> None:
    series = {
        'hits{code="200"}': f"0+30x{GOOD} 21600+0x{OUTAGE + 60}",
        'hits{code="500"}': f"0+0x{GOOD} 30+30x{OUTAGE - 1} 1800+0x60",
    }
    evaluate_page(tmp_path, series, {"6h15m": 100, "6h40m": 0, "6h55m": 0})
