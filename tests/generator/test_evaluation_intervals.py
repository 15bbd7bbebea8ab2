"""Counts are the same however often, and at which phase, their groups are evaluated.

promtool evaluates all groups at one interval, and some platforms do as well. With
EVALUATION_INTERVALS=100 so many histories are tried instead of two.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generator.promtool import PromtoolEvaluation
from tests.generator.test_any_history import build_events_sli, format_counter
from tests.schema.specs import build_slo, build_spec

SPEC = build_spec(
    build_slo(name="whole", objective=50, period="7d", sli=build_events_sli()),
    build_slo(name="split", objective=50, period="7d", sli=build_events_sli("by (cluster)")),
    build_slo(name="gauge", objective=50, period="7d", sli={"gauge": {"metric": "up"}}),
)
# Scrapes without events, before and after those with events; one every half minute.
QUIET, BUSY = 60, 120
END = "4h"
FEW = settings(
    deadline=None,
    max_examples=int(os.environ.get("EVALUATION_INTERVALS", "2")),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Events since the last scrape, or a missed scrape.
SCRAPES = st.lists(st.one_of(st.integers(0, 50), st.just("missed")), min_size=BUSY, max_size=BUSY)
# At which scrape nothing more is scraped, and for how many scrapes, up to 55 minutes.
GAPS = st.tuples(st.integers(0, BUSY), st.integers(0, 110))


def build_counters(
    scrapes: list[list[object]], gap: tuple[int, int], birth: int
) -> tuple[dict[str, list[object]], dict[str, int]]:
    """Build counters of two clusters, and the errors of each; one counter appears late."""
    at, length = gap
    histories = {}
    for (cluster, code), each in zip(
        (("a", "200"), ("a", "500"), ("b", "200"), ("b", "500")), scrapes, strict=True
    ):
        course = [*each[:at], *["missed"] * length, *each[at:]]
        histories[f'hits{{cluster="{cluster}",code="{code}"}}'] = [
            *[0] * QUIET, *course, *[0] * QUIET,
        ]  # fmt: skip
    late = histories['hits{cluster="b",code="500"}']
    late[:birth] = ["missed"] * birth
    late[birth] = 7
    return histories, {
        cluster: sum(
            step
            for step in histories[f'hits{{cluster="{cluster}",code="500"}}'][birth + 1 :]
            if isinstance(step, int)
        )
        for cluster in "ab"
    }


@FEW
@given(
    st.lists(SCRAPES, min_size=4, max_size=4), GAPS, st.integers(1, QUIET - 1), st.integers(1, 9)
)
def test_a_history_gives_the_same_coarse_sums_at_any_interval_and_phase(
    tmp_path: Path, scrapes: list[list[object]], gap: tuple[int, int], birth: int, phase: int
) -> None:
    histories, errors = build_counters(scrapes, gap, birth)
    for interval, shift in (("1m", 0), ("2m", 1), ("5m", phase), ("10m", phase)):
        series = {
            name: f"_x{2 * shift} {format_counter(steps)}" if shift else format_counter(steps)
            for name, steps in histories.items()
        }
        evaluation = PromtoolEvaluation(SPEC, series, step=interval)
        for selector, expected in (
            ('{sloth_slo="whole"}', sum(errors.values())),
            ('{sloth_slo="split", cluster="a"}', errors["a"]),
            ('{sloth_slo="split", cluster="b"}', errors["b"]),
        ):
            evaluation.expect_value(
                END, f"sum(sum_over_time(slo:sli_errors:sum10m{selector}[{END}]))", expected
            )
        evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("interval", ["3m", "4m", "7m"])
def test_at_an_interval_that_does_not_divide_the_step_no_event_is_counted_twice(
    tmp_path: Path, interval: str
) -> None:
    series = {'hits{cluster="a",code="500"}': "0+1x400"}
    counted = 'max(sum_over_time(slo:sli_errors:sum10m{sloth_slo="whole"}[3h]))'
    evaluation = PromtoolEvaluation(SPEC, series, step=interval)
    evaluation.expect_nothing("3h", f"{counted} > 353")
    evaluation.expect_value("3h", f"{counted} > bool 0", 1)
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("interval", ["15s", "30s", "1m"])
def test_fine_counts_and_ratios_are_the_same_if_they_are_evaluated_more_often(
    tmp_path: Path, interval: str
) -> None:
    series = {
        'hits{cluster="a",code="500"}': "0+1x80",
        'hits{cluster="a",code="200"}': "0+3x80",
        "up": "0x80",
    }
    evaluation = PromtoolEvaluation(SPEC, series, step=interval)
    for slo, events in (("whole", 80), ("gauge", 20)):
        total = f'slo:sli_total:sum1m{{sloth_slo="{slo}"}}'
        evaluation.expect_value("30m", f"sum(sum_over_time({total}[9m59s999ms]))", events)
    for slo, ratio in (("whole", 0.25), ("gauge", 1)):
        evaluation.expect_value(
            "30m", f'max(slo:sli_error:ratio_rate5m{{sloth_slo="{slo}"}})', ratio
        )
    evaluation.run_promtool(tmp_path)
