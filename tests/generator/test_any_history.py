"""Properties of any history of counters, evaluated by Prometheus."""

from itertools import groupby
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.generator.promtool import PromtoolEvaluation
from tests.schema.specs import build_slo, build_spec

MINUTES = 40
SCRAPES = MINUTES * 2
SCRAPES_IN_STEP = 20

# Per scrape: events since the last one, a restart of the process, or a missed scrape.
STEPS = st.lists(
    st.one_of(st.integers(0, 50), st.just("restart"), st.just("missed")),
    min_size=SCRAPES,
    max_size=SCRAPES,
)


def build_events_sli(by: str = "") -> dict[str, object]:
    return {
        "events": {
            "error_query": f'sum {by} (rate(hits{{code="500"}}[{{{{.window}}}}]))',
            "total_query": f"sum {by} (rate(hits[{{{{.window}}}}]))",
        }
    }


TIERS = ("slo:sli_total:sum1m", "slo:sli_errors:sum1m", "slo:sli_total:sum10m")
SPEC = build_spec(
    build_slo(name="whole", objective=50, period="7d", sli=build_events_sli()),
    build_slo(name="split", objective=50, period="7d", sli=build_events_sli("by (cluster)")),
)


def format_counter(steps: list[object]) -> str:
    """A counter's samples as promtool reads them."""
    value, samples = 0, []
    for step in steps:
        if isinstance(step, int):
            value += step
        elif step == "restart":
            value = 0
        samples.append("_" if step == "missed" else str(value))
    return " ".join(samples)


def _build_sum_query(tier: str, name: str) -> str:
    return f'sum({tier}{{sloth_slo="{name}"}})'


FEW = settings(
    deadline=None,
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # promtool is too slow to shrink with
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FEW
@given(histories=st.lists(STEPS, min_size=4, max_size=4))
def test_ratios_lie_between_0_and_1_and_groups_add_up_to_the_whole(
    tmp_path: Path, histories: list[list[object]]
) -> None:
    names = [("a", "200"), ("a", "500"), ("b", "200"), ("b", "500")]
    series = {
        f'hits{{cluster="{cluster}", code="{code}"}}': format_counter(steps)
        for (cluster, code), steps in zip(names, histories, strict=True)
    }
    ratio = '{__name__=~"slo:sli_error:ratio_rate.*"}'
    evaluation = PromtoolEvaluation(SPEC, series, evaluates_all=True)
    for minute in range(2, MINUTES, 3):
        # Sums in another order differ in the last bits.
        evaluation.expect_nothing(f"{minute}m", f"count({ratio} < 0 or {ratio} > 1 + 1e-9)")
        for tier in TIERS:
            apart = f"{_build_sum_query(tier, 'whole')} - {_build_sum_query(tier, 'split')}"
            evaluation.expect_nothing(f"{minute}m", f"count(abs({apart}) > 1e-6)")
    evaluation.run_promtool(tmp_path)


def _measure_longest_gap(history: list[object]) -> int:
    runs = groupby(history, lambda step: step == "missed")
    return max((len(list(run)) for missed, run in runs if missed), default=0)


def _read_value(samples: str, scrape: int) -> int:
    """The newest value at a scrape."""
    return int([value for value in samples.split()[: scrape + 1] if value != "_"][-1])


@FEW
@given(
    st.lists(st.one_of(st.integers(0, 50), st.just("missed")), min_size=SCRAPES, max_size=SCRAPES),
    st.integers(1, 19),
    st.integers(20, SCRAPES - 20),
)
def test_whatever_scrapes_fail_ten_minute_counts_lose_no_event_unless_a_counter_was_reset(
    tmp_path: Path, steps: list[object], hole: int, start: int
) -> None:
    history = [0, *steps[:start], *["missed"] * hole, *steps[start + hole :]]
    # A step in which a series has no sample at all cannot count it.
    assume(_measure_longest_gap(history) < SCRAPES_IN_STEP)
    samples = format_counter(history)
    evaluation = PromtoolEvaluation(SPEC, {'hits{code="200"}': samples}, step="10m")
    for minute in (20, 30, 40):
        # The coarse tier reads samples that are three and a half minutes old.
        counted = _read_value(samples, minute * 2 - 7) - _read_value(samples, minute * 2 - 27)
        evaluation.expect_value(
            f"{minute}m", 'sum(slo:sli_total:sum10m{sloth_slo="whole"})', counted
        )
    evaluation.run_promtool(tmp_path)
