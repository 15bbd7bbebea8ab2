"""The alert that VAL-008 names, on the results that the prober counts on its own schedule.

`PLAN_DAYS=14` tries the healthy houses over two weeks.
"""

import json
import os
import random
from pathlib import Path

import pytest

from tests.generator.probe_plan import OVERLAYS, ROOT, PlannedProber, SpoilRun, load_overlay
from tests.generator.promtool import check_rules_on_series, read_groups, select_rules

ALERT = "AgentSREValidationFailureRateHigh"
FIRING = f'ALERTS{{alertname="{ALERT}", alertstate="firing"}}'
MINUTE, HOUR = 60.0, 3600.0
DAYS = float(os.environ.get("PLAN_DAYS", "0.1"))
ONSET = HOUR / 2
RARE = 0.001
"""Share of runs that fail on a healthy house, each for itself."""


def check_alert(folder: Path, series: dict[str, str], expr: str, at: float, *, fires: bool) -> None:
    """Check whether an expression over the alert has a value at a time."""
    samples = [{"labels": "{}", "value": 1}] if fires else []
    checks = [{"expr": expr, "eval_time": f"{at:.0f}s", "exp_samples": samples}]
    groups = select_rules(
        read_groups(ROOT / "rules" / "prometheus" / "agent-sre.yaml"), {"promql_expr_test": checks}
    )
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    lines = [{"series": each, "values": values} for each, values in series.items()]
    check_rules_on_series(folder, lines, checks)


@pytest.mark.timeout(180 if DAYS < 1 else 3600)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_is_silent_on_a_healthy_house_with_accepted_and_rare_failures(
    tmp_path: Path, overlay: str
) -> None:
    chance = random.Random(overlay)
    prober = PlannedProber(load_overlay(overlay), lambda _: chance.random() < RARE)
    seconds = DAYS * 24 * HOUR
    series = prober.count_results(seconds)
    window = f"max(max_over_time({FIRING}[{seconds:.0f}s]))"
    check_alert(tmp_path, series, window, seconds, fires=False)


@pytest.mark.parametrize("seed", range(3))
def test_it_fires_within_six_minutes_when_one_run_in_ten_fails_at_the_rates_of_studio(
    tmp_path: Path, seed: int
) -> None:
    prober = PlannedProber(load_overlay("studio"), spoil_one_in_ten(random.Random(seed)))
    series = prober.count_results(ONSET + 6 * MINUTE)
    window = f"max(max_over_time({FIRING}[6m]))"
    check_alert(tmp_path, series, window, ONSET + 6 * MINUTE, fires=True)


def spoil_one_in_ten(chance: random.Random) -> SpoilRun:
    """Let one run of every ten fail from the onset on, at a random place among the ten."""
    ten: list[bool] = []

    def spoil(at: float) -> bool:
        if at < ONSET:
            return False
        if not ten:
            ten.extend(chance.sample([True] + [False] * 9, 10))
        return ten.pop()

    return spoil
