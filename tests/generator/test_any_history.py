"""What holds for any history of counters, judged by Prometheus' own evaluation."""

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generator.evaluated import Evaluation
from tests.schema.specs import slo, spec

MINUTES = 40
SCRAPES = MINUTES * 2

# Per scrape: events since the last one, a restart of the process, or a missed scrape.
STEPS = st.lists(
    st.one_of(st.integers(0, 50), st.just("restart"), st.just("missed")),
    min_size=SCRAPES,
    max_size=SCRAPES,
)


def events(by: str = "") -> dict[str, object]:
    return {
        "events": {
            "error_query": f'sum {by} (rate(hits{{code="500"}}[{{{{.window}}}}]))',
            "total_query": f"sum {by} (rate(hits[{{{{.window}}}}]))",
        }
    }


TIERS = ("slo:sli_total:sum1m", "slo:sli_errors:sum1m")
SPEC = spec(
    slo(name="whole", objective=50, period="7d", sli=events()),
    slo(name="split", objective=50, period="7d", sli=events("by (cluster)")),
)


def counter(steps: list[object]) -> str:
    """A counter's samples as promtool reads them."""
    value, samples = 0, []
    for step in steps:
        if isinstance(step, int):
            value += step
        elif step == "restart":
            value = 0
        samples.append("_" if step == "missed" else str(value))
    return " ".join(samples)


def _sum(tier: str, name: str) -> str:
    return f'sum({tier}{{sloth_slo="{name}"}})'


@settings(
    deadline=None,
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # promtool is too slow to shrink with
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories=st.lists(STEPS, min_size=4, max_size=4))
def test_ratios_lie_between_0_and_1_and_groups_add_up_to_the_whole(
    tmp_path: Path, histories: list[list[object]]
) -> None:
    names = [("a", "200"), ("a", "500"), ("b", "200"), ("b", "500")]
    series = {
        f'hits{{cluster="{cluster}", code="{code}"}}': counter(steps)
        for (cluster, code), steps in zip(names, histories, strict=True)
    }
    ratio = '{__name__=~"slo:sli_error:ratio_rate.*"}'
    evaluation = Evaluation(SPEC, series)
    for minute in range(2, MINUTES, 3):
        # Sums in another order differ in the last bits.
        evaluation.nothing(f"{minute}m", f"count({ratio} < 0 or {ratio} > 1 + 1e-9)")
        for tier in TIERS:
            apart = f"{_sum(tier, 'whole')} - {_sum(tier, 'split')}"
            evaluation.nothing(f"{minute}m", f"count(abs({apart}) > 1e-6)")
    evaluation.run(tmp_path)
